"""How many names a decision needs, and whether those who spoke agree. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.model.match import Match

SAME = "same"


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person says of a case; `member_id` where it is the same person."""

    person: str
    decision: str
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A decision that is in force, and whose names stand behind it."""

    decision: str
    member_id: str | None
    people: tuple[str, ...]


def settle(voices: Sequence[Voice], *, needs_two: bool) -> Settled | None:
    """The decision of a case after the latest voice; None while another name is needed.

    (1) Of each person only the latest word counts. (2) A "same" that needs two names is in force when two people say it
    of one member. (3) "Different" and "undecidable" release nothing: one name is enough, unless somebody says "same";
    then two must agree. (4) Where one name is enough, the latest word holds.
    """
    spoken = _latest(voices)
    if not spoken:
        return None
    last = spoken[-1]
    agree = tuple(v.person for v in spoken if (v.decision, v.member_id) == (last.decision, last.member_id))
    is_disputed = any(v.decision == SAME for v in spoken)
    if needs_two and is_disputed and len(agree) < 2:
        return None
    return Settled(last.decision, last.member_id, agree)


def candidate_scores(match: Match) -> dict[str, float]:
    """The score of each candidate in bits, as the limits are compared with it; empty where nobody was weighed."""
    weights = {c.member_id: c.weight for c in match.candidates if c.weight is not None}
    if match.score is None or not weights:
        return {}
    best = max(weights.values())
    if match.margin is not None and match.runner_up in weights:
        best = weights[match.runner_up] + match.margin
    return {member_id: round(weight - best + match.score, 2) for member_id, weight in weights.items()}


def needs_two(candidates: Sequence[dict[str, Any]], member_id: str | None, *, below: float | None) -> bool:
    """Whether a "same" about this candidate needs two names: its score lies below the limit. Unweighed: one name."""
    if below is None:
        return False
    scores = [c.get("score") for c in candidates if member_id in (None, c["member_id"])]
    known = [score for score in scores if score is not None]
    return bool(known) and max(known) < below


def _latest(voices: Sequence[Voice]) -> list[Voice]:
    by_person = {_plain(voice.person): voice for voice in voices}
    return [voice for voice in voices if by_person[_plain(voice.person)] is voice]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
