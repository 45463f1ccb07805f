"""The numbers of a policy, typed: one that is missing, unknown, of another type or out of bounds does not load."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from interpayer.policy.clocks import add_business_days

_T = TypeVar("_T")
# SMART Backend Services: an access token lives five minutes at most.
LONGEST_TOKEN_S = 300


@dataclass(frozen=True, slots=True)
class Clock:
    """The law's times and ours."""

    business_days: int
    request_days: int
    quarterly_days: int
    run_off_days: tuple[int, ...]
    give_up_days: int
    cut_off: time
    calendar: str
    extra_holidays: frozenset[date]

    def respond_by(self, received_at: datetime, time_zone: str) -> datetime:
        """When a responder's answer is due (UTC)."""
        extra = self.extra_holidays
        return add_business_days(received_at, self.business_days, zone=time_zone, cut_off=self.cut_off, extra=extra)

    def request_by(self, known_at: datetime) -> datetime:
        """When a requester must have asked, once opt-in and payer are known."""
        return known_at + timedelta(days=self.request_days)

    def give_up_at(self, at: datetime) -> datetime:
        """When attempts end and an owner takes over."""
        return at + timedelta(days=self.give_up_days)


@dataclass(frozen=True, slots=True)
class ExchangeNumbers:
    """What bounds an exchange."""

    payload_years: int
    prior_auth_days: int
    file_hours: int
    archive_days: int
    grant_days: int
    token_s: int
    batch_members: int
    collect_s: float
    majority_years: int
    tell_consent_refusal: bool
    answer_review: str


@dataclass(frozen=True, slots=True)
class PayloadNumbers:
    """What is taken out of a payload when it is loaded; a change of law switches one off."""

    without_money: bool
    without_denied: bool
    without_drugs: bool


@dataclass(frozen=True, slots=True)
class BreakerNumbers:
    """When an endpoint rests, and for how long."""

    failures: int
    open_s: float
    open_most_s: float
    probe_s: float


@dataclass(frozen=True, slots=True)
class RetryNumbers:
    """How often and how long a kind of step is tried (exchange/retry.py says what each means)."""

    attempts: int
    base_s: float
    cap_s: float
    hold_s: float
    rounds: int
    round_base_s: float
    round_cap_s: float
    budget_s: float
    heed_s: float


@dataclass(frozen=True, slots=True)
class CallNumbers:
    """How long a call to a partner may take: to connect, between two bytes, to begin its answer."""

    connect_s: float
    silence_s: float


@dataclass(frozen=True, slots=True)
class RateNumbers:
    """So many units a minute and at once for one class of route, and what one call of it counts."""

    per_minute: float
    burst: int
    cost: int


@dataclass(frozen=True, slots=True)
class LookingNumbers:
    """The bounds of break-glass."""

    most_minutes: int
    confirm_hours: int


@dataclass(frozen=True, slots=True)
class GuessingNumbers:
    """When a partner's requests look like guessing: tries that are noticed, slowed, refused; shares, times, pauses."""

    person: tuple[int, ...]
    name: tuple[int, ...]
    card: tuple[int, ...]
    near: tuple[int, ...]
    misses: tuple[int, ...]
    near_share: float
    misses_share: float
    window_days: int
    span_hours: int
    remembered_days: int
    rest_hours: int
    slow_s: float
    slow_most_s: float


@dataclass(frozen=True, slots=True)
class ScrapingNumbers:
    """When reading looks like scraping: numbers that are noticed, slowed, refused; over what time, with what pauses."""

    missing: tuple[int, ...]
    counting: tuple[int, ...]
    volume: tuple[int, ...]
    volume_floor: int
    span_hours: int
    rest_hours: int
    slow_s: float


@dataclass(frozen=True, slots=True)
class CertificateNumbers:
    """How long a word about revocation is used, when it is asked for again, and how long an old one may count."""

    refresh_s: float
    retry_s: float
    grace_s: float


@dataclass(frozen=True, slots=True)
class ConnectionNumbers:
    """How many connections one certificate may hold open, and how many calls one partner may have under way."""

    open: int
    calls: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """All numbers of one policy."""

    clock: Clock
    exchange: ExchangeNumbers
    payload: PayloadNumbers
    breaker: BreakerNumbers
    guessing: GuessingNumbers
    scraping: ScrapingNumbers
    certificates: CertificateNumbers
    connections: ConnectionNumbers
    looking: LookingNumbers
    calls: CallNumbers
    retries: Mapping[str, RetryNumbers]
    rates: Mapping[str, RateNumbers]


RETRIES = frozenset({"quick", "partner", "poll"})
RATES = frozenset({"token", "register", "match", "bulk", "status", "file", "read"})


def read_numbers(raw: Mapping[str, Any]) -> Numbers:
    """The numbers out of the parsed text; ValueError names the one that does not hold."""
    exchange = typed(ExchangeNumbers, raw["exchange"], "exchange")
    if exchange.token_s > LONGEST_TOKEN_S:
        raise ValueError(f"policy: exchange.token_s is at most {LONGEST_TOKEN_S} (SMART Backend Services)")
    return Numbers(
        clock=_clock(raw["clock"]),
        exchange=exchange,
        payload=typed(PayloadNumbers, raw["payload"], "payload"),
        breaker=typed(BreakerNumbers, raw["breaker"], "breaker"),
        guessing=_guessing(raw["guessing"]),
        scraping=_scraping(raw["scraping"]),
        certificates=typed(CertificateNumbers, raw["certificates"], "certificates"),
        connections=typed(ConnectionNumbers, raw["connections"], "connections"),
        looking=typed(LookingNumbers, raw["looking"], "looking"),
        calls=typed(CallNumbers, raw["calls"], "calls"),
        retries=_named(RetryNumbers, raw["retries"], place="retries", names=RETRIES),
        rates=_named(RateNumbers, raw["rates"], place="rates", names=RATES),
    )


def typed(kind: type[_T], row: Mapping[str, Any], place: str) -> _T:
    """The row as this class; ValueError for what is missing, unknown, of another type, or not above zero."""
    if not isinstance(row, Mapping):
        raise ValueError(f"policy: {place} holds names and values")
    wanted = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    only_keys(row, set(wanted), place)
    for name, value in row.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if (wanted[name] in (int, float)) != number or (wanted[name] is int and not isinstance(value, int)):
            raise ValueError(f"policy: {place}.{name} has the wrong type")
        if wanted[name] is bool and not isinstance(value, bool):
            raise ValueError(f"policy: {place}.{name} is true or false")
        if wanted[name] is str and not isinstance(value, str):
            raise ValueError(f"policy: {place}.{name} is a word")
        if number and value <= 0:
            raise ValueError(f"policy: {place}.{name} must be above zero")
    return kind(**row)


def only_keys(row: Mapping[str, Any], wanted: set[str], place: str) -> None:
    """ValueError when a name is missing or unknown."""
    if set(row) != wanted:
        raise ValueError(f"policy: {place}: unknown or missing {sorted(map(str, set(row) ^ wanted))}")


def _named(kind: type[_T], rows: Mapping[str, Any], *, place: str, names: frozenset[str]) -> dict[str, _T]:
    only_keys(rows, set(names), place)
    return {name: typed(kind, row, f"{place}.{name}") for name, row in rows.items()}


def _clock(row: Mapping[str, Any]) -> Clock:
    days = frozenset(date.fromisoformat(str(day)) for day in row["extra_holidays"])
    if row["calendar"] != "us_federal":
        raise ValueError("policy: clock.calendar is us_federal")
    read = {**row, "cut_off": time.fromisoformat(row["cut_off"]), "run_off_days": tuple(row["run_off_days"])}
    return typed(Clock, {**read, "extra_holidays": days}, "clock")


def _guessing(row: Mapping[str, Any]) -> GuessingNumbers:
    steps = _steps(row, ("person", "name", "card", "near", "misses"), place="guessing")
    read = typed(GuessingNumbers, {**row, **steps}, "guessing")
    if read.slow_s > read.slow_most_s or max(read.near_share, read.misses_share) > 1:
        raise ValueError("policy: guessing: slow_s is at most slow_most_s, and a share at most 1")
    return read


def _scraping(row: Mapping[str, Any]) -> ScrapingNumbers:
    steps = _steps(row, ("missing", "counting", "volume"), place="scraping")
    return typed(ScrapingNumbers, {**row, **steps}, "scraping")


def _steps(row: Mapping[str, Any], names: tuple[str, ...], *, place: str) -> dict[str, tuple[int, ...]]:
    """Each of these as three rising numbers."""
    found: dict[str, tuple[int, ...]] = {}
    for name in names:
        value: Any = row.get(name)
        counted = isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)
        if not counted or not 0 < value[0] < value[1] < value[2]:
            raise ValueError(f"policy: {place}.{name} needs three rising numbers: noticed, slowed, refused")
        found[name] = tuple(value)
    return found
