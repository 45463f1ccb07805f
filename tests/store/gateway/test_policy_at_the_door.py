"""A plan's own rules count at the door, and what they were asked about is kept for the next comparison."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from interpayer.policy import store
from interpayer.policy.bundle import Bundle
from interpayer.policy.composing import closed, compose, shipped
from tests.support.doors import DoorUnderTest


def rule(action: str, reason: str) -> Bundle:
    text = f"""@id("ours")
@reason("{reason}")
forbid (principal, action == Action::"{action}", resource) when {{ principal.client_id == "plan-b" }};
"""
    return compose({"partners.cedar": text})


@contextmanager
def governed(door: DoorUnderTest, bundle: Bundle) -> Iterator[None]:
    object.__setattr__(door.door, "policy", lambda: bundle)
    yield
    object.__setattr__(door.door, "policy", shipped)


def called(door: DoorUnderTest, token: str, client_id: str = "plan-b") -> tuple[int, str]:
    with door.client(client_id) as http:
        response = http.get("/fhir/Group/b-1", headers={"Authorization": f"Bearer {token}"})
    body = response.json()
    return response.status_code, body["issue"][0]["details"]["coding"][0]["code"] if "issue" in body else ""


@pytest.mark.parametrize(
    ("reason", "told"), [("caller.not_acting_for", "caller.not_acting_for"), ("policy.denied", "caller.suspended")]
)
def test_a_rule_of_ones_own_ends_a_call(door: DoorUnderTest, reason: str, told: str) -> None:
    token, other = door.token(), door.token(client_id="plan-c")
    assert called(door, token)[0] == 200
    with governed(door, rule("call", reason)):
        assert called(door, token) == (403, told)
        assert door.events[-1].reason == told
        assert called(door, other, "plan-c")[0] == 200, "the rule names one partner"
    assert called(door, token)[0] == 200


def test_a_rule_of_ones_own_ends_a_token(door: DoorUnderTest) -> None:
    with governed(door, rule("token", "policy.denied")):
        refused = door.ask_token()
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert door.token(client_id="plan-c")


def test_a_policy_that_does_not_load_lets_nobody_in(door: DoorUnderTest) -> None:
    token = door.token()
    with governed(door, closed({"ours.cedar": "permit"}, "of another release")):
        assert called(door, token)[0] == 403
        assert door.ask_token().status_code == 401


def test_what_was_asked_is_kept_by_distinct_facts(door: DoorUnderTest) -> None:
    with door.database.door.transaction() as conn:
        door.door.rulings.flush(conn)
    token = door.token()
    for _ in range(3):
        assert called(door, token)[0] == 200
    with governed(door, rule("call", "policy.denied")):
        called(door, token)
    with door.database.door.transaction() as conn:
        assert door.door.rulings.flush(conn) == 3
        assert door.door.rulings.flush(conn) == 0
    with door.database.operator.transaction() as conn:
        kept = {(one.facts["action"], one.allow): one for one in store.last(conn, 3)}
    assert {place: one.times for place, one in kept.items()} == {
        ("token", True): 1,
        ("call", True): 3,
        ("call", False): 1,
    }
    assert kept["call", False].policies == ("ours",)
    assert kept["call", True].version == shipped().version
