"""A canonical record: a FHIR resource as bytes beside the columns that decisions need."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from: author organization and the author's own id are its identity through every relay."""

    author: str
    original_id: str
    source: str
    exchange_id: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One resource of one member (`member_id` None: shared, e.g. Practitioner). `released` is None when excluded."""

    id: str
    type: str
    member_id: str | None
    origin: Origin
    original: bytes
    released: bytes | None
    excluded: str | None
    removed: Mapping[str, int]
    digest: str
    service_from: date | None
    service_to: date | None
    status: str | None
    references: tuple[str, ...]
    available_at: datetime
