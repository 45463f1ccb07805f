"""The attacks of an administrator of the database, one test each. Found by the ledger alone, or with its witness.

The administrator owns the tables, not the signing key, and not the witness's folder.
"""

import pytest

from interpayer.audit.chain import GENESIS, event_hash
from interpayer.audit.checkpoint import Head, VerifierKey, read_note, write_note
from interpayer.audit.evidence import read_notes
from interpayer.audit.merkle import Frontier, consistency_proof, continues
from interpayer.audit.store import leaf_hashes, ledger_source
from interpayer.audit.verify import verify
from tests.support.ledgers import ORIGIN, LedgerUnderTest, an_event, signing_key


@pytest.fixture
def full(book):
    """60 events on 5 chains under 6 checkpoints, all of them at the witness."""
    book.fill(60, checkpoints=6)
    assert book.verdict(with_witness=True).intact
    return book


def rehash(conn):
    """Make every link, hash, head and position right again, as somebody who knows the rules would."""
    ends = {}
    rows = conn.execute("select * from audit.evidence order by position, id").fetchall()
    conn.execute("delete from audit.leaf")
    for position, row in enumerate(rows):
        seq, prev, at_us = ends.get(row["chain"], (0, GENESIS, 0))
        seq, at_us = seq + 1, max(at_us, row["at_us"])
        now = event_hash(row["chain"], seq, at_us=at_us, prev=prev, header=row["header"])
        ends[row["chain"]] = (seq, now, at_us)
        conn.execute(
            "update audit.event set seq = %s, prev = %s, hash = %s where id = %s", (-seq, prev, now, row["id"])
        )
        conn.execute(
            "insert into audit.leaf select %s, %s, coalesce(min(number), 1) from audit.checkpoint where size > %s",
            (position, row["id"], position),
        )
    conn.execute("update audit.event set seq = -seq")
    conn.execute("delete from audit.head")
    for chain, (seq, now, at_us) in ends.items():
        conn.execute(
            "insert into audit.head values (%s, %s, %s, 'epoch'::timestamptz + make_interval(secs => %s / 1000000.0))",
            (chain, seq, now, at_us),
        )


def edit_header(conn, position):
    """Change a number in the public header of the event at a position."""
    row = conn.execute("select id, header from audit.evidence where position = %s", (position,)).fetchone()
    changed = row["header"].replace(b'"number":', b'"number":1')
    assert changed != row["header"]
    conn.execute("update audit.event set header = %s where id = %s", (changed, row["id"]))


def fix_own_hash(conn, position):
    row = conn.execute("select * from audit.evidence where position = %s", (position,)).fetchone()
    now = event_hash(row["chain"], row["seq"], at_us=row["at_us"], prev=row["prev"], header=row["header"])
    conn.execute("update audit.event set hash = %s where id = %s", (now, row["id"]))
    return row["chain"], now


def kinds(verdict):
    return {finding.kind for finding in verdict.findings}


def test_1_edit_one_field(full):
    with full.attacker() as conn:
        edit_header(conn, 31)
    verdict = full.verdict()
    assert kinds(verdict) == {"event.hash"}
    assert (verdict.first_bad_event.chain, verdict.first_bad_event.position) == ("x-0", 31)


def test_2_edit_and_fix_own_hash(full):
    with full.attacker() as conn:
        edit_header(conn, 31)
        fix_own_hash(conn, 31)
    verdict = full.verdict()
    assert kinds(verdict) == {"chain.link", "tree.root"}
    assert 30 <= verdict.first_bad_event.position < 40


def test_3_delete_a_row_in_the_middle(full):
    with full.attacker() as conn:
        conn.execute("delete from audit.event where id = (select event_id from audit.leaf where position = 31)")
    verdict = full.verdict()
    assert {"tree.gap", "chain.gap"} <= kinds(verdict)
    assert "position 31" in verdict.first_bad_event.words


def test_4_swap_two_rows(full):
    with full.attacker() as conn:
        conn.execute("update audit.leaf set position = -position - 1 where position in (20, 25)")
        conn.execute("update audit.leaf set position = case position when -21 then 25 else 20 end where position < 0")
    assert {"chain.gap", "tree.root"} <= kinds(full.verdict())


def test_4_swap_two_headers_and_their_hashes(full):
    with full.attacker() as conn:
        conn.execute(
            "update audit.event e set header = o.header, hash = o.hash, prev = o.prev"
            " from audit.leaf l, audit.leaf m, audit.event o where e.id = l.event_id and o.id = m.event_id"
            " and (l.position, m.position) in ((20, 25), (25, 20))"
        )
    assert {"event.hash", "chain.link"} <= kinds(full.verdict())


def test_5_truncate_the_last_events(full):
    with full.attacker() as conn:
        conn.execute("delete from audit.event where id in (select event_id from audit.leaf where position >= 10)")
        conn.execute("delete from audit.leaf where position >= 10")
        conn.execute("delete from audit.head")
        conn.execute(
            "insert into audit.head"
            " select distinct on (chain) chain, seq, hash, at from audit.event order by chain, seq desc"
        )
    assert kinds(full.verdict()) == {"tree.truncated"}
    with full.attacker() as conn:
        conn.execute("delete from audit.checkpoint where size > 10")
    assert full.verdict().intact, "nothing here is left to tell: that is what the witness is for"
    assert kinds(full.verdict(with_witness=True)) == {"witness.truncated"}


def test_6_back_date_the_last_event_and_fix_its_hash(full):
    with full.attacker() as conn:
        conn.execute(
            "update audit.event set at = at - interval '1 day'"
            " where id = (select event_id from audit.leaf where position = 59)"
        )
        chain, now = fix_own_hash(conn, 59)
        conn.execute("update audit.head set hash = %s, at = at - interval '1 day' where chain = %s", (now, chain))
    assert kinds(full.verdict()) == {"chain.time", "event.time", "tree.root"}


def test_7_delete_a_row_and_rehash_everything(full):
    with full.attacker() as conn:
        conn.execute("delete from audit.event where id = (select event_id from audit.leaf where position = 31)")
        rehash(conn)
    verdict = full.verdict()
    assert {"tree.root", "tree.truncated"} <= kinds(verdict)
    assert 20 <= verdict.first_bad_event.position < 40
    with full.attacker() as conn:
        conn.execute("delete from audit.checkpoint where size > 30")
        conn.execute("update audit.leaf set checkpoint = 4 where position >= 30")
        conn.execute("delete from audit.leaf where position >= 30")
    full.seal()
    assert full.verdict().intact, "the sealer signed the rewritten end"
    assert {"witness.root", "witness.truncated"} & kinds(full.verdict(with_witness=True))


def test_8_rewrite_everything_wipe_the_checkpoints_and_have_it_sealed_again(full):
    """Missed without the witness, found with it: why a checkpoint must leave the house."""
    before = len(read_notes(full.witness))
    with full.attacker() as conn:
        edit_header(conn, 3)
        conn.execute("delete from audit.event where id = (select event_id from audit.leaf where position = 31)")
        rehash(conn)
        conn.execute("delete from audit.leaf")
        conn.execute("delete from audit.checkpoint")
    full.append(an_event("x-later"))
    assert full.seal() == 60
    assert full.verdict().intact
    verdict = full.verdict(with_witness=True)
    assert kinds(verdict) == {"witness.root"}
    assert verdict.first_bad_event.position == 0
    assert len(read_notes(full.witness)) == before + 1, "the other history is kept beside the first"


def test_9_a_checkpoint_signed_with_another_key(full):
    other = signing_key(9)
    with full.attacker() as conn:
        last = conn.execute("select * from audit.checkpoint order by number desc limit 1").fetchone()
        head = Head(last["size"], last["root"], int(last["at"].timestamp()))
        note = write_note(VerifierKey(ORIGIN, other.public_bytes), head, other.sign)
        conn.execute("update audit.checkpoint set note = %s where number = %s", (note, last["number"]))
    assert kinds(full.verdict()) == {"checkpoint.note", "tree.unsigned"}
    assert "checkpoint.note" in kinds(full.verdict(key=VerifierKey(ORIGIN, other.public_bytes)))


def test_9_a_note_of_the_witness_signed_with_another_key(full):
    other = signing_key(9)
    note = write_note(VerifierKey(ORIGIN, other.public_bytes), Head(10, b"r" * 32, 1), other.sign)
    (full.witness / "x.note").write_text(note)
    assert kinds(full.verdict(with_witness=True)) == {"witness.note"}


def test_10_the_holder_of_the_key_forks_history(full, make_database, tmp_path):
    """A second history, signed by the right key, all in order in itself, shown to somebody else."""
    fork = LedgerUnderTest(make_database(), tmp_path / "other")
    fork.fill(70, checkpoints=7)
    assert fork.verdict(with_witness=True).intact
    with fork.database.operator.transaction() as conn:
        verdict = verify(ledger_source(conn), fork.verifier, witnessed=read_notes(full.witness))
        leaves = leaf_hashes(conn, 70)
    assert kinds(verdict) == {"witness.root"}
    # Nor is there a proof that the fork continues what the witness saw, were the witness to ask for one.
    seen = read_note(read_notes(full.witness)[-1], full.verifier)
    tree = Frontier()
    tree.extend(leaves)
    proof = consistency_proof(leaves, seen.size)
    assert not continues(seen.root, seen.size, root=tree.root, size=tree.size, proof=proof)


def test_redaction_and_shredding_leave_no_finding(full):
    with full.database.operator.transaction() as conn:
        rows = conn.execute("select id from audit.evidence where body is not null order by id").fetchall()
        assert full.ledger.redact(conn, rows[0]["id"], "name")
        assert full.ledger.shred(conn, "m-1") > 0
    verdict = full.verdict(with_witness=True)
    assert verdict.intact
    assert verdict.events == 60


def test_a_back_dated_event_in_a_chain_of_its_own(full):
    """Written past the append function, with right hashes, and sealed in good faith."""
    full.append(an_event("x-forged"))
    with full.attacker() as conn:
        row = conn.execute("select * from audit.evidence where chain = 'x-forged'").fetchone()
        at_us = row["at_us"] - 86_400_000_000
        now = event_hash("x-forged", 1, at_us=at_us, prev=row["prev"], header=row["header"])
        for table in ("event", "head"):
            conn.execute(
                f"update audit.{table} set hash = %s, at = at - interval '1 day' where chain = 'x-forged'", (now,)
            )
    full.seal()
    assert kinds(full.verdict()) == {"event.time"}


def test_an_event_kept_from_the_sealer(full):
    full.append(an_event("x-hidden"))
    with full.attacker() as conn:
        conn.execute("update audit.event set xid = '1'::xid8 where chain = 'x-hidden'")
    assert full.seal() == 0
    verdict = full.verdict()
    assert (verdict.unsealed, verdict.intact) == (1, True), "for an hour it may be on its way"
    with full.database.operator.transaction() as conn:
        now_s = int(conn.execute("select extract(epoch from now()) as at").fetchone()["at"])
    assert kinds(full.verdict(now_s=now_s + 3700)) == {"event.unsealed"}
