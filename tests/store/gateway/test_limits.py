"""Limits of one partner: what was agreed counts, a call counts what it costs, and nobody's calls are another's wait."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from interpayer.gateway import store
from interpayer.gateway.door import Answer, Call, Operation, Rate
from interpayer.gateway.limits import CallsUnderWay, rate_of
from interpayer.model.agreement import CallLimits, RateLimit
from interpayer.model.reason import Fault
from interpayer.partners.directory import Agreed
from interpayer.system.database import Connection
from tests.support.databases import ScratchDatabase
from tests.support.doors import DoorUnderTest, Grounds, a_partner

USUAL = {"match": Rate(60, 10, 2), "read": Rate(600, 20)}


def test_what_was_agreed_counts_and_the_usual_for_the_rest() -> None:
    agreed = CallLimits(rates=(("match", RateLimit(6, 3)),), costs=(("read", 4),))
    assert rate_of("match", USUAL, agreed) == Rate(6, 3, 2)
    assert rate_of("read", USUAL, agreed) == Rate(600, 20, 4)
    assert rate_of("unheard of", USUAL, CallLimits()) == USUAL["read"]


@pytest.mark.parametrize(("cost", "passed"), [(1, 10), (2, 5), (5, 2), (10, 1), (30, 1)])
def test_a_call_counts_what_it_costs(database: ScratchDatabase, cost: int, passed: int) -> None:
    with database.door.transaction() as conn:
        waits = [store.take(conn, "b", Rate(6, 10, cost)) for _ in range(12)]
    assert waits.count(None) == passed
    # the wait that is told is long enough: ten seconds a unit
    assert all(wait is None or wait <= cost * 10 for wait in waits)


def test_who_waits_as_told_gets_in_and_who_does_not_takes_nothing_from_others(
    make_database: Callable[[], ScratchDatabase],
) -> None:
    """Three threads of one partner push without a pause; another one keeps to what it is told."""
    database = make_database()
    rate, stop, pushed = Rate(600, 5), threading.Event(), []

    def push() -> None:
        while not stop.is_set():
            pushed.append(taken(database, "match pushy", rate) is None)

    # the pool is made when it is first asked for, and not by several at once
    assert taken(database, "match first", rate) is None
    began = time.monotonic()
    threads = [threading.Thread(target=push) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        waited = [patient_call(database, rate) for _ in range(12)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    elapsed = time.monotonic() - began
    # twelve calls: five at once, then one each tenth of a second; whoever waits as told waits once
    assert elapsed < 5
    assert max(waited) <= 1
    assert pushed.count(True) <= 5 + 10 * elapsed + 1
    assert pushed.count(False) > 0


def taken(database: ScratchDatabase, bucket: str, rate: Rate) -> float | None:
    with database.door.transaction() as conn:
        return store.take(conn, bucket, rate)


def patient_call(database: ScratchDatabase, rate: Rate) -> int:
    """How often it had to wait before it got in."""
    waits = 0
    while (wait := taken(database, "match patient", rate)) is not None:
        waits += 1
        time.sleep(wait)
    return waits


def test_calls_at_once_have_a_limit_that_ends_with_them() -> None:
    calls = CallsUnderWay()
    with calls.one_more("p-1", most=2), calls.one_more("p-1", most=2):
        with pytest.raises(Fault), calls.one_more("p-1", most=2):
            pass
        with calls.one_more("p-2", most=2):
            pass
    with calls.one_more("p-1", most=1):
        pass


@pytest.fixture
def held() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_stream_counts_until_its_last_byte(
    database: ScratchDatabase, grounds: Grounds, held: threading.Event
) -> None:
    def slow(_call: Call, _conn: Connection) -> Answer:
        def pieces() -> Iterator[bytes]:
            yield b"one\n"
            held.wait(20)
            yield b"two\n"

        return Answer(body=pieces(), media_type="application/fhir+ndjson")

    operation = Operation("GET", "/Slow", slow, scopes=("system/Group.r",))
    door = DoorUnderTest(database, grounds, extra=[operation])
    door.add(a_partner("plan-b"), Agreed(limits=CallLimits(connections=1)))
    door.add(a_partner("plan-c"))
    try:
        headers = {"Authorization": f"Bearer {door.token()}"}
        theirs = {"Authorization": f"Bearer {door.token(client_id='plan-c')}"}
        with door.client() as http, http.stream("GET", "/fhir/Slow", headers=headers) as stream:
            lines = stream.iter_raw()
            assert next(lines) == b"one\n"
            with door.client() as second, door.client("plan-c") as other:
                refused = second.get("/fhir/Group/g-1", headers=headers)
                assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
                assert other.get("/fhir/Group/g-1", headers=theirs).status_code == 200
            held.set()
            assert b"".join(lines) == b"two\n"
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with door.client() as http:
                answer = http.get("/fhir/Group/g-1", headers=headers)
            if answer.status_code == 200:
                break
        assert answer.status_code == 200
    finally:
        held.set()
        door.close()


def test_the_agreed_rate_of_tokens_counts_once_the_partner_is_known(
    database: ScratchDatabase, grounds: Grounds
) -> None:
    door = DoorUnderTest(database, grounds, rates={"token": Rate(1, 3), "read": Rate(600, 100)})
    agreed = CallLimits(rates=(("token", RateLimit(600, 50)),))
    door.add(a_partner("plan-b"), Agreed(limits=agreed))
    door.add(a_partner("plan-c"))
    try:
        known = [door.ask_token().status_code for _ in range(8)]
        with pytest.raises(AssertionError, match="too many"):
            for _ in range(8):
                door.token(client_id="plan-c")
    finally:
        door.close()
    assert known == [200] * 8
