"""Which of two contents of one record stands. Pure, so that the order of arrivals can be proven not to matter."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from interpayer.model.record import Record


class Outcome(StrEnum):
    """What an arrival did to what is held."""

    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    OLDER = "older"
    ECHO = "echo"
    CONFLICT = "conflict"

    @property
    def is_content(self) -> bool:
        """True when what arrived becomes the content of the record."""
        return self in {Outcome.NEW, Outcome.CHANGED}


@dataclass(frozen=True, slots=True)
class Held:
    """The content that stands now."""

    digest: str
    references: tuple[str, ...]
    member_id: str | None
    source: str
    updated_at: datetime | None
    # When the author said so (else when it became available here), and whether the author itself told us.
    decided_at: datetime
    is_direct: bool


def held_of(record: Record) -> Held:
    """What an arrival would be as the content that stands."""
    return Held(
        digest=record.digest,
        references=record.references,
        member_id=record.member_id,
        source=record.origin.source,
        updated_at=record.updated_at,
        decided_at=decided_at(record),
        is_direct=is_direct(record),
    )


def decided_at(record: Record) -> datetime:
    """When its author said this, as far as anybody told us."""
    return record.updated_at or record.available_at


def is_direct(record: Record) -> bool:
    """True when the author itself sent it, or we loaded it as ours."""
    return record.origin.sender is None or record.origin.author == record.origin.source.rstrip("/")


def decide(held: Held | None, arrived: Record) -> Outcome:
    """What the arrival is. The newest by the author's own time stands; between equals, the author's own word.

    A record never changes hands by a partner's word: that is a conflict for a person to look at.
    """
    if arrived.is_echo:
        return Outcome.ECHO
    if held is None:
        return Outcome.NEW
    if held.member_id != arrived.member_id and arrived.origin.sender is not None:
        return Outcome.CONFLICT
    if held.member_id == arrived.member_id and _says_the_same(held, arrived):
        return Outcome.SAME
    return Outcome.CHANGED if _is_newer(held, arrived) else Outcome.OLDER


def confirm(held: Held, arrived: Record) -> Held:
    """What stands after the same was said again: it is as young as its last confirmation."""
    decided = max((held.decided_at, held.is_direct), (decided_at(arrived), is_direct(arrived)))
    return replace(held, decided_at=decided[0], is_direct=decided[1])


def _says_the_same(held: Held, arrived: Record) -> bool:
    """References count only within one source: every sender names its own neighbors."""
    if held.digest != arrived.digest:
        return False
    return held.references == arrived.references or held.source != arrived.origin.source


def _is_newer(held: Held, arrived: Record) -> bool:
    if arrived.origin.sender is None:
        # Our own feed: what is loaded last stands, unless it says itself that it is older.
        return not (held.updated_at and arrived.updated_at and arrived.updated_at < held.updated_at)
    return _rank(held_of(arrived)) > _rank(held)


def _rank(content: Held) -> tuple[datetime, bool, str, tuple[str, ...]]:
    return content.decided_at, content.is_direct, content.digest, content.references
