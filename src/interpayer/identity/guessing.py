"""Whether a partner's requests look like guessing: what is counted, and what follows (HRex 1.2: SHALL monitor).

A try is a request that was told "no". It is counted under everything that a guesser would hold fast while he varies
the rest: the birth date with initials, the name with its postal code, the number of a card. The same request again is
the same try, however often it comes; so a quarterly repeat never counts. Nothing here looks anybody up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from interpayer.identity.standardize import Standard

_NAMES_COUNTED = 4
_QUIET_REASONS = frozenset({"identity.not_enrolled", "identity.insufficient", "identity.certain"})


class Level(IntEnum):
    """What a pattern leads to, weakest first."""

    QUIET = 0
    NOTICED = 1
    SLOWED = 2
    REFUSED = 3


class Anchor(NamedTuple):
    """What stays the same while somebody guesses: its kind, and its value (hashed before it is kept)."""

    kind: str
    value: str


class Steps(NamedTuple):
    """From how many tries on a pattern is noticed, slowed, refused."""

    noticed: int
    slowed: int
    refused: int

    def level(self, tries: float) -> Level:
        """The level that so many tries reach."""
        return Level(sum(tries >= step for step in self))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is too much; `person`, `name` and `card` count tries, `near` and `misses` requests of one partner."""

    person: Steps
    name: Steps
    card: Steps
    near: Steps
    misses: Steps
    near_share: float
    misses_share: float
    window: timedelta
    span: timedelta
    remembered: timedelta
    rest: timedelta
    slow_s: float
    slow_most_s: float

    def steps(self, kind: str) -> Steps:
        """The steps of one kind of anchor."""
        return {"person": self.person, "name": self.name, "card": self.card}[kind]


@dataclass(frozen=True, slots=True)
class Trail:
    """What is remembered under one anchor: different tries inside the window, and when the last of them came."""

    tries: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """One partner's requests inside the span: all, new ones told "no", and those of them that came near somebody."""

    asked: int = 0
    misses: int = 0
    near: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pattern leads to now. `wait_s` above zero: nobody is looked up before it has passed."""

    level: Level = Level.QUIET
    pattern: str = ""
    tries: int = 0
    wait_s: float = 0.0


def anchors(standard: Standard) -> frozenset[Anchor]:
    """What this request could be holding fast; empty when it says too little to guess with."""
    families = {family.replace(" ", "") for family in standard.families[:_NAMES_COUNTED]} - {""}
    given = {words[0] for words in standard.given[:_NAMES_COUNTED] if words}
    found = {Anchor("card", number) for number in {*standard.member_ids, *standard.subscriber_ids}}
    if standard.birth_date:
        # initials, so that a changed spelling does not begin a new count
        day = standard.birth_date.isoformat()
        found |= {Anchor("person", f"{day} {g[0]}{f[0]}") for g in given for f in families}
    found |= {Anchor("name", f"{g} {f} {code}") for g in given for f in families for code in standard.postal_codes}
    return frozenset(found)


def is_near(reason: str | None) -> bool:
    """Whether a "no" for this reason means that somebody real was close."""
    return bool(reason) and str(reason).startswith("identity.") and reason not in _QUIET_REASONS


def judge_trail(kind: str, trail: Trail, limits: Limits, *, at: datetime) -> Verdict:
    """What the tries under one anchor lead to for one more that differs."""
    return _verdict(kind, trail.tries, limits.steps(kind), limits=limits, since=_since(trail.last_at, at))


def judge_tally(tally: Tally, limits: Limits, *, at: datetime, drift: float) -> Verdict:
    """What the sum of a partner's requests leads to.

    A count of near misses says something about our members, so nothing that the partner sees may show it: its steps lie
    up to half higher by a secret `drift` (0 to 1), and its pause is always the longest one.
    """
    since, asked = _since(tally.last_at, at), max(tally.asked, 1)
    verdicts = [Verdict()]
    if tally.near / asked >= limits.near_share:
        steps = Steps(*(round(step * (1 + drift / 2)) for step in limits.near))
        flat = replace(limits, slow_s=limits.slow_most_s)
        verdicts.append(_verdict("near", tally.near, steps, limits=flat, since=since))
    if tally.misses / asked >= limits.misses_share:
        verdicts.append(_verdict("misses", tally.misses, limits.misses, limits=limits, since=since))
    return strictest(verdicts)


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that holds longest; between equals the higher level, then a stable order."""
    return max(verdicts, key=lambda v: (v.wait_s, v.level, v.tries, v.pattern), default=Verdict())


def _verdict(pattern: str, tries: int, steps: Steps, *, limits: Limits, since: timedelta) -> Verdict:
    level = steps.level(tries)
    if level is Level.REFUSED:
        pause = limits.rest
    elif level is Level.SLOWED:
        # from the shortest pause to the longest in equal factors
        share = (tries - steps.slowed) / (steps.refused - steps.slowed)
        pause = timedelta(seconds=limits.slow_s * (limits.slow_most_s / limits.slow_s) ** share)
    else:
        pause = timedelta()
    return Verdict(level, pattern if level else "", tries, (pause - min(pause, since)).total_seconds())


def _since(last_at: datetime | None, at: datetime) -> timedelta:
    # a clock that went back must not make a pause longer than it is
    return max(timedelta(), at - last_at) if last_at else timedelta.max
