"""What an answer amounts to, from what each source said (docs/explanation/answers.md). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interpayer.model.exchange import Answer

# The plan's records that no declared source told of.
OWN = "records"
ANSWERED, EMPTY, PARTIAL, DEFERRED, CHOSEN = "answered", "empty", "partial", "deferred", "chosen"
FRESH, STALE, UNKNOWN = "fresh", "stale", "unknown"
# Why a source said nothing: the state it is in, and which kind of "not there" that makes (exchange.md, section 8).
STATE_OF: Mapping[str, str] = {
    "source.unreachable": "unreachable",
    "source.late": "late",
    "source.refused": "refused",
    "source.invalid": "invalid",
    "source.deferred": DEFERRED,
}
_KIND_OF: Mapping[str, str] = {
    "source.unreachable": "unreachable",
    "source.late": "late",
    "source.deferred": "late",
    "source.refused": "unknown",
    "source.invalid": "invalid",
    "source.empty": "absent",
    "record.unmapped": "unmapped",
    "record.withheld": "withheld",
}
_SAID = frozenset({ANSWERED, EMPTY})


@dataclass(frozen=True, slots=True)
class SourceAsked:
    """One source and one exchange: what it was asked, what it said, why not, and how fresh that is.

    ``missing`` names types that could not be had, with the reason; ``put_aside`` counts what came and could not be
    used, by reason.
    """

    exchange_id: str
    source: str
    member_id: str
    is_live: bool = False
    is_essential: bool = False
    state: str = CHOSEN
    reason: str | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    data_as_of: datetime | None = None
    freshness: str | None = None
    types: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    put_aside: Mapping[str, int] = field(default_factory=dict)
    attempts: int = 0
    job_id: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it said all that it has, and all of it could be used."""
        return self.state in _SAID and not self.missing and not self.put_aside


def answer_of(content: int, asked: Iterable[SourceAsked]) -> str:
    """Complete, partial or empty. ``content`` counts neither the Patient nor Provenance.

    Partial while a required source is not whole; and with nothing to give, while any source is silent: who says
    nothing may have something.
    """
    sources = list(asked)
    if any(one.is_essential and not one.is_whole for one in sources):
        return Answer.PARTIAL.value
    if content:
        return Answer.COMPLETE.value
    return Answer.EMPTY.value if all(one.is_whole for one in sources) else Answer.PARTIAL.value


def gaps_of(asked: Iterable[SourceAsked]) -> list[dict[str, Any]]:
    """What is not there, by source and type where known, and why; ``kind`` is one of the seven words."""
    gaps: list[dict[str, Any]] = []
    for one in asked:
        if one.state not in _SAID and one.reason and not one.missing:
            gaps.append(_gap(one, one.reason))
        gaps += [_gap(one, reason, type=kind) for kind, reason in sorted(one.missing.items())]
        gaps += [_gap(one, reason, count=count) for reason, count in sorted(one.put_aside.items())]
    return gaps


def rendered(asked: Iterable[SourceAsked]) -> list[dict[str, Any]]:
    """The sources as the internal rendering tells them; every field says something or is not there."""
    return [_rendered(one) for one in asked]


def stale(asked: Iterable[SourceAsked]) -> int:
    """How many sources told of a past that is older than agreed."""
    return sum(one.freshness == STALE for one in asked)


def silent_reasons(asked: Sequence[SourceAsked]) -> list[str]:
    """Why sources are not whole, each reason once: what a partner is told, without which source, type or member."""
    reasons = {str(gap["reason"]) for gap in gaps_of(one for one in asked if not one.is_whole)}
    return sorted({reason if reason.startswith("source.") else "source.invalid" for reason in reasons})


def _rendered(one: SourceAsked) -> dict[str, Any]:
    told: dict[str, Any] = {"source": one.source, "state": one.state, "essential": one.is_essential}
    optional = {
        "reason": one.reason,
        "asked_at": _iso(one.asked_at),
        "answered_at": _iso(one.answered_at),
        "data_as_of": _iso(one.data_as_of),
        "freshness": one.freshness,
        "attempts": one.attempts or None,
    }
    told |= {name: value for name, value in optional.items() if value is not None}
    return told | {"types": dict(sorted(one.types.items()))}


def _gap(one: SourceAsked, reason: str, **more: Any) -> dict[str, Any]:
    return {"kind": _KIND_OF.get(reason, "invalid"), "source": one.source, "reason": reason, **more}


def _iso(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value is not None else None
