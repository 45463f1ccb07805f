"""HL7 v2 files and streams as records: one for each message, or for each person of a message with results of several.

Mapped are ADT, ORU, VXU and MDM; what else is recognized is given as out of scope with its reason (messages.yaml).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from interpayer.adapters.base import Found
from interpayer.adapters.hl7v2.characters import UnreadableCharacters, read_text
from interpayer.adapters.hl7v2.embedded import document_of
from interpayer.adapters.hl7v2.framing import Piece, split_stream
from interpayer.adapters.hl7v2.grouping import declared_tables, group_segments, split_people
from interpayer.adapters.hl7v2.parsing import Damaged, Segment, SegmentReader

INVALID, DAMAGED_FILE = "record.invalid", "source.invalid"
OUT_OF_SCOPE, OTHER_VERSION = "record.out_of_scope", "record.unsupported_version"
_TYPE = re.compile(r"^[A-Z]{3}$")
_EVENT = re.compile(r"^[A-Z][A-Z0-9]{2}$")
_COUNT = re.compile(r"\s*(\d{1,9})")


@dataclass(frozen=True, slots=True)
class _Header:
    """What a message says of itself."""

    kind: str
    event: str
    version: str
    control_id: str

    @property
    def content(self) -> dict[str, Any]:
        """The same as a mapping reads it."""
        return {"type": self.kind, "event": self.event, "version": self.version, "control_id": self.control_id}


def read_hl7v2(opened: BinaryIO, file: str) -> Iterator[Found]:
    """Every message of the stream in order; what cannot be read is given with its problem and its place."""
    position = in_batch = 0
    reader = SegmentReader()
    for piece in split_stream(opened):
        if piece.name == "MSH":
            position, in_batch = position + 1, in_batch + 1
            yield from _read_message(reader, piece, file, position)
        elif piece.name == "":
            yield _damaged_file(piece, file, max(position, 1), piece.damage)
        elif piece.name == "BHS":
            in_batch = 0
        elif piece.name == "BTS" and (said := _said_count(piece.raw)) not in (None, in_batch):
            yield _damaged_file(piece, file, max(position, 1), f"BTS-1 counts {said} messages, {in_batch} came")


def _read_message(reader: SegmentReader, piece: Piece, file: str, position: int) -> Iterator[Found]:
    if piece.damage:
        yield Found("hl7v2", None, piece.raw, file, position, problem=INVALID, detail=f"MSH: {piece.damage}")
        return
    entity, found = "hl7v2", []
    try:
        text, remark = read_text(piece.raw)
        header = _header(reader.header(text))
        entity = f"hl7v2.{header.kind}"
        plain = Found(entity, None, piece.raw, file, position, key=header.control_id, detail=remark)
        found = _read_people(header, text, plain, reader)
    except (Damaged, UnreadableCharacters) as error:
        yield Found(entity, None, piece.raw, file, position, problem=INVALID, detail=str(error))
        return
    yield from found


def _read_people(header: _Header, text: str, found: Found, reader: SegmentReader) -> list[Found]:
    """One record for each person the message speaks of; one without content for what is left out. Raises Damaged."""
    if reason := _left_out(header):
        return [replace(found, problem=reason[0], detail=reason[1])]
    tables = declared_tables()
    structure = tables.mapped[header.kind]
    people = []
    for number, part in enumerate(split_people(reader.read(text), structure.splits), start=1):
        grouped = group_segments(part, structure, tables.once)
        if "PID" not in grouped:
            raise Damaged("PID: is missing, so nobody is named")
        if structure.holds_document:
            grouped["document"] = document_of(grouped.get("OBX", ()))
        key = found.key if number == 1 or not found.key else f"{found.key}#{number}"
        people.append(replace(found, content=header.content | grouped, key=key))
    return people


def _left_out(header: _Header) -> tuple[str, str] | None:
    """(reason code, words) when this message is not ours to map."""
    tables = declared_tables()
    if not header.version.startswith("2"):
        return OTHER_VERSION, "MSH-12: names no version 2"
    if header.kind in tables.mapped:
        words = tables.mapped[header.kind].events.get(header.event)
        return (OUT_OF_SCOPE, f"{header.kind}^{header.event} {words}") if words else None
    return OUT_OF_SCOPE, tables.out_of_scope.get(header.kind, "a message that is not known here")


def _header(head: Segment) -> _Header:
    """What MSH says. Raises Damaged."""
    kind, event = _component(head, "9", "1"), _component(head, "9", "2")
    if not _TYPE.match(kind):
        raise Damaged("MSH-9: names no type of message")
    known = event if _EVENT.match(event) else ""
    return _Header(kind, known, _component(head, "12", "1") or "2", _component(head, "10", "1"))


def _component(segment: Segment, field: str, component: str) -> str:
    repetitions = segment.get(field)
    return (repetitions[0].get(component) or "") if repetitions else ""


def _said_count(raw: bytes) -> int | None:
    """BTS-1, where it is a number."""
    found = _COUNT.match(raw[4:].decode("ascii", "replace"))
    return int(found[1]) if found else None


def _damaged_file(piece: Piece, file: str, position: int, words: str) -> Found:
    return Found("", None, piece.raw, file, position, problem=DAMAGED_FILE, detail=words)
