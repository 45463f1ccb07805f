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
    # What kind of knowledge the source has (enrollment, claims, clinical, documents); decides between contradictions.
    role: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """By what the same thing is recognized when another source tells of it, and which things it says it replaces.

    ``unique`` means one thing whoever uses it, however often (a claim number, the member). ``identifiers`` are numbers
    that should; ``systems`` are what the numbers are given out in. ``likeness`` is what the thing itself says.
    ``aliases`` are other numbers by which a claim that replaces this one may name it; they join nothing.
    """

    unique: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    likeness: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


NO_MARKS = Marks()


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
    # The sender's own id of the resource; what its other resources refer to.
    local_id: str = ""
    # The author's version, carried through every relay; decides which of two contents is newer.
    updated_at: datetime | None = None
    # Prior authorizations only: the last change of their status, and until when they hold.
    pa_changed_on: date | None = None
    pa_ends_on: date | None = None
    # Our own record, come back through somebody else.
    is_echo: bool = False
    # Of our declared sources' records only: what another payer says of its own stays apart.
    marks: Marks = NO_MARKS
    # Why it is sensitive, by the value sets of this version.
    labels: frozenset[str] = frozenset()
    labels_version: str | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A resource that was received and is kept, but may not become a record: why, and which rules it broke."""

    reason: str
    type: str
    source: str
    original: bytes
    rules: tuple[str, ...] = ()
    exchange_id: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """NDJSON lines of one type and one member; of a shared resource: one line and the members that depend on it.

    `plain` is None where the lines lie ready packed: then `packed` has them as gzip, with length and SHA-256 of the
    plain ones.
    """

    type: str
    member_ids: tuple[str, ...]
    plain: bytes | None
    count: int
    shared: bool = False
    packed: bytes = b""
    length: int = 0
    sha256: str = ""
