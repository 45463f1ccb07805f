"""The registry and the breakers that all processes share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.model.partner import Endpoint
from interpayer.model.reason import Refusal
from interpayer.routing import registry
from interpayer.routing.choose import Breaker
from interpayer.routing.registry import BreakerLimits
from interpayer.system.database import DatabaseError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LIMITS = BreakerLimits(failures=3, open_s=10, open_most_s=25, probe_s=5)
ENDPOINT = Endpoint(
    id="e-1",
    partner_id="p-1",
    fhir_base="https://old.example/fhir",
    capabilities=("member-match", "everything"),
    version="2.2",
    environment="test",
    maintenance=((NOW, NOW + timedelta(hours=1)),),
)


def later(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def listed(database):
    with database.operator.transaction() as conn:
        registry.add_endpoint(conn, ENDPOINT, ["npi|1", "bare"])
    return database


def fail(conn, times, *, at=NOW):
    return [registry.record_call(conn, "e-1", ok=False, at=at, limits=LIMITS) for _ in range(times)][-1]


def test_what_is_added_reads_back(listed):
    with listed.door.transaction() as conn:
        assert registry.endpoint(conn, "e-1") == ENDPOINT
        assert registry.endpoint(conn, "e-2") is None
        assert registry.endpoints_of_partner(conn, "p-1") == registry.list_endpoints(conn) == [ENDPOINT]


@pytest.mark.parametrize(
    ("organization", "found"),
    [
        ("npi|1", True),
        ("1", True),
        ("naic|1", False),
        ("npi|2", False),
        ("bare", True),
        ("npi|bare", True),
        ("", False),
    ],
)
def test_endpoints_by_payer(listed, organization, found):
    with listed.door.transaction() as conn:
        assert bool(registry.endpoints_of(conn, organization)) is found


def test_every_change_changes_the_version(listed):
    with listed.operator.transaction() as conn:
        versions = [registry.registry_version(conn)]
        for change in (
            lambda: registry.set_status(conn, "e-1", "suspended"),
            lambda: registry.add_maintenance(conn, "e-1", starts_at=later(0), ends_at=later(60)),
            lambda: registry.add_endpoint(conn, replace(ENDPOINT, version="2.1"), ["npi|1"]),
        ):
            change()
            versions.append(registry.registry_version(conn))
        assert len(set(versions)) == 4
        registry.record_call(conn, "e-1", ok=False, at=NOW)
        assert registry.registry_version(conn) == versions[-1], "a breaker is no change of the registry"
        assert registry.endpoint(conn, "e-1").version == "2.1"
        assert registry.endpoints_of(conn, "bare") == []


def test_retired_endpoints_are_not_offered_and_unknown_ones_refused(listed):
    with listed.operator.transaction() as conn:
        registry.set_status(conn, "e-1", "retired")
        assert registry.endpoints_of(conn, "npi|1") == []
        for wrong in (("e-9", "active"), ("e-1", "asleep")):
            with pytest.raises(Refusal):
                registry.set_status(conn, *wrong)


def test_plain_http_is_refused_by_the_database(listed):
    with pytest.raises(DatabaseError), listed.operator.transaction() as conn:
        registry.add_endpoint(conn, replace(ENDPOINT, fhir_base="http://old.example/fhir"), ["npi|1"])


def test_failures_in_a_row_open_the_breaker_and_a_success_forgets_them(listed):
    with listed.worker.transaction() as conn:
        assert registry.breaker_states(conn, ["e-1"]) == {}
        assert fail(conn, 2).state == "closed"
        registry.record_call(conn, "e-1", ok=True, at=NOW)
        assert fail(conn, 2).state == "closed"
        assert fail(conn, 1) == Breaker("open", later(10))
        assert registry.breaker_states(conn, ["e-1"]) == {"e-1": Breaker("open", later(10))}
        assert not registry.may_call(conn, "e-1", at=later(9), limits=LIMITS)


def test_one_probe_decides(listed):
    with listed.worker.transaction() as conn:
        fail(conn, 3)
        assert registry.may_call(conn, "e-1", at=later(10), limits=LIMITS)
        assert not registry.may_call(conn, "e-1", at=later(11), limits=LIMITS)
        assert registry.record_call(conn, "e-1", ok=True, at=later(12), limits=LIMITS).state == "closed"
        assert registry.may_call(conn, "e-1", at=later(12), limits=LIMITS)


def test_a_failed_probe_rests_longer_up_to_a_limit(listed):
    with listed.worker.transaction() as conn:
        fail(conn, 3)
        ends = []
        at = later(10)
        for _ in range(3):
            assert registry.may_call(conn, "e-1", at=at, limits=LIMITS)
            opened = fail(conn, 1, at=at)
            ends.append((opened.open_until - at).total_seconds())
            at = opened.open_until
    assert ends == [20, 25, 25]


def test_a_probe_whose_process_died_does_not_shut_the_endpoint_for_ever(listed):
    with listed.worker.transaction() as conn:
        fail(conn, 3)
        assert registry.may_call(conn, "e-1", at=later(10), limits=LIMITS)
        assert not registry.may_call(conn, "e-1", at=later(14), limits=LIMITS)
        assert registry.may_call(conn, "e-1", at=later(15), limits=LIMITS)


def test_a_call_that_was_under_way_when_it_opened_changes_nothing(listed):
    with listed.worker.transaction() as conn:
        opened = fail(conn, 3)
        assert fail(conn, 1, at=later(5)).open_until == opened.open_until


def test_of_many_processes_one_probes(listed):
    with listed.worker.transaction() as conn:
        fail(conn, 3)

    def attempt(_):
        with listed.worker.transaction() as conn:
            return registry.may_call(conn, "e-1", at=later(10), limits=LIMITS)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(12))) == 1
