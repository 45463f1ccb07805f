"""Responder: does a partner guess at members? Counted by what it was told, judged before anybody is looked up.

HRex 1.2, `$member-match`: same demographics with varying card data SHALL be noticed and stopped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zlib import crc32

from interpayer.exchange.tools import Tools
from interpayer.identity import guess_store
from interpayer.identity.guess_store import Alarm, Key, Remembered
from interpayer.identity.guessing import (
    Level,
    Limits,
    Steps,
    Tally,
    Trail,
    Verdict,
    anchors,
    is_near,
    judge_tally,
    judge_trail,
    strictest,
)
from interpayer.identity.resolve import Query
from interpayer.identity.standardize import standardize
from interpayer.model.event import Event
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.policy.figures import GuessingNumbers
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.telemetry import log

_REASONS = {Level.NOTICED: "caller.guessing", Level.SLOWED: "caller.slowed", Level.REFUSED: "caller.guessing"}


@dataclass(frozen=True, slots=True)
class Tried:
    """One request under watch: what it could be holding fast, and what was remembered of it before."""

    exchange_id: str
    keys: tuple[Key, ...]
    before: dict[Key, Remembered]
    verdict: Verdict

    @property
    def is_repeat(self) -> bool:
        """Whether this very request came before: asking again is not guessing."""
        return bool(self.keys) and all(self.before[key].is_known for key in self.keys)


def turn_away(tools: Tools, conn: Connection, partner_id: str, *, at: datetime) -> None:
    """Raise while all that this partner asks has to wait: `Fault` caller.slowed, `Refusal` caller.guessing."""
    _raise(_standing(tools, conn, partner_id, at))


def watch(
    tools: Tools, conn: Connection, partner_id: str, *, asked: Sequence[tuple[str, Query]], is_single: bool
) -> list[Tried]:
    """Each request (exchange id, query) with its verdict; nobody may be looked up where `wait_s` is above zero.

    A single request raises instead, like `turn_away`. Of many in one call those that begin to be too many have to wait.
    """
    at = now()
    keys = {exchange_id: _keys(tools, query) for exchange_id, query in asked}
    everything = {key for one in keys.values() for key in one}
    if is_single:
        # the requests of one call are counted one after the other anyway, and too many to lock
        guess_store.hold(conn, partner_id, everything)
    limits = limits_of(tools.policy().guessing)
    before = guess_store.trails(conn, partner_id, everything, since=at - limits.window)
    tried: list[Tried] = []
    under_way: dict[tuple[str, str], set[str]] = defaultdict(set)
    for exchange_id, _ in asked:
        mine = {key: before[key] for key in keys[exchange_id]}
        verdict = _verdict(mine, under_way, limits, at)
        tried.append(Tried(exchange_id, keys[exchange_id], mine, verdict))
        for key in () if verdict.wait_s else keys[exchange_id]:
            under_way[key.kind, key.anchor].add(key.variant)
    if is_single:
        _raise(strictest([*(one.verdict for one in tried), _standing(tools, conn, partner_id, at)]))
    return tried


def remember(
    tools: Tools, conn: Connection, partner_id: str, *, tried: Sequence[Tried], told: Mapping[str, str | None]
) -> None:
    """Keep what was told "no" (exchange id to our reason in `told`), and say so once when a pattern reaches a level.

    What counts is what the partner was told, never what we know: otherwise the count itself would tell.
    """
    if not tried:
        return
    at, limits = now(), limits_of(tools.policy().guessing)
    looked_up = [one for one in tried if not one.verdict.wait_s]
    missed = [one for one in looked_up if one.exchange_id in told]
    new = {one.keys or (one.exchange_id,): one for one in missed if not one.is_repeat}
    guess_store.remember(conn, partner_id, {key for one in missed for key in one.keys}, at=at)
    near = sum(is_near(told[one.exchange_id]) for one in new.values())
    added = Tally(len(looked_up), len(new), near, at if new else None)
    guess_store.count(conn, partner_id, added, at=at)
    if new:
        standing = _standing(tools, conn, partner_id, at)
        _alarm(tools, conn, partner_id, found=[*_reached(new.values(), limits), ("", standing, None)], at=at)


@cache
def limits_of(numbers: GuessingNumbers) -> Limits:
    """The limits that the policy in force sets."""
    return Limits(
        person=Steps(*numbers.person),
        name=Steps(*numbers.name),
        card=Steps(*numbers.card),
        near=Steps(*numbers.near),
        misses=Steps(*numbers.misses),
        near_share=numbers.near_share,
        misses_share=numbers.misses_share,
        window=timedelta(days=numbers.window_days),
        span=timedelta(hours=numbers.span_hours),
        remembered=timedelta(days=numbers.remembered_days),
        rest=timedelta(hours=numbers.rest_hours),
        slow_s=numbers.slow_s,
        slow_most_s=numbers.slow_most_s,
    )


def _keys(tools: Tools, query: Query) -> tuple[Key, ...]:
    standard = standardize(query.demographics, [query.coverage] if query.coverage else [], payer=query.payer)
    variant = tools.resolver.fingerprint(query)
    hashed = (
        (anchor.kind, tools.vault.pseudonym(f"guess.{anchor.kind}", anchor.value)) for anchor in anchors(standard)
    )
    return tuple(sorted(Key(kind, value, variant) for kind, value in hashed))


def _verdict(
    mine: Mapping[Key, Remembered], under_way: Mapping[tuple[str, str], set[str]], limits: Limits, at: datetime
) -> Verdict:
    if mine and all(found.is_known for found in mine.values()):
        return Verdict()
    verdicts = []
    for key, found in mine.items():
        others = len(under_way.get((key.kind, key.anchor), set()) - {key.variant})
        trail = Trail(found.trail.tries + others, at if others else found.trail.last_at)
        verdicts.append(judge_trail(key.kind, trail, limits, at=at))
    return strictest(verdicts)


def _standing(tools: Tools, conn: Connection, partner_id: str, at: datetime) -> Verdict:
    limits = limits_of(tools.policy().guessing)
    tally = guess_store.tally(conn, partner_id, since=at - limits.span)
    drift = crc32(tools.vault.pseudonym("guess.drift", f"{partner_id} {at:%Y-%m-%d}").encode()) / 2**32
    return judge_tally(tally, limits, at=at, drift=drift)


def _raise(verdict: Verdict) -> None:
    if verdict.wait_s and verdict.level is Level.REFUSED:
        raise Refusal("caller.guessing")
    if verdict.wait_s:
        raise Fault(FaultKind.RETRYABLE, "caller.slowed", retry_after_s=verdict.wait_s)


def _reached(new: Iterable[Tried], limits: Limits) -> list[tuple[str, Verdict, str | None]]:
    """By anchor what the tries amount to with the new ones, and the last exchange that added to them."""
    added: dict[tuple[str, str], set[str]] = defaultdict(set)
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for one in new:
        for key in one.keys:
            place = key.kind, key.anchor
            added[place].add(key.variant)
            last[place] = one.before[key].trail.tries, one.exchange_id
    found: list[tuple[str, Verdict, str | None]] = []
    for (kind, anchor), variants in added.items():
        tries, exchange_id = last[kind, anchor]
        total = tries + len(variants)
        found.append((anchor, Verdict(limits.steps(kind).level(total), kind, total), exchange_id))
    return found


def _alarm(
    tools: Tools, conn: Connection, partner_id: str, *, found: Sequence[tuple[str, Verdict, str | None]], at: datetime
) -> None:
    alarms = [
        Alarm(partner_id, verdict.pattern, anchor, verdict.level, verdict.tries, exchange_id, at)
        for anchor, verdict, exchange_id in found
        if verdict.level
    ]
    for alarm in guess_store.raise_alarms(conn, alarms, since=at - limits_of(tools.policy().guessing).window):
        name, reason = alarm.level.name.lower(), _REASONS[alarm.level]
        tools.ledger.append(
            conn,
            Event(
                *(f"guessing.{name}", f"partner:{partner_id}", "process", "interpayer"),
                outcome="review" if alarm.level is Level.NOTICED else "refused",
                reason=reason,
                exchange_id=alarm.exchange_id,
                partner_id=partner_id,
                policy_version=tools.policy().version,
                facts={"pattern": alarm.pattern, "tries": alarm.tries},
            ),
        )
        # what an alert rule looks for; who the partner asked for stands nowhere in it
        log.warning("guessing", partner_id=partner_id, kind=alarm.pattern, state=name, count=alarm.tries)
