"""After a restore nothing is released until the feed was loaded again and a named person says so."""

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Refusal
from interpayer.operations import forgetting, holds, store
from interpayer.system.clock import now


def test_a_hold_holds_until_it_is_cleared(tools: Tools) -> None:
    with tools.database.transaction() as conn:
        assert not store.releases_held(conn)
        assert store.hold(conn, "restore", "a backup was restored")
        assert not store.hold(conn, "restore", "again")
        assert store.releases_held(conn)
        assert store.clear_hold(conn, "restore", by="Ana Ruiz", at=now())
        assert not store.releases_held(conn)


def test_a_hold_is_not_cleared_before_the_feed_was_loaded_again(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        store.keep_load(conn, "l-before", kind="enrollments", at=now(), by="Ana Ruiz", counts={})
    with tools.database.transaction() as conn:
        store.hold(conn, "restore", "a backup was restored")
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"system\.restored"):
        holds.resync(tools, conn, reason="all loaded", actor=person)
    with tools.database.transaction() as conn:
        store.keep_load(conn, "l-after", kind="enrollments", at=now(), by="Ana Ruiz", counts={})
        assert holds.resync(tools, conn, reason="feed, letters and recalls loaded", actor=person) == ["restore"]
    with tools.database.transaction() as conn:
        assert not store.releases_held(conn)
        (event,) = [e for e in search(conn) if e["name"] == "database.resynced"]
    assert event["actor_id"] == "Ana Ruiz"


def test_a_hold_is_not_cleared_while_a_forgotten_member_is_back(tools: Tools, person: Actor, member_id: str) -> None:
    names = [tools.ledger.pseudonym(member_id)]
    with tools.database.transaction() as conn:
        store.hold(conn, "restore", "a backup was restored")
    with tools.database.transaction() as conn:
        store.keep_load(conn, "l-after", kind="enrollments", at=now(), by="Ana Ruiz", counts={})
        with pytest.raises(Refusal, match=r"system\.restored") as refused:
            holds.resync(tools, conn, reason="all loaded", actor=person, forgotten=names)
        assert "forget-again" in refused.value.detail
        assert forgetting.again(tools, conn, names, reason="restored", actor=person) == 1
        assert holds.resync(tools, conn, reason="all loaded", actor=person, forgotten=names) == ["restore"]


def test_a_restore_is_told_once_by_a_worker_and_again_when_there_is_another(application: Application) -> None:
    tools = application.tools("worker")
    with application.tools("operator").database.transaction() as conn:
        store.hold(conn, "restore", "restored from the backup of today")
    for told in (1, 0):
        with tools.database.transaction() as conn:
            assert holds.tell(tools, conn) == told
    with application.tools("operator").database.transaction() as conn:
        conn.execute("update operations.hold set since = clock_timestamp()")
    with tools.database.transaction() as conn:
        assert holds.tell(tools, conn) == 1
    with application.tools("operator").database.transaction() as conn:
        assert [e["name"] for e in search(conn)] == ["database.restored"] * 2


def test_a_process_cannot_clear_it(tools: Tools) -> None:
    with tools.database.transaction() as conn:
        store.hold(conn, "restore", "a backup was restored")
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            holds.resync(tools, conn, reason="all loaded", actor=Actor("process", "watchdog"))
