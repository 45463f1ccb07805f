"""Which role may do what."""

from datetime import UTC, datetime

import pytest

from interpayer.model.reason import Refusal
from interpayer.operations.access import ACTIONS, ROLES, Person, are_two, may, require


def a_person(*roles: str, revoked: bool = False) -> Person:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Person("Ana Ruiz", "person", roles, at, "first admin", at if revoked else None)


def test_the_table_names_known_roles_only() -> None:
    assert all(roles and roles <= set(ROLES) for roles in ACTIONS.values())


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("steward", "case.decide", True),
        ("operator", "case.decide", False),
        ("operator", "case.look", False),
        ("analyst", "audit.disclosures", True),
        ("operator", "audit.disclosures", False),
        ("system", "letter.replay", False),
        ("system", "hold.clear", False),
        ("admin", "exchange.ask", False),
        ("operator", "access.change", False),
        ("admin", "no.such.action", False),
    ],
)
def test_a_role_may_do_what_the_table_says(role: str, action: str, *, allowed: bool) -> None:
    assert may(a_person(role), action) is allowed


def test_nobody_without_access_may_do_anything() -> None:
    assert not any(may(a_person(*ROLES, revoked=True), action) for action in ACTIONS)


def test_a_refusal_says_who_could() -> None:
    with pytest.raises(Refusal) as refused:
        require(a_person("operator"), "case.decide")
    assert refused.value.reason == "caller.not_permitted"
    assert "steward" in refused.value.detail


def test_four_eyes_are_two_names() -> None:
    assert are_two("Ana Ruiz", "Bo Lind")
    assert not are_two("Ana Ruiz", " ana  RUIZ ")
    assert not are_two("Ana Ruiz", "")
