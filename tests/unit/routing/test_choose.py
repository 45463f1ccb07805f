"""Which route is taken, and why the others are not."""

from datetime import UTC, datetime, timedelta

import pytest

from interpayer.model.partner import Endpoint
from interpayer.model.reason import REASONS
from interpayer.model.route import Mode
from interpayer.routing.choose import Breaker, Wanted, choose, version_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)
BULK, SINGLE = ("bulk-member-match", "davinci-data-export"), ("member-match", "everything")


def an_endpoint(name="e-1", capabilities=BULK + SINGLE, **fields):
    given = {"version": "2.2", "environment": "production", "capabilities": capabilities, **fields}
    return Endpoint(id=name, partner_id="p-1", fhir_base="https://old.example/fhir", **given)


def choice(*endpoints, breakers=None, **wanted):
    asked = {"environment": "production", "profile": None, "requires_mtls": True, "members": 1, "at": NOW, **wanted}
    return choose(endpoints, Wanted(**asked), breakers=breakers or {}, registry_version="registry-7")


@pytest.mark.parametrize(
    ("endpoint", "profile", "mode"),
    [
        (an_endpoint(), None, Mode.BULK_2_2),
        (an_endpoint(version="2.2.0"), None, Mode.BULK_2_2),
        (an_endpoint(version="2.3.1"), None, Mode.BULK_2_2),
        (an_endpoint(version="2.1.0"), None, Mode.BULK_2_1),
        (an_endpoint(version="2.0"), None, Mode.BULK_2_1),
        (an_endpoint(capabilities=SINGLE), None, Mode.SINGLE_EVERYTHING),
        (an_endpoint(capabilities=(*SINGLE, "bulk-member-match")), None, Mode.SINGLE_EVERYTHING),
        (an_endpoint(), "single", Mode.SINGLE_EVERYTHING),
        (an_endpoint(), "bulk", Mode.BULK_2_2),
        (an_endpoint(), "bulk_2.2", Mode.BULK_2_2),
        (an_endpoint(), "everything", Mode.SINGLE_EVERYTHING),
    ],
)
def test_bulk_by_default_single_when_only_that_works(endpoint, profile, mode):
    route = choice(endpoint, profile=profile)
    assert (route.mode, route.endpoint_id, route.partner_id) == (mode, "e-1", "p-1")
    assert (route.registry_version, route.reason, route.wait) == ("registry-7", None, False)
    assert route.why
    assert {r.reason for r in route.rejected} <= set(REASONS)
    assert all(r.mode != mode.value for r in route.rejected)


@pytest.mark.parametrize(
    ("endpoint", "wanted", "reason", "wait"),
    [
        (an_endpoint(capabilities=("member-match",)), {}, "route.no_capability", False),
        (an_endpoint(capabilities=SINGLE), {"profile": "bulk"}, "route.no_capability", False),
        (an_endpoint(), {"profile": "bulk_2.1"}, "route.no_capability", False),
        (an_endpoint(), {"profile": "telepathy"}, "route.no_capability", False),
        (an_endpoint(version="3.0"), {}, "route.version_mismatch", False),
        (an_endpoint(version="STU2"), {}, "route.version_mismatch", False),
        (an_endpoint(environment="test"), {}, "route.no_capability", False),
        (an_endpoint(requires_mtls=False), {}, "route.no_capability", False),
        (an_endpoint(status="quarantined"), {}, "route.quarantined", False),
        (an_endpoint(status="suspended"), {}, "route.quarantined", False),
        (an_endpoint(maintenance=((NOW - HOUR, NOW + HOUR),)), {}, "route.maintenance", True),
    ],
)
def test_why_not(endpoint, wanted, reason, wait):
    route = choice(endpoint, **wanted)
    assert (route.mode, route.endpoint_id) == (None, None)
    assert (route.reason, route.wait) == (reason, wait)
    assert {r.endpoint_id for r in route.rejected} == {"e-1"}


@pytest.mark.parametrize(
    ("breaker", "chosen"),
    [
        (Breaker("closed"), True),
        (Breaker("open", NOW + HOUR), False),
        (Breaker("open", NOW - HOUR), True),
        (Breaker("half_open", NOW + HOUR), False),
        (Breaker("half_open", NOW - HOUR), True),
    ],
)
def test_a_breaker_rests_calls_until_its_time_is_over(breaker, chosen):
    route = choice(an_endpoint(), breakers={"e-1": breaker})
    assert (route.mode is not None) is chosen
    assert (route.reason, route.wait) == ((None, False) if chosen else ("route.breaker_open", True))


def test_maintenance_that_is_over_or_to_come_rejects_nothing():
    windows = ((NOW - 2 * HOUR, NOW), (NOW + HOUR, NOW + 2 * HOUR))
    assert choice(an_endpoint(maintenance=windows)).mode is Mode.BULK_2_2


def test_the_better_endpoint_wins_and_the_order_of_the_registry_does_not_matter():
    single, small, large = (
        an_endpoint("e-1", SINGLE),
        an_endpoint("e-2", maximum_members=10),
        an_endpoint("e-3", maximum_members=500),
    )
    for order in ([single, small, large], [large, single, small]):
        assert choice(*order).endpoint_id == "e-3"
    resting = {"e-2": Breaker("open", NOW + HOUR), "e-3": Breaker("open", NOW + HOUR)}
    assert choice(single, small, large, breakers=resting).mode is Mode.SINGLE_EVERYTHING


def test_several_reasons_and_one_that_passes():
    route = choice(
        an_endpoint("e-1", status="suspended"), an_endpoint("e-2"), breakers={"e-2": Breaker("open", NOW + HOUR)}
    )
    assert (route.reason, route.wait) == ("route.all_rejected", True)
    assert {(r.endpoint_id, r.reason) for r in route.rejected} >= {
        ("e-1", "route.quarantined"),
        ("e-2", "route.breaker_open"),
    }


def test_a_payer_without_an_endpoint_gets_a_letter():
    route = choice()
    assert (route.mode, route.reason, route.endpoint_id) == (Mode.MANUAL, "route.no_api", None)


def test_the_other_way_at_the_same_endpoint_is_told_when_it_was_not_possible():
    route = choice(an_endpoint(capabilities=SINGLE))
    assert [(r.mode, r.reason) for r in route.rejected] == [("bulk_2.2", "route.no_capability")]
    assert choice(an_endpoint()).rejected == ()


def test_more_members_than_one_call_takes_is_told():
    assert "split" in choice(an_endpoint(maximum_members=10), members=11).why
    assert "split" not in choice(an_endpoint(maximum_members=10), members=10).why


@pytest.mark.parametrize(("text", "version"), [("2.2.0", (2, 2)), ("v2.1", (2, 1)), ("2", None), ("", None)])
def test_versions(text, version):
    assert version_of(an_endpoint(version=text)) == version
