"""Scraping over real sockets: an honest partner feels nothing, a searching one is slowed, refused and told of."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from interpayer.audit.ledger import search
from interpayer.gateway.watching import Watch
from interpayer.model.reason import Refusal
from interpayer.partners import conduct_store
from interpayer.policy.figures import ScrapingNumbers
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from tests.support.databases import DatabaseServer
from tests.support.doors import DoorUnderTest, Grounds, a_partner, missing_operations

NUMBERS = ScrapingNumbers(
    missing=(6, 10, 14),
    counting=(3, 5, 7),
    volume=(2, 3, 4),
    volume_floor=100_000,
    span_hours=24,
    rest_hours=24,
    slow_s=30,
)


@pytest.fixture
def door(database_server: DatabaseServer, grounds: Grounds) -> Iterator[DoorUnderTest]:
    database = database_server.create()
    under_test = DoorUnderTest(database, grounds, extra=missing_operations(), numbers={"scraping": NUMBERS})
    under_test.add(a_partner("plan-b"))
    under_test.add(a_partner("plan-c"))
    yield under_test
    under_test.close()
    database_server.drop(database)


def asking(door: DoorUnderTest, client_id: str) -> httpx2.Client:
    http = door.client(client_id)
    http.headers["Authorization"] = f"Bearer {door.token(client_id=client_id)}"
    return http


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["issue"][0]["details"]["coding"][0]["code"]


def levels(door: DoorUnderTest) -> list[tuple[str, str]]:
    with door.database.operator.transaction() as conn:
        rows = conn.execute("select pattern, level from partners.alarm order by alarm_id").fetchall()
    return [(row["pattern"], {1: "noticed", 2: "slowed", 3: "refused"}[row["level"]]) for row in rows]


def until(http: httpx2.Client, wanted: tuple[int, str], path: str = "/fhir/Group/g-1") -> httpx2.Response:
    """The answer, as soon as every process knows (two seconds)."""
    end = time.monotonic() + 8
    while time.monotonic() < end:
        answer = http.get(path)
        if answer.status_code == wanted[0]:
            assert told(answer) == wanted
            return answer
        time.sleep(0.2)
    raise AssertionError(f"never {wanted}")


def test_who_counts_through_ids_is_slowed_then_refused_and_the_others_feel_nothing(door: DoorUnderTest) -> None:
    with asking(door, "plan-c") as scraper, asking(door, "plan-b") as honest:
        for number in range(1, 6):
            assert told(scraper.get(f"/fhir/Missing/{number}")) == (404, "request.not_found")
        assert levels(door) == [("counting", "noticed"), ("counting", "slowed")]
        slowed = until(scraper, (429, "caller.slowed"))
        assert 1 <= int(slowed.headers["Retry-After"]) <= 30
        # what it would find by waiting each time
        watch = Watch(door.door)
        for number in (6, 7):
            watch.missed("p-plan-c", f"/fhir/Missing/{number}", [str(number)], at=now())
        refused = until(scraper, (403, "caller.scraping"))
        assert "Talk to the contact" in refused.text
        for _ in range(3):
            assert honest.get("/fhir/Group/g-1").status_code == 200
            assert told(honest.get(f"/fhir/Missing/{new_id('j')}")) == (404, "request.not_found")
    told_of = [
        (event["chain"], event["facts"]["level"], event["outcome"])
        for event in recorded(door)
        if event["name"] == "caller.scraping" and event["facts"]["pattern"] == "counting"
    ]
    assert told_of == [
        ("partner:p-plan-c", "noticed", "review"),
        ("partner:p-plan-c", "slowed", "refused"),
        ("partner:p-plan-c", "refused", "refused"),
    ]


def recorded(door: DoorUnderTest) -> list[dict[str, object]]:
    with door.database.operator.transaction() as conn:
        return list(search(conn, partner="p-plan-c"))


def test_the_same_address_again_is_no_search(door: DoorUnderTest) -> None:
    with asking(door, "plan-c") as http:
        path = f"/fhir/Missing/{new_id('j')}"
        for _ in range(20):
            assert http.get(path).status_code == 404
    assert levels(door) == []


def test_ids_of_ours_count_too_but_later(door: DoorUnderTest) -> None:
    with asking(door, "plan-c") as http:
        for _ in range(6):
            http.get(f"/fhir/Missing/{new_id('j')}")
    assert levels(door) == [("missing", "noticed")]


def test_unusual_volume_is_noticed_against_the_partners_own_days(door: DoorUnderTest) -> None:
    at = now()
    with door.database.door.transaction() as conn:
        conduct_store.add_calls(conn, {"p-plan-c": 150_000, "p-plan-b": 150_000}, day=at.date())
        conduct_store.add_calls(conn, {"p-plan-b": 140_000}, day=at.date() - timedelta(days=3))
    watch = Watch(door.door)
    with door.database.door.transaction() as conn:
        for partner in ("p-plan-b", "p-plan-c"):
            watch.turn_away(conn, partner, at=at)
    watch.settle(at=at)
    assert levels(door) == []
    with door.database.door.transaction() as conn:
        conduct_store.add_calls(conn, {"p-plan-c": 60_000, "p-plan-b": 60_000}, day=at.date())
        for partner in ("p-plan-b", "p-plan-c"):
            watch.turn_away(conn, partner, at=at)
    watch.settle(at=at)
    assert levels(door) == [("volume", "noticed")]


def test_a_pardon_and_a_rest_end_it(door: DoorUnderTest) -> None:
    at, watch = now(), Watch(door.door)
    for number in range(8):
        watch.missed("p-plan-c", f"/fhir/Missing/{number}", [str(number)], at=at)
    watch.settle(at=at)
    with door.database.door.transaction() as conn:
        with pytest.raises(Refusal):
            watch.turn_away(conn, "p-plan-c", at=at)
        assert watch.turn_away(conn, "p-plan-c", at=at + timedelta(hours=25)) is None
    with door.database.operator.transaction() as conn:
        conduct_store.pardon(conn, "p-plan-c", at=at)
    watch.settle(at=at)
    with door.database.door.transaction() as conn:
        assert watch.turn_away(conn, "p-plan-c", at=at) is None
    assert conduct_rows(door) == 0


def conduct_rows(door: DoorUnderTest) -> int:
    with door.database.operator.transaction() as conn:
        row = conn.execute("select count(*) as rows from partners.missed").fetchone()
    return int(row["rows"]) if row else -1


def test_many_at_once_are_told_once(door: DoorUnderTest) -> None:
    at, watch = now(), Watch(door.door)

    def look(first: int) -> None:
        for number in range(first, first + 5):
            watch.missed("p-plan-c", f"/fhir/Missing/{number}", [str(number)], at=at)

    threads = [threading.Thread(target=look, args=(first,)) for first in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = levels(door)
    assert len(found) == len(set(found))
    assert ("counting", "refused") in found
