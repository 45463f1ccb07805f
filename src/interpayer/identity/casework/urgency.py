"""What to look at first: how much a wrong decision would cost, and how much of the promised time is gone."""

from datetime import datetime, timedelta

from interpayer.model.match import Match

# A recall stands for data that are out already, a conflict for data that may lie with the wrong member.
_BY_KIND = {"recall": 100, "conflict": 70, "identity": 40, "policy": 20}
_TWO_FIT = 25
_PERSONAL_FACT_DISAGREES = 15
_TWO_NAMES = 15
_URGENT = 20
_NEAR = 10.0
_SHORTEST = timedelta(minutes=1)
# More than three times the promised time says nothing new.
_MOST_AGE = 300.0


def risk_of(kind: str, match: Match | None, *, needs_two: bool = False, priority: str = "normal") -> int:
    """What is at stake, 0 to 100: the kind, two people who both fit, a personal fact that disagrees, weak evidence."""
    risk = _BY_KIND.get(kind, _BY_KIND["identity"]) + (_URGENT if priority == "urgent" else 0)
    if match is not None:
        is_near = match.margin is not None and match.margin < _NEAR
        risk += _TWO_FIT if is_near or match.reason == "identity.ambiguous" else 0
        risk += _PERSONAL_FACT_DISAGREES if match.reason.startswith("identity.conflict_") else 0
        risk += _TWO_NAMES if needs_two else 0
    return min(risk, 100)


def rank_of(risk: int, opened_at: datetime, due_at: datetime, *, at: datetime) -> float:
    """Where an open case stands in the queue, highest first: its risk, and the percentage of its time that is gone."""
    promised = max(due_at - opened_at, _SHORTEST)
    gone = max((at - opened_at) / promised * 100, 100.0 if at >= due_at else 0.0)
    return round(risk + min(gone, _MOST_AGE), 1)
