"""What every adapter is: something that gives records one by one, with the bytes as they came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """One record as the source has it, and where it stood. ``problem`` (a reason code) says why ``content`` is None.

    ``entity`` is what kind of record it is: a FHIR resource type, ``x12.837P``, ``hl7v2.ADT``, the entity name of the
    declaration for tables, ``document``; ``""`` when even that is unknown. ``content`` is what a mapping reads, or the
    FHIR resource itself. Decimals inside a FHIR resource are ``orjson.Fragment``: written again, they keep their digits
    (72.50 stays 72.50). ``file`` and ``position`` (from 1) name a place and never a person; ``key`` is the source's own
    stable id of the record, if it has one. ``detail`` says in words where and what is wrong, and never a value.
    The problem ``record.out_of_scope`` means: recognized, sound, and not ours to map (an eligibility inquiry).
    """

    entity: str
    content: dict[str, Any] | None
    raw: bytes
    file: str
    position: int
    key: str = ""
    problem: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one member's answer needs of a live source: who (system, value), which types, service window, until when."""

    ids: tuple[tuple[str, str], ...]
    types: tuple[str, ...]
    window: tuple[date | None, date | None]
    until: datetime


class Source(Protocol):
    """A place that holds data."""

    @property
    def name(self) -> str:
        """What the ledger and the answer call this source."""

    def read(self) -> Iterator[Found]:
        """Everything it has, streamed; a record that cannot be read is given with its problem, never skipped."""


class LiveSource(Source, Protocol):
    """A place that can be asked for one member while an answer is made."""

    def read_member(self, asked: Asked) -> Iterator[Found]:
        """What it has of one member, until ``asked.until``.

        Raises Fault (source.unreachable, source.late, source.refused, source.invalid) when it cannot say or stops
        half way: what was given until then holds.
        """
