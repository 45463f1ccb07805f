"""X12 005010 as records: one for each claim (837), payment (835), member (834) and patient event (278).

Everything else is recognized and named: other transactions, other versions, damage, what stands between interchanges.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from interpayer.adapters.base import Found
from interpayer.adapters.x12.envelope import (
    GROUP,
    INSIDE,
    INTERCHANGE,
    TRAILERS,
    TRANSACTION,
    Envelope,
    Level,
    at,
    disagreement,
)
from interpayer.adapters.x12.frames import Whereabouts
from interpayer.adapters.x12.loops import grammars, out_of_scope, read_transactions
from interpayer.adapters.x12.splitting import LONGEST_ISA, Delimiters, Junk, Opening, Run, read_isa, split
from interpayer.adapters.x12.transaction import Transaction

SOURCE_INVALID = "source.invalid"
OUT_OF_SCOPE = "record.out_of_scope"
UNSUPPORTED = "record.unsupported_version"
# Of what is not read, only so much is kept as it came.
KEPT = 1 << 16


def read_x12(opened: BinaryIO, file: str, only: frozenset[str] = frozenset()) -> Iterator[Found]:
    """Every record of an opened file, streamed; what is no sound record is given with its problem and its place.

    ``only`` names the transaction sets that are wanted; the others are then passed over in silence.
    """
    reading = _Reading(file, only)
    for piece in split(opened):
        if isinstance(piece, Run):
            yield from reading.read(piece.texts)
        elif isinstance(piece, Opening):
            yield from reading.open_interchange(piece)
        else:
            yield from reading.pass_over(piece)
    yield from reading.end(INTERCHANGE, cut_off=True)


def read_again(raw: bytes, file: str) -> Found:
    """The record whose ``raw`` this is: it is given with the segments around it, so it says the same as before."""
    opened = read_isa(raw[:LONGEST_ISA].decode("latin-1"))
    between = opened[0] if opened else Delimiters("*", ":", "^", "~")
    segments = raw.decode("latin-1").split(between.segment)[:-1]
    control = at(segments[2].split(between.element), 2) if len(segments) > 2 else ""
    # ISA and GS are no part of the transaction set; its SE is.
    end = between.element.join(("SE", str(len(segments) - 1), control)) + between.segment
    return next(read_x12(io.BytesIO(raw + end.encode("latin-1")), file))


@dataclass(slots=True)
class _Ignored:
    """A transaction set that is not read: what it is, why, and the beginning of it as it came."""

    entity: str
    problem: str
    why: str
    texts: list[str] = field(default_factory=list)
    weight: int = 0

    def keep(self, text: str) -> None:
        """Remember a segment, up to a bound."""
        if self.weight < KEPT:
            self.weight += len(text) + 1
            self.texts.append(text)


class _Reading:
    """Where the reading of one file stands: the segment number, the open envelopes, the open transaction set."""

    def __init__(self, file: str, only: frozenset[str]) -> None:
        self.file = file
        self.only = only
        self.number = 0
        self.delimiters = Delimiters("*", ":", "^", "~")
        self.envelope = Envelope()
        self.transaction: Transaction | None = None
        self.ignored: _Ignored | None = None
        self.is_lost = False

    def read(self, texts: Sequence[str]) -> Iterator[Found]:
        """The records that these segments finish."""
        element = self.delimiters.element
        for text in texts:
            self.number += 1
            clean = text if text.isascii() and text.isprintable() else self._clean(text)
            elements = clean.split(element)
            if elements[0] in _ENVELOPE:
                yield from _ENVELOPE[elements[0]](self, elements, text)
            elif self.transaction is not None:
                self.transaction.place(elements, text, self.number)
                if self.transaction.ready:
                    yield from self.transaction.take()
            else:
                yield from self._stray(elements, text)

    def open_interchange(self, opening: Opening) -> Iterator[Found]:
        """Begin an interchange; one that is still open was cut off."""
        yield from self.end(INTERCHANGE, cut_off=True)
        self.number += 1
        self.delimiters, self.is_lost = opening.delimiters, False
        self._begin(INTERCHANGE, opening.isa.split(self.delimiters.element), opening.isa)

    def pass_over(self, junk: Junk) -> Iterator[Found]:
        """Tell once of what belongs to no interchange, however long it is."""
        if junk.ends_interchange:
            self.number += 1
            yield self._invalid(junk.text, f"segment {self.number} has no end")
            yield from self.end(INTERCHANGE, cut_off=True)
        elif not self.is_lost:
            self.is_lost = True
            yield self._invalid(junk.text, f"after segment {self.number}: {junk.why}")

    def end(self, kind: str, *, cut_off: bool = False) -> Iterator[Found]:
        """Close an envelope with all that is still open inside it; ``cut_off``: its trailer did not come."""
        if kind in INSIDE:
            yield from self.end(INSIDE[kind], cut_off=True)
        level = self.envelope.levels.get(kind)
        if level is None:
            return
        if kind == TRANSACTION:
            yield from self._finish("the transaction set is cut off here" if cut_off else "")
        del self.envelope.levels[kind]
        if cut_off:
            yield self._invalid(level.text, f"the {kind} that begins at segment {level.began_at} has no end")

    def _finish(self, cut_off: str) -> Iterator[Found]:
        if self.transaction is not None:
            self.transaction.close(cut_off)
            yield from self.transaction.take()
        if self.ignored is not None and not self.only:
            end = self.delimiters.segment
            text = self.envelope.text() + "".join(one + end for one in self.ignored.texts)
            yield self._found(self.ignored.entity, text, self.ignored.problem, self.ignored.why)
        self.transaction = self.ignored = None

    def _begin(self, kind: str, elements: Sequence[str], text: str) -> None:
        self.envelope.levels[kind] = Level(elements, text + self.delimiters.segment, self.number)

    def _header(self, elements: Sequence[str], text: str) -> Iterator[Found]:
        """GS and ST; what they open is counted by the envelope around."""
        kind, around = (GROUP, INTERCHANGE) if elements[0] == "GS" else (TRANSACTION, GROUP)
        yield from self.end(kind, cut_off=True)
        if around not in self.envelope.levels:
            yield self._invalid(text, f"segment {self.number} ({elements[0]}) stands outside of any {around}")
            return
        self.envelope.levels[around].count += 1
        self._begin(kind, elements, text)
        if kind == TRANSACTION:
            self._open_transaction(at(elements, 1), self.envelope.guide())

    def _open_transaction(self, code: str, guide: str) -> None:
        grammar = grammars().get((code, guide))
        if grammar is not None and (not self.only or code in self.only):
            where = Whereabouts(self.file, self.envelope.content(), self.envelope.text())
            self.transaction = Transaction(grammar, self.delimiters, where)
            return
        entity = f"x12.{code}" if code in read_transactions() or code in out_of_scope() else "x12"
        if code in out_of_scope():
            self.ignored = _Ignored(entity, OUT_OF_SCOPE, out_of_scope()[code])
        elif code in read_transactions():
            self.ignored = _Ignored(entity, UNSUPPORTED, "the guide named in ST03 or GS08 is not read here")
        else:
            self.ignored = _Ignored(entity, OUT_OF_SCOPE, "a transaction set that is not known here")

    def _trailer(self, elements: Sequence[str], text: str) -> Iterator[Found]:
        kind = TRAILERS[elements[0]]
        level = self.envelope.levels.get(kind)
        if level is None:
            yield self._invalid(text, f"segment {self.number} ({elements[0]}) ends no {kind} that is open")
            return
        if kind == TRANSACTION:
            level.count = self.number - level.began_at + 1
        else:
            yield from self.end(INSIDE[kind], cut_off=True)
        wrong = disagreement(kind, level, elements)
        if wrong and self.transaction is not None:
            self.transaction.doubt(f"segment {self.number} ({elements[0]}) {wrong}")
        yield from self.end(kind)
        if wrong:
            yield self._invalid(text, f"segment {self.number} ({elements[0]}) {wrong}")

    def _stray(self, elements: Sequence[str], text: str) -> Iterator[Found]:
        if self.ignored is not None:
            self.ignored.keep(text)
        elif elements[0] == "TA1" and GROUP not in self.envelope.levels:
            yield self._found("x12.TA1", text, OUT_OF_SCOPE, "an acknowledgment of an interchange")
        else:
            yield self._invalid(text, f"segment {self.number} stands outside of any transaction set")

    def _clean(self, text: str) -> str:
        """UTF-8 where it is UTF-8, else Latin-1; a control character damages what it stands in."""
        try:
            clean = text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            clean = text
        kept = "".join(one for one in clean if one.isprintable() or one == "\xa0")
        if kept != clean and self.transaction is not None:
            self.transaction.damage(self.number, "", "holds a control character")
        return kept

    def _invalid(self, text: str, detail: str) -> Found:
        return self._found("x12", text, SOURCE_INVALID, detail)

    def _found(self, entity: str, text: str, problem: str, detail: str) -> Found:
        raw = text[:KEPT].encode("latin-1", "replace")
        return Found(entity, None, raw, self.file, max(self.number, 1), problem=problem, detail=detail)


_Step: TypeAlias = Callable[[_Reading, Sequence[str], str], Iterator[Found]]
_ENVELOPE: Mapping[str, _Step] = {
    "GS": _Reading._header,
    "ST": _Reading._header,
    **dict.fromkeys(TRAILERS, _Reading._trailer),
}
