"""Sealing: every event once, in one order, under a signed head; one sealer at a time; a new cluster after a restore."""

import time

import pytest

from interpayer.audit.checkpoint import read_note
from interpayer.audit.ledger import latest_checkpoint, origin_of
from interpayer.audit.merkle import consistency_proof, continues, includes, inclusion_proof
from interpayer.audit.sealer import copy_notes, seal_once
from interpayer.audit.store import leaf_hashes, sealer_is_free
from interpayer.system.database import DatabaseError, connect
from tests.support.ledgers import ORIGIN, an_event


def sealed_order(book):
    with book.database.owner.transaction() as conn:
        rows = conn.execute("select chain, seq from audit.evidence where position is not null order by position")
        return [(row["chain"], row["seq"]) for row in rows]


def test_seals_each_event_once_and_each_chain_in_order(book):
    assert book.seal() == 0
    book.fill(60, checkpoints=6)
    assert book.seal() == 0
    order = sealed_order(book)
    assert len(order) == len(set(order)) == 60
    for chain in range(5):
        assert [seq for name, seq in order if name == f"x-{chain}"] == list(range(1, 13))
    assert book.verdict(with_witness=True).intact


def test_the_newest_note_proves_every_event_and_continues_every_older_note(book):
    book.fill(40, checkpoints=4)
    with book.database.operator.transaction() as conn:
        head = read_note(latest_checkpoint(conn), book.verifier)
        leaves = leaf_hashes(conn, head.size)
    for position, leaf in enumerate(leaves):
        proof = inclusion_proof(leaves, position)
        assert includes(head.root, head.size, position=position, leaf=leaf, proof=proof)
    for path in book.witness.glob("*.note"):
        old = read_note(path.read_text(), book.verifier)
        proof = consistency_proof(leaves, old.size)
        assert continues(old.root, old.size, root=head.root, size=head.size, proof=proof)


def test_a_ledger_keeps_its_name_when_the_plan_moves_to_another_address(book):
    moved = "https://moved.example"
    with book.database.operator.transaction() as conn:
        assert origin_of(conn, moved) == moved
    book.fill(10, checkpoints=1)
    book.append(an_event("x-later"))
    with book.database.worker.transaction() as conn:
        assert seal_once(conn, book.key, origin_of(conn, moved)) == 1
    assert book.verdict().intact


def test_a_running_transaction_is_waited_for_and_nothing_is_lost(book):
    book.append(an_event("x-before"))
    with book.database.door.transaction() as slow:
        book.ledger.append(slow, an_event("x-slow"))
        book.append(an_event("x-after"))
        assert book.seal() == 1
        assert sealed_order(book) == [("x-before", 1)]
    assert book.seal() == 2
    assert sorted(sealed_order(book)[1:]) == [("x-after", 1), ("x-slow", 1)]
    assert book.verdict().intact


def test_only_one_sealer_works(book):
    book.append(an_event())
    with book.database.worker.transaction() as first:
        assert sealer_is_free(first)
        with book.database.worker.transaction() as second:
            assert seal_once(second, book.key, ORIGIN) == 0
    assert book.seal() == 1


def test_a_seal_that_does_not_continue_the_last_one_is_refused(book):
    book.fill(10, checkpoints=1)
    book.append(an_event())
    with pytest.raises(DatabaseError, match="another sealer"), book.database.worker.transaction() as conn:
        conn.execute("select audit.seal(array[11]::bigint[], 5, '', '{}', '', now(), '1'::xid8)")


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_pass_goes_on(book):
    book.append(an_event(), an_event())
    conn = connect(book.database.url("worker"))
    assert seal_once(conn, book.key, ORIGIN, book.witness) == 2
    conn.pgconn.finish()
    assert list(book.witness.glob("*")) == []
    end = time.monotonic() + 10
    while (sealed := book.seal()) == 0 and time.monotonic() < end:
        time.sleep(0.01)  # until the server has seen that the sealer is gone
    assert sealed == 2
    assert book.verdict(with_witness=True).intact


def test_more_than_one_handful(book, monkeypatch):
    monkeypatch.setattr("interpayer.audit.sealer.MOST_AT_ONCE", 7)
    book.append(*(an_event(f"x-{number % 3}") for number in range(20)))
    assert [book.seal() for _ in range(4)] == [7, 7, 6, 0]
    book.append(an_event())
    assert book.seal() == 1
    assert book.verdict(with_witness=True).intact


def test_goes_on_in_a_new_cluster_whose_transaction_ids_begin_anew(book):
    """A dump keeps xids of its old cluster: far above those of the new one. Sealed before, open, and new events."""
    book.fill(10, checkpoints=2)
    book.append(an_event("x-open"))
    with book.attacker() as conn:
        conn.execute("update audit.event set xid = (xid::text::bigint + 1000000000)::text::xid8")
        conn.execute(
            "update audit.checkpoint set cluster = 1, horizon = (horizon::text::bigint + 1000000000)::text::xid8"
        )
    book.append(an_event("x-new"))
    assert book.seal() == 2
    assert sealed_order(book)[10:] == [("x-open", 1), ("x-new", 1)]
    book.append(an_event("x-new"))
    assert book.seal() == 1
    assert book.seal() == 0
    assert book.verdict(with_witness=True).intact


def test_the_old_cluster_may_also_have_been_younger(book):
    book.append(an_event("x-sealed"))
    book.seal()
    book.append(an_event("x-open"))
    with book.attacker() as conn:
        conn.execute("update audit.event set xid = '3'::xid8")
        conn.execute("update audit.checkpoint set cluster = 1")
    assert book.seal() == 1
    assert book.seal() == 0
    assert book.verdict(with_witness=True).intact


def test_the_witness_gets_committed_notes_and_keeps_what_it_has(book):
    book.append(an_event())
    with book.database.worker.transaction() as conn:
        seal_once(conn, book.key, ORIGIN, book.witness)
        assert list(book.witness.glob("*.note")) == []
    with book.database.worker.transaction() as conn:
        assert copy_notes(conn, book.witness) == 1
        assert copy_notes(conn, book.witness) == 0
    (path,) = book.witness.glob("*.note")
    kept = path.read_text()
    path.write_text(kept.replace("1\n", "2\n", 1))
    with book.database.worker.transaction() as conn:
        assert copy_notes(conn, book.witness) == 1
        assert copy_notes(conn, book.witness) == 0
    assert path.read_text() != kept
    assert sorted(found.name for found in book.witness.glob("*.note")) == [path.name, f"{path.stem}.other.note"]


@pytest.mark.parametrize("mark", [None, "rubbish"])
def test_the_witness_goes_on_without_its_mark(book, mark):
    book.fill(20, checkpoints=2)
    (book.witness / "newest").unlink()
    if mark is not None:
        (book.witness / "newest").write_text(mark)
    book.append(an_event())
    book.seal()
    assert [path.name for path in sorted(book.witness.glob("*.note"))] == [f"{n:012}.note" for n in (10, 20, 21)]
    assert book.verdict(with_witness=True).witnessed == 3
