"""Keys by address: fetched once for all, kept as allowed, old ones only while the address is away."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interpayer.model.event import Event
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import directory, key_store
from interpayer.partners import published_keys as module
from interpayer.partners.directory import Agreed, Credentials
from interpayer.partners.jwks_fetch import Fetched
from interpayer.partners.published_keys import PublishedKeys
from interpayer.system.database import DatabaseError
from tests.support.databases import ScratchDatabase
from tests.support.doors import CURVE_KEY, OTHER_KEY, RSA_KEY, a_partner, public

URL = "https://plan-b.example/jwks.json"
OLD, NEW = public(RSA_KEY), public(CURVE_KEY)


class Address:
    """What a partner publishes, and how often it was asked."""

    def __init__(self, jwks: dict[str, object], keep_s: float = 300) -> None:
        self.jwks, self.keep_s, self.asked = jwks, keep_s, 0
        self.fault: Exception | None = None
        self.wait_s = 0.0
        self.events: list[Event] = []

    def fetch(self, url: str) -> Fetched:
        assert url == URL
        self.asked += 1
        time.sleep(self.wait_s)
        if self.fault is not None:
            raise self.fault
        return Fetched(self.jwks, self.keep_s)

    def keys(self, database: ScratchDatabase) -> PublishedKeys:
        return PublishedKeys(database.door, self.fetch, self.events.append)


@pytest.fixture
def known(database: ScratchDatabase) -> Credentials:
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-b", jwks={"keys": []}), Agreed(jwks_url=URL), by="tests")
        found = directory.credentials(conn, "plan-b")
    assert found is not None
    return found


def later(database: ScratchDatabase, by: timedelta) -> None:
    """Everything that was noted happened so much earlier."""
    with database.owner.transaction() as conn:
        conn.execute(
            "update partners.published_keys set fetched_at = fetched_at - %(by)s, fresh_until = fresh_until - %(by)s,"
            " asked_at = asked_at - %(by)s, asking_until = asking_until - %(by)s",
            {"by": by},
        )


def ids(jwks: Any) -> set[str]:
    return {key["kid"] for key in jwks["keys"]}


def test_keys_are_fetched_once_and_kept(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(OLD)
    for keys in (address.keys(database), address.keys(database)):
        assert ids(keys.keys_of(known, "rsa")) == {"rsa"}
    assert address.asked == 1
    assert [(event.name, event.facts) for event in address.events] == [
        ("partner.keys_published", {"came": ["rsa"], "went": []})
    ]


def test_an_unknown_key_id_is_looked_for_once_in_half_a_minute(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(OLD)
    keys = address.keys(database)
    keys.keys_of(known, "rsa")
    address.jwks = NEW
    assert ids(keys.keys_of(known, "curve")) == {"rsa"}
    assert address.asked == 1
    later(database, module.PACE)
    assert ids(keys.keys_of(known, "curve")) == {"curve"}
    for _ in range(5):
        keys.keys_of(known, "nobody")
    assert address.asked == 2
    assert address.events[-1].facts == {"came": ["curve"], "went": ["rsa"]}


def test_what_is_over_is_fetched_again(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(OLD, keep_s=60)
    keys = address.keys(database)
    keys.keys_of(known, "rsa")
    address.jwks = NEW
    later(database, timedelta(seconds=61))
    assert ids(keys.keys_of(known, "rsa")) == {"curve"}, "a key that the partner took away counts no more"


def test_old_keys_count_for_a_day_while_the_address_is_away_and_somebody_is_told_once(
    database: ScratchDatabase, known: Credentials
) -> None:
    address = Address(OLD)
    keys = address.keys(database)
    keys.keys_of(known, "rsa")
    address.fault = Fault(FaultKind.RETRYABLE, "caller.keys_unreachable", detail="HTTP 500")
    for _ in range(3):
        later(database, timedelta(hours=7))
        assert ids(keys.keys_of(known, "rsa")) == {"rsa"}
    assert [event.name for event in address.events] == ["partner.keys_published", "partner.keys_unreachable"]
    with database.operator.transaction() as conn:
        [row] = key_store.failing(conn)
    assert (row["partner_id"], row["failure"]) == ("p-plan-b", "HTTP 500")
    later(database, timedelta(hours=4))
    with pytest.raises(Refusal) as caught:
        keys.keys_of(known, "rsa")
    assert caught.value.reason == "caller.keys_unreachable"
    address.fault = None
    later(database, module.PACE)
    assert ids(keys.keys_of(known, "rsa")) == {"rsa"}
    with database.operator.transaction() as conn:
        assert key_store.failing(conn) == []


@pytest.mark.parametrize(
    "error",
    [Fault(FaultKind.RETRYABLE, "caller.keys_unreachable", detail="away"), Refusal("request.malformed", "no keys")],
    ids=["away", "no keys"],
)
def test_without_any_keys_nobody_is_known(database: ScratchDatabase, known: Credentials, error: Exception) -> None:
    address = Address(OLD)
    address.fault = error
    for _ in range(3):
        with pytest.raises(Refusal) as caught:
            address.keys(database).keys_of(known, "rsa")
        assert caught.value.reason == "caller.keys_unreachable"
    assert address.asked == 1


def test_another_address_begins_anew(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(OLD)
    address.keys(database).keys_of(known, "rsa")
    with database.door.transaction() as conn:
        assert key_store.take_turn(conn, "p-plan-b", f"{URL}/2", pace=module.PACE, lease=module.LEASE)
        found = key_store.published(conn, "p-plan-b", f"{URL}/2")
        assert found is not None
        assert found.jwks is None
        assert key_store.published(conn, "p-plan-b", URL) is None


def together(work: Callable[[], Any], count: int) -> list[Any]:
    results: list[Any] = []

    def one() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_many_who_ask_at_once_make_one_fetch_and_all_have_it(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(NEW)
    address.wait_s = 0.2
    doors = [address.keys(database), address.keys(database)]
    results = together(lambda: doors[threading.get_native_id() % 2].keys_of(known, "curve"), 8)
    assert [ids(result) for result in results] == [{"curve"}] * 8
    assert address.asked == 1


def test_not_all_threads_may_wait_for_one_slow_address(database: ScratchDatabase, known: Credentials) -> None:
    address = Address(NEW)
    address.wait_s = 0.3
    results = together(lambda: keys.keys_of(known, "curve"), 12) if (keys := address.keys(database)) else []
    turned_away = [result for result in results if isinstance(result, Fault)]
    assert 1 <= len(turned_away) <= 12 - module.MOST_WAITING
    assert {fault.reason for fault in turned_away} == {"system.overloaded"}


def test_keys_without_an_address_are_those_registered(database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-c", jwks=public(OTHER_KEY)), by="tests")
        found = directory.credentials(conn, "plan-c")
    assert found is not None
    assert Address(OLD).keys(database).keys_of(found, "any") == public(OTHER_KEY)


def test_the_door_cannot_change_what_was_registered(database: ScratchDatabase, known: Credentials) -> None:
    for statement in ("update partners.partner set jwks = '{}'", "delete from partners.leaving_key"):
        with pytest.raises(DatabaseError, match="permission denied"), database.door.transaction() as conn:
            conn.execute(statement)
