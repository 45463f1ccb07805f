"""The breaker that all processes share: asked before every call, told after it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from interpayer.exchange.steps.calling import called
from interpayer.exchange.tools import Tools
from interpayer.model.agreement import Pace
from interpayer.model.partner import Endpoint
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import directory
from interpayer.policy.composing import compose
from interpayer.routing import registry
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner
from tests.support.tools import opened

ENDPOINT = Endpoint("e-1", "p-old", "https://old.example/fhir", (), "2.2", "test")
PARTNER = a_partner("old", our_client_id="new")
DOWN = Fault(FaultKind.RETRYABLE, "partner.unreachable")


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with database.operator.transaction() as conn:
        directory.add_partner(conn, PARTNER, None, by="tests")
        registry.add_endpoint(conn, ENDPOINT, ["old"])
    with opened(database, tmp_path / "home", role="worker") as tools:
        yield tools


def fail(tools: Tools, fault: Exception, times: int = 1) -> None:
    def raised(_client: object) -> None:
        raise fault

    for _ in range(times):
        with pytest.raises(type(fault)):
            called(tools, ENDPOINT, raised, partner=PARTNER)


def state(tools: Tools) -> str:
    with tools.database.transaction() as conn:
        breaker = registry.breaker_states(conn, ["e-1"]).get("e-1")
    return breaker.state if breaker else "closed"


def rest_is_over(tools: Tools) -> None:
    with tools.database.transaction() as conn:
        conn.execute("update routing.breaker set open_until = %s", [now() - timedelta(seconds=1)])


def test_an_endpoint_that_is_down_is_left_alone_until_its_rest_is_over(tools: Tools) -> None:
    fail(tools, DOWN, tools.policy().breaker.failures)
    assert state(tools) == "open"
    with pytest.raises(Fault) as caught:
        called(tools, ENDPOINT, lambda _: pytest.fail("a call went out"), partner=PARTNER)
    assert (caught.value.kind, caught.value.reason) == (FaultKind.RETRYABLE, "route.breaker_open")
    assert 1 <= (caught.value.retry_after_s or 0) <= tools.policy().breaker.open_s

    rest_is_over(tools)
    assert called(tools, ENDPOINT, lambda _: "there", partner=PARTNER) == "there"
    assert state(tools) == "closed"


def test_only_one_caller_probes(tools: Tools) -> None:
    fail(tools, DOWN, tools.policy().breaker.failures)
    rest_is_over(tools)

    def probe(_client: object) -> None:
        with pytest.raises(Fault, match=r"route\.breaker_open"):
            called(tools, ENDPOINT, lambda _: pytest.fail("a second call went out"), partner=PARTNER)

    called(tools, ENDPOINT, probe, partner=PARTNER)
    assert state(tools) == "closed"


def test_a_failed_probe_makes_the_rest_longer(tools: Tools) -> None:
    fail(tools, DOWN, tools.policy().breaker.failures)
    rest_is_over(tools)
    fail(tools, DOWN)
    with pytest.raises(Fault) as caught:
        called(tools, ENDPOINT, lambda _: None, partner=PARTNER)
    assert (caught.value.retry_after_s or 0) > tools.policy().breaker.open_s


@pytest.mark.parametrize(
    "ending",
    [
        Refusal("partner.not_found"),
        Fault(FaultKind.TERMINAL, "partner.bad_answer"),
        Fault(FaultKind.CONDITIONAL, "partner.refused"),
        Fault(FaultKind.RETRYABLE, "delivery.interrupted"),
        Fault(FaultKind.RETRYABLE, "system.storage"),
    ],
    ids=lambda ending: ending.reason,
)
def test_a_no_or_a_fault_of_our_own_is_not_blamed_on_the_partner(tools: Tools, ending: Exception) -> None:
    fail(tools, ending, tools.policy().breaker.failures + 1)
    assert state(tools) == "closed"


def test_a_call_that_may_have_arrived_counts_like_one_that_did_not(tools: Tools) -> None:
    late = Fault(FaultKind.CONDITIONAL, "partner.timeout")
    fail(tools, late, tools.policy().breaker.failures - 1)
    assert state(tools) == "closed"
    fail(tools, late)
    assert state(tools) == "open"


def test_an_answer_ends_the_count(tools: Tools) -> None:
    fail(tools, DOWN, tools.policy().breaker.failures - 1)
    called(tools, ENDPOINT, lambda _: None, partner=PARTNER)
    fail(tools, DOWN, tools.policy().breaker.failures - 1)
    assert state(tools) == "closed"


def test_the_numbers_are_those_of_the_policy(tools: Tools) -> None:
    quicker = compose({"policy.yaml": "breaker: {failures: 1}"})
    quick = replace(tools, policy=lambda: quicker)
    fail(quick, DOWN)
    assert state(quick) == "open"


def test_a_partner_that_throttles_is_called_again_when_it_said_so(tools: Tools) -> None:
    fail(tools, Fault(FaultKind.RETRYABLE, "partner.throttled", retry_after_s=90))
    with pytest.raises(Fault) as caught:
        called(tools, ENDPOINT, lambda _: pytest.fail("a call went out"), partner=PARTNER)
    assert (caught.value.kind, caught.value.reason) == (FaultKind.RETRYABLE, "route.paced")
    assert 80 < (caught.value.retry_after_s or 0) <= 90


def test_the_agreed_pace_is_kept_between_calls(tools: Tools, database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        known = directory.agreed(conn, PARTNER.id)
        assert known is not None
        slow = replace(known, pace=Pace(per_minute=1, burst=2))
        directory.change_partner(conn, PARTNER, slow, acts_for=())
    went: list[str] = []
    for _ in range(2):
        called(tools, ENDPOINT, lambda _: went.append("call"), partner=PARTNER)
    with pytest.raises(Fault, match=r"route\.paced"):
        called(tools, ENDPOINT, lambda _: went.append("call"), partner=PARTNER)
    assert len(went) == 2
