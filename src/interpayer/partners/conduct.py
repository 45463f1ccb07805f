"""Does a partner scrape? Judged by how often it called, and by how much it asked for that it has no part in.

Every id of ours is random and long, so nobody who works as agreed asks for many that are not theirs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TypeAlias

_Steps: TypeAlias = tuple[int, ...]


class Level(IntEnum):
    """How far a pattern has gone."""

    NONE = 0
    NOTICED = 1
    SLOWED = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """From which number on a pattern is noticed, slowed, refused; over what time; how long it rests."""

    missing: _Steps
    counting: _Steps
    volume: _Steps
    volume_floor: int
    span: timedelta
    rest: timedelta
    slow_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What one partner did: different addresses with no answer for it, those with ids not of ours, calls."""

    missing: int = 0
    counting: int = 0
    calls: int = 0
    busiest: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern with how far it has gone."""

    name: str
    level: Level
    number: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partner is treated now, and until when."""

    level: Level
    until: datetime


def judge(tally: Tally, limits: Limits) -> tuple[Pattern, ...]:
    """The patterns that have reached a level.

    `busiest` is the partner's own busiest day before this one; without any, the floor stands for it.
    """
    usual = max(tally.busiest, limits.volume_floor)
    volume = tuple(usual * factor for factor in limits.volume)
    counted = (
        ("missing", tally.missing, limits.missing),
        ("counting", tally.counting, limits.counting),
        ("volume", tally.calls, volume),
    )
    found = (Pattern(name, _level(number, steps), number) for name, number, steps in counted)
    return tuple(pattern for pattern in found if pattern.level)


def _level(number: int, steps: _Steps) -> Level:
    return Level(sum(number >= step for step in steps))
