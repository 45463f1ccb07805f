"""The gateway's memory: used once, by one; so often and not more; forgotten when it is over."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from interpayer.gateway import store
from interpayer.gateway.door import Rate
from interpayer.gateway.store import Token
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase, serves


@pytest.fixture(autouse=True)
def _partner_served() -> Iterator[None]:
    with serves("p-1"):
        yield


def test_of_many_at_once_one_uses_a_jti(database: ScratchDatabase) -> None:
    claimed: list[bool] = []
    door = database.door
    start = threading.Barrier(4)

    def claim() -> None:
        start.wait()
        with door.transaction() as conn:
            claimed.append(store.claim_jti(conn, issuer="plan-b", jti="one", expires_at=now()))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [False, False, False, True]


def test_a_burst_passes_and_then_the_pace_holds(database: ScratchDatabase) -> None:
    rate = Rate(per_minute=60, burst=10)
    with database.door.transaction() as conn:
        waits = [store.take(conn, "match p-1", rate) for _ in range(30)]
        other = store.take(conn, "match p-2", rate)
    assert waits[:10] == [None] * 10
    assert all(wait is not None and 0.5 <= wait <= 1.5 for wait in waits[10:])
    assert other is None


def test_a_refused_call_does_not_count(database: ScratchDatabase) -> None:
    rate = Rate(per_minute=6000, burst=2)
    with database.door.transaction() as conn:
        for _ in range(50):
            store.take(conn, "match p-1", rate)
        row = conn.execute("select arrival - clock_timestamp() as ahead from gateway.rate").fetchone()
    assert row is not None
    assert row["ahead"] < timedelta(milliseconds=100)


def test_a_rested_caller_has_its_burst_again(database: ScratchDatabase) -> None:
    rate = Rate(per_minute=60, burst=2)
    with database.door.transaction() as conn:
        assert [store.take(conn, "b", rate) for _ in range(3)][2] is not None
        conn.execute("update gateway.rate set arrival = arrival - interval '10 minutes'")
        assert [store.take(conn, "b", rate) is None for _ in range(3)] == [True, True, False]


def test_many_at_once_stay_within_the_rate(database: ScratchDatabase) -> None:
    rate = Rate(per_minute=1, burst=5)
    passed: list[bool] = []
    door = database.door

    def call() -> None:
        for _ in range(5):
            with door.transaction() as conn:
                passed.append(store.take(conn, "b", rate) is None)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed.count(True) == 5


def a_token(**changes: object) -> Token:
    given = {
        "token_id": "t-1",
        "partner_id": "p-1",
        "client_id": "plan-b",
        "scopes": ("system/*.rs",),
        "thumbprint": "A" * 43,
        "expires_at": now() + timedelta(seconds=300),
    }
    return Token(**{**given, **changes})  # type: ignore[arg-type]


def test_a_token_is_found_by_its_secret_while_it_is_good(database: ScratchDatabase) -> None:
    token = a_token()
    with database.door.transaction() as conn:
        store.add_token(conn, "secret", token, issued_at=now())
        assert store.find_token(conn, "secret", at=now()) == token
        assert store.find_token(conn, "Secret", at=now()) is None
        assert store.find_token(conn, sha256(b"secret").hexdigest(), at=now()) is None
        assert store.find_token(conn, "secret", at=now() + timedelta(seconds=301)) is None


def test_tokens_of_one_partner_end_together(database: ScratchDatabase) -> None:
    with database.door.transaction() as conn:
        store.add_token(conn, "one", a_token(token_id="t-1"), issued_at=now())
        store.add_token(conn, "two", a_token(token_id="t-2", partner_id="p-2"), issued_at=now())
    with database.operator.transaction() as conn:
        assert store.revoke_tokens(conn, "p-1") == 1
    with database.door.transaction() as conn:
        assert store.find_token(conn, "one", at=now()) is None
        assert store.find_token(conn, "two", at=now()) is not None


def test_what_is_over_is_forgotten_and_nothing_else(database: ScratchDatabase) -> None:
    past, ahead = now() - timedelta(seconds=1), now() + timedelta(hours=1)
    with database.door.transaction() as conn:
        for name, at in (("old", past), ("new", ahead)):
            store.claim_jti(conn, issuer="plan-b", jti=name, expires_at=at)
            store.add_token(conn, name, a_token(token_id=name, expires_at=at), issued_at=past)
            entry = store.Kept(b"f", None)
            store.keep(conn, entry, partner_id="p-1", key=name, expires_at=at)
        store.take(conn, "b", Rate(60, 1))
        assert store.purge(conn, at=now()) == 3
        assert store.purge(conn, at=now()) == 0
        assert store.kept(conn, partner_id="p-1", key="new") is not None
        assert store.kept(conn, partner_id="p-1", key="old") is None
        assert not store.claim_jti(conn, issuer="plan-b", jti="new", expires_at=ahead)
        assert store.take(conn, "b", Rate(60, 1)) is not None


def test_a_key_is_held_by_one_transaction_at_a_time(database: ScratchDatabase) -> None:
    with database.door.transaction() as one, database.door.transaction() as two:
        assert store.lock_key(one, partner_id="p-1", key="k")
        assert not store.lock_key(two, partner_id="p-1", key="k")
        assert store.lock_key(two, partner_id="p-2", key="k")
    with database.door.transaction() as three:
        assert store.lock_key(three, partner_id="p-1", key="k")
