"""HL7 v2 files and streams as records: one for each message, or for each person of a message with results of several.

Mapped are ADT, ORU, VXU and MDM; what else is recognized is given as out of scope with its reason (messages.yaml).
"""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from interpayer.adapters.base import Found
from interpayer.adapters.hl7v2.characters import UnreadableCharacters, read_text
from interpayer.adapters.hl7v2.framing import Piece, split_stream
from interpayer.adapters.hl7v2.grouping import declared_tables, group_segments, split_people
from interpayer.adapters.hl7v2.parsing import Damaged, Segment, read_segments

INVALID, DAMAGED_FILE = "record.invalid", "source.invalid"
OUT_OF_SCOPE, OTHER_VERSION = "record.out_of_scope", "record.unsupported_version"
_TYPE = re.compile(r"^[A-Z]{3}$")
_EVENT = re.compile(r"^[A-Z][A-Z0-9]{2}$")
_COUNT = re.compile(r"\s*(\d{1,9})")


def read_hl7v2(opened: BinaryIO, file: str) -> Iterator[Found]:
    """Every message of the stream in order; what cannot be read is given with its problem and its place."""
    position = in_batch = 0
    for piece in split_stream(opened):
        if piece.name == "MSH":
            position, in_batch = position + 1, in_batch + 1
            yield from _read_message(piece, file, position)
        elif piece.name == "":
            yield _damaged_file(piece, file, max(position, 1), piece.damage)
        elif piece.name == "BHS":
            in_batch = 0
        elif piece.name == "BTS" and (said := _said_count(piece.raw)) not in (None, in_batch):
            yield _damaged_file(piece, file, max(position, 1), f"BTS-1 counts {said} messages, {in_batch} came")


def _read_message(piece: Piece, file: str, position: int) -> Iterator[Found]:
    if piece.damage:
        yield Found("hl7v2", None, piece.raw, file, position, problem=INVALID, detail=f"MSH: {piece.damage}")
        return
    entity = "hl7v2"
    try:
        text, remark = read_text(piece.raw)
        segments = read_segments(text)
        entity = f"hl7v2.{_kind(segments[0][1])[0]}"
        found = list(_read_people(segments, piece, file, position))
    except (Damaged, UnreadableCharacters) as error:
        yield Found(entity, None, piece.raw, file, position, problem=INVALID, detail=str(error))
        return
    for one in found:
        yield one if not remark or one.problem else _remarked(one, remark)


def _remarked(found: Found, remark: str) -> Found:
    return Found(found.entity, found.content, found.raw, found.file, found.position, key=found.key, detail=remark)


def _read_people(segments: Sequence[tuple[str, Segment]], piece: Piece, file: str, position: int) -> Iterator[Found]:
    """One record for each person the message speaks of. Raises Damaged."""
    head = segments[0][1]
    kind, event, version = _kind(head)
    key = _component(head, "10", "1")
    reason = _left_out(kind, event, version)
    if reason:
        problem, words = reason
        yield Found(f"hl7v2.{kind}", None, piece.raw, file, position, key=key, problem=problem, detail=words)
        return
    tables = declared_tables()
    structure = tables.mapped[kind]
    for number, part in enumerate(split_people(segments, structure.splits), start=1):
        content = {"type": kind, "event": event, "version": version, "control_id": key}
        content |= group_segments(part, structure, tables.once)
        own = key if number == 1 or not key else f"{key}#{number}"
        if "PID" not in content:
            raise Damaged("PID: is missing, so nobody is named")
        yield Found(f"hl7v2.{kind}", content, piece.raw, file, position, key=own)


def _left_out(kind: str, event: str, version: str) -> tuple[str, str] | None:
    """(reason code, words) when this message is not ours to map."""
    tables = declared_tables()
    if not version.startswith("2"):
        return OTHER_VERSION, "MSH-12: names no version 2"
    if kind in tables.mapped:
        words = tables.mapped[kind].events.get(event)
        return (OUT_OF_SCOPE, f"{kind}^{event} {words}") if words else None
    return OUT_OF_SCOPE, tables.out_of_scope.get(kind, "a message that is not known here")


def _kind(head: Segment) -> tuple[str, str, str]:
    """(message type, trigger event, version). Raises Damaged."""
    kind, event = _component(head, "9", "1"), _component(head, "9", "2")
    if not _TYPE.match(kind):
        raise Damaged("MSH-9: names no type of message")
    return kind, event if _EVENT.match(event) else "", _component(head, "12", "1") or "2"


def _component(segment: Segment, field: str, component: str) -> str:
    repetitions = segment.get(field)
    return (repetitions[0].get(component) or "") if repetitions else ""


def _said_count(raw: bytes) -> int | None:
    """BTS-1, where it is a number."""
    found = _COUNT.match(raw[4:].decode("ascii", "replace"))
    return int(found[1]) if found else None


def _damaged_file(piece: Piece, file: str, position: int, words: str) -> Found:
    return Found("", None, piece.raw, file, position, problem=DAMAGED_FILE, detail=words)
