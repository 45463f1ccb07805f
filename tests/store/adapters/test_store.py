"""Declared sources are kept as written; a stamp is the last word of its source."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from interpayer.adapters import store
from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.adapters.store import Stamped
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase


def declared(more: str = "") -> Declaration:
    text = f"source: labs\nkind: hl7v2\nwhere: {{path: in}}\nfresh_within: 1h\n{more}"
    return parse_declaration(text.encode(), folder=Path("/there"), file="S.yaml")


def test_a_declaration_is_kept_and_noted(database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        assert [store.save_declaration(conn, declared(m)) for m in ("", "", "essential: true\n")] == [
            "new", "same", "changed",
        ]  # fmt: skip
    with database.worker.transaction() as conn:
        assert store.declared(conn) == [declared("essential: true\n")]
        standing = store.standing(conn, "labs")
        assert standing is not None
        assert standing.freshness(now()) == "unknown"
        store.note_read(conn, "labs", at=now(), data_as_of=now() - timedelta(minutes=50), account={"read": 3})
        later = store.standing(conn, "labs")
        assert later is not None
        assert (later.account, later.freshness(now())) == ({"read": 3}, "fresh")
        assert later.freshness(now() + timedelta(hours=1)) == "stale"
    with database.operator.transaction() as conn:
        assert store.retire(conn, "labs")
        assert not store.retire(conn, "labs")
        assert store.declared(conn) == []
        assert store.save_declaration(conn, declared("essential: true\n")) == "changed"


def test_a_stamp_is_the_last_word_of_its_source(database: ScratchDatabase) -> None:
    first = Stamped("r-1", "labs", "hl7v2.ORU", "a.hl7", 1, "k", "hl7v2/oru@1")
    other = Stamped("r-1", "claims", "carrier", "b.txt", 7, "", "")
    again = Stamped("r-1", "labs", "hl7v2.ORU", "a.hl7", 2, "k", "hl7v2/oru@1")
    with database.worker.transaction() as conn:
        store.save_stamps(conn, [first, other], at=now())
        store.save_stamps(conn, [first, again], at=now())
        kept = store.stamps_of(conn, ["r-1", "r-2"])
    assert [replace(one, stamped_at=None) for one in kept] == [other, again]
    assert all(one.stamped_at for one in kept)
