"""Verify a ledger: from the database or from an export, offline; needs the public key and, better, a witness's notes.

What is checked, in this order (the numbers come back in the code):
1. every checkpoint: signed by the ledger's key, numbered without a gap, its columns what its note says
2. every event: its hash over its own bytes, its search copies equal to its header, its sealed frames as hashed
3. every chain: no gap, each event names the hash before it, time does not run backwards, the stored end is the end
4. the tree: positions without a gap, and at each checkpoint's size the signed root
5. the witness: each note that was copied outside fits the same tree, and none is larger than it
6. time: no event lies far from the checkpoint that sealed it, and none waits long for one
Without a witness, whoever owns the database can wipe the checkpoints and rewrite everything; see security.md, 5.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.audit.chain import GENESIS, event_hash, frame_hash
from interpayer.audit.checkpoint import BadNote, Head, VerifierKey, read_note
from interpayer.audit.evidence import BrokenExport, Checkpoint, Entry, Source, Tip
from interpayer.audit.merkle import Frontier
from interpayer.audit.verdict import Verdict

# A transaction may be open this long between an event and its commit, and clocks may be set by as much.
LATE_S = 3600
_COPIES = ("name", "partner", "member", "exchange")


def verify(source: Source, key: VerifierKey, *, witnessed: Iterable[str] = (), now_s: int | None = None) -> Verdict:
    """Read the whole ledger once and answer what is wrong with it. `witnessed` are notes kept outside of it."""
    verdict = Verdict()
    try:
        checkpoints = _signed_heads(source.checkpoints, key, verdict)
    except BrokenExport as error:
        verdict.report("export.broken", str(error))
        checkpoints = []
    notes = _witnessed_heads(witnessed, key, verdict)
    inspector = _Inspector(verdict, checkpoints, notes, now_s)
    try:
        for entry in source.entries:
            inspector.check(entry)
        inspector.check_ends(source.tips)
    except BrokenExport as error:
        verdict.report("export.broken", str(error))
    return verdict


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A checkpoint whose note holds."""

    number: int
    head: Head
    frontier: tuple[bytes, ...]


def _signed_heads(rows: Iterable[Checkpoint], key: VerifierKey, verdict: Verdict) -> list[_Sealed]:
    """(1) The checkpoints that can be trusted, smallest first."""
    sealed: list[_Sealed] = []
    for row in rows:
        verdict.checkpoints += 1
        if row.number != verdict.checkpoints:
            verdict.report("checkpoint.gap", f"checkpoint {verdict.checkpoints} is missing")
        try:
            head = read_note(row.note, key)
        except BadNote as error:
            verdict.report("checkpoint.note", f"checkpoint {row.number}: {error}")
            continue
        if (row.size, row.root, row.at_us) != (head.size, head.root, head.at_s * 1_000_000):
            verdict.report("checkpoint.columns", f"checkpoint {row.number} is not what its note says")
        if sealed and head.size <= sealed[-1].head.size:
            verdict.report("checkpoint.order", f"checkpoint {row.number} does not grow the tree")
            continue
        sealed.append(_Sealed(row.number, head, row.frontier))
    return sealed


def _witnessed_heads(notes: Iterable[str], key: VerifierKey, verdict: Verdict) -> list[Head]:
    """(5) What the witness saw, smallest first."""
    heads: list[Head] = []
    for note in notes:
        verdict.witnessed += 1
        try:
            heads.append(read_note(note, key))
        except BadNote as error:
            verdict.report("witness.note", f"a note of the witness: {error}")
    return sorted(heads, key=lambda head: head.size)


def _check_entry(entry: Entry, verdict: Verdict) -> None:
    """(2) One event for itself."""
    if _hash(entry) != entry.hash:
        verdict.report("event.hash", "the event is not what was hashed", entry)
    header = _header(entry.header)
    if any(getattr(entry, name) != header.get(name) for name in _COPIES):
        verdict.report("event.copies", "the columns for searching differ from the header", entry)
    if not _frames_hold({} if entry.body is None else entry.body, header.get("body", {})):
        verdict.report("event.body", "the sealed body is not what the header says", entry)


def _hash(entry: Entry) -> bytes | None:
    """The hash as it should be; None where a value is out of all bounds."""
    if entry.at_us is None:
        return None
    try:
        return event_hash(entry.chain, entry.seq, at_us=entry.at_us, prev=entry.prev, header=entry.header)
    except (OverflowError, UnicodeEncodeError):
        return None


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _frames_hold(frames: object, marks: object) -> bool:
    if not isinstance(frames, Mapping) or not isinstance(marks, Mapping) or frames.keys() != marks.keys():
        return False
    return all(
        isinstance(mark, Mapping) and mark.get("frame") == _frame_hash(frames[name]) for name, mark in marks.items()
    )


def _frame_hash(text: object) -> str | None:
    """The hash of a frame kept as base64; None unless it is spelled the one right way."""
    try:
        frame = base64.b64decode(str(text), validate=True)
    except ValueError:
        return None
    return frame_hash(frame) if base64.b64encode(frame).decode() == text else None


class _Inspector:
    """What has to be remembered from event to event: the end of each chain, the tree, the next signed heads."""

    def __init__(self, verdict: Verdict, checkpoints: list[_Sealed], notes: list[Head], now_s: int | None) -> None:
        self._verdict = verdict
        self._checkpoints = checkpoints
        self._notes = notes
        self._now_s = now_s
        self._ends: dict[str, tuple[int, bytes, int | None]] = {}
        self._tree = Frontier()
        self._next_checkpoint = 0
        self._next_note = 0
        # The first event since the tree last agreed with a signed root: where a rewritten stretch begins.
        self._suspect: Entry | None = None
        self._has_gap = False
        self._forked: set[str] = set()

    def check(self, entry: Entry) -> None:
        """(2), (3), (4) and (6) One event after those before it."""
        self._verdict.events += 1
        _check_entry(entry, self._verdict)
        self._check_link(entry)
        if entry.position is None:
            self._check_waiting(entry)
        else:
            self._check_position(entry)

    def _check_link(self, entry: Entry) -> None:
        """(3) One event after the one before it in its chain."""
        seq, prev, at_us = self._ends.get(entry.chain, (0, GENESIS, None))
        if entry.seq != seq + 1:
            self._verdict.report("chain.gap", f"event {seq + 1} of the chain is missing", entry)
        elif entry.prev != prev:
            self._verdict.report("chain.link", "the event does not follow the one before it", entry)
        if entry.at_us is None or (at_us is not None and entry.at_us < at_us):
            self._verdict.report("chain.time", "the event is older than the one before it", entry)
        self._ends[entry.chain] = (entry.seq, entry.hash, entry.at_us)

    def _check_position(self, entry: Entry) -> None:
        """(4) One sealed event in the tree."""
        if entry.position != self._tree.size and not self._has_gap:
            self._has_gap = True
            self._verdict.report("tree.gap", f"the event at position {self._tree.size} is missing", entry)
        if self._has_gap:
            return
        self._suspect = self._suspect or entry
        self._check_sealing(entry)
        self._tree.add(entry.hash)
        self._compare_roots()

    def _check_waiting(self, entry: Entry) -> None:
        """(6) One event without a position."""
        self._verdict.unsealed += 1
        last_s = self._checkpoints[-1].head.at_s if self._checkpoints else 0
        now_s = max(last_s, self._now_s or 0)
        if entry.at_us is not None and entry.at_us < (now_s - LATE_S) * 1_000_000:
            self._verdict.report("event.unsealed", "the event was never sealed", entry)

    def _check_sealing(self, entry: Entry) -> None:
        """(6) The checkpoint that sealed an event is the one of its position, and of its time."""
        if self._next_checkpoint >= len(self._checkpoints):
            return
        sealed = self._checkpoints[self._next_checkpoint]
        if entry.checkpoint != sealed.number:
            self._verdict.report("tree.membership", f"the event belongs to checkpoint {sealed.number}", entry)
        earliest = self._checkpoints[self._next_checkpoint - 1].head.at_s if self._next_checkpoint else 0
        at_s = (entry.at_us or 0) // 1_000_000
        if not earliest - LATE_S <= at_s <= sealed.head.at_s + LATE_S:
            self._verdict.report("event.time", "the event's time is far from that of its checkpoint", entry)

    def _compare_roots(self) -> None:
        """(4) and (5) The tree against what was signed for this size."""
        size = self._tree.size
        if self._next_checkpoint < len(self._checkpoints):
            sealed = self._checkpoints[self._next_checkpoint]
            if sealed.head.size == size:
                self._next_checkpoint += 1
                is_same = self._compare_root("tree.root", f"checkpoint {sealed.number}", sealed.head)
                if is_same and tuple(self._tree.roots) != sealed.frontier:
                    self._verdict.report("checkpoint.frontier", f"checkpoint {sealed.number} has another frontier")
        while self._next_note < len(self._notes) and self._notes[self._next_note].size == size:
            self._compare_root("witness.root", "the witness's note", self._notes[self._next_note])
            self._next_note += 1

    def _compare_root(self, kind: str, name: str, head: Head) -> bool:
        if self._tree.root == head.root:
            self._suspect = None
            return True
        if kind not in self._forked:
            self._forked.add(kind)
            words = f"the first {head.size} events are not those of {name}; the change is here or later"
            self._verdict.report(kind, words, self._suspect)
        return False

    def check_ends(self, tips: Iterable[Tip]) -> None:
        """(3), (4) and (5) What should be there and is not."""
        verdict, size = self._verdict, self._tree.size
        verdict.chains = len(self._ends)
        if self._next_checkpoint < len(self._checkpoints) and not self._has_gap:
            largest = self._checkpoints[-1].head.size
            verdict.report("tree.truncated", f"{largest} events were sealed, {size} are here", self._suspect)
        elif not self._has_gap and (self._checkpoints[-1].head.size if self._checkpoints else 0) < size:
            verdict.report("tree.unsigned", "events have positions that no checkpoint signs", self._suspect)
        if self._next_note < len(self._notes) and not self._has_gap:
            largest = self._notes[-1].size
            verdict.report("witness.truncated", f"the witness saw {largest} events, {size} are sealed here")
        for tip in tips:
            if self._ends.pop(tip.chain, None) != (tip.seq, tip.hash, tip.at_us):
                verdict.report("chain.end", "the chain does not end where its head says", tip)
        for chain, (seq, hash_, at_us) in self._ends.items():
            verdict.report("chain.end", "the chain has no head", Tip(chain, seq, hash_, at_us))
