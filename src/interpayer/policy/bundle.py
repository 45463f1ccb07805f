"""The policy in force: Cedar rules validated strictly, numbers typed; the version is the hash of all its files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import cedarpy
import yaml

from interpayer.model.reason import REASONS
from interpayer.policy.clocks import add_business_days

SCHEMA, NUMBERS = "schema.cedarschema", "policy.yaml"
_T = TypeVar("_T")


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
class BreakerNumbers:
    """When an endpoint rests, and for how long."""

    failures: int
    open_s: float
    open_most_s: float
    probe_s: float


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
class Rule:
    """What a Cedar policy says about itself."""

    id: str
    reason: str | None
    obligations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of the policy; never changed, only replaced as a whole."""

    version: str
    clock: Clock
    exchange: ExchangeNumbers
    breaker: BreakerNumbers
    guessing: GuessingNumbers
    rules: Mapping[str, Rule]
    files: Mapping[str, str] = field(repr=False)
    policies: cedarpy.PolicySet = field(repr=False, compare=False)
    schema: cedarpy.Schema = field(repr=False, compare=False)


def load_bundle(directory: Path | None = None) -> Bundle:
    """The policy of a folder (None: the one beside the code); ValueError names what does not hold."""
    folder: Traversable = directory or resources.files("interpayer.policy").joinpath("rules")
    return read_bundle({f.name: f.read_text("utf-8") for f in folder.iterdir() if _belongs(f.name)})


def read_bundle(files: Mapping[str, str]) -> Bundle:
    """The policy out of the texts of its files; ValueError names the file and what does not hold."""
    ordered = {name: files[name] for name in sorted(files)}
    if SCHEMA not in ordered or NUMBERS not in ordered:
        raise ValueError(f"policy: {SCHEMA} and {NUMBERS} are needed")
    cedar = "\n".join(text for name, text in ordered.items() if name.endswith(".cedar"))
    checked = cedarpy.validate_policies(cedar, ordered[SCHEMA])
    if not checked.validation_passed:
        names = checked.id_annotations_by_policy_id
        found = {f"{names.get(error.policy_id, error.policy_id)}: {error.error}" for error in checked.errors}
        raise ValueError("policy: " + "; ".join(sorted(found)))
    numbers = yaml.safe_load(ordered[NUMBERS])
    _only_keys(numbers, {"format", "clock", "exchange", "breaker", "guessing"}, NUMBERS)
    if numbers["format"] != 1:
        raise ValueError("policy: unknown format")
    digest = hashlib.sha256(json.dumps(ordered).encode()).hexdigest()
    return Bundle(
        version=f"p-{digest[:16]}",
        clock=_read_clock(numbers["clock"]),
        exchange=_typed(ExchangeNumbers, numbers["exchange"], "exchange"),
        breaker=_typed(BreakerNumbers, numbers["breaker"], "breaker"),
        guessing=_read_guessing(numbers["guessing"]),
        rules=_read_rules(cedar),
        files=ordered,
        policies=cedarpy.PolicySet.from_str(cedar),
        schema=cedarpy.Schema.from_str(ordered[SCHEMA]),
    )


def _read_rules(cedar: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for policy in json.loads(cedarpy.policies_to_json_str(cedar))["staticPolicies"].values():
        notes, is_forbid = policy.get("annotations", {}), policy["effect"] == "forbid"
        name, reason = notes.get("id"), notes.get("reason")
        if not name or name in rules:
            raise ValueError(f"policy: every rule needs an @id of its own, found {name!r}")
        if (is_forbid or reason) and reason not in REASONS:
            raise ValueError(f"policy: {name} needs a @reason out of the reason codes")
        obligations = tuple(o for o in (notes.get("obligations") or "").split(",") if o)
        rules[name] = Rule(name, reason, obligations)
    return rules


def _read_clock(row: Mapping[str, Any]) -> Clock:
    days = frozenset(date.fromisoformat(str(day)) for day in row["extra_holidays"])
    if row["calendar"] != "us_federal":
        raise ValueError("policy: clock.calendar is us_federal")
    read = {**row, "cut_off": time.fromisoformat(row["cut_off"]), "run_off_days": tuple(row["run_off_days"])}
    return _typed(Clock, {**read, "extra_holidays": days}, "clock")


def _read_guessing(row: Mapping[str, Any]) -> GuessingNumbers:
    steps: dict[str, Any] = {name: row.get(name) for name in ("person", "name", "card", "near", "misses")}
    for name, value in steps.items():
        counted = isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)
        if not counted or not 0 < value[0] < value[1] < value[2]:
            raise ValueError(f"policy: guessing.{name} needs three rising numbers: noticed, slowed, refused")
    read = _typed(GuessingNumbers, {**row, **{name: tuple(value) for name, value in steps.items()}}, "guessing")
    if read.slow_s > read.slow_most_s or max(read.near_share, read.misses_share) > 1:
        raise ValueError("policy: guessing: slow_s is at most slow_most_s, and a share at most 1")
    return read


def _typed(kind: type[_T], row: Mapping[str, Any], place: str) -> _T:
    # Every number is spelled out: one that is missing, unknown, negative or of another type stops the start.
    wanted = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    _only_keys(row, set(wanted), place)
    for name, value in row.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if (wanted[name] in (int, float)) != number or (wanted[name] is int and not isinstance(value, int)):
            raise ValueError(f"policy: {place}.{name} has the wrong type")
        if number and value <= 0:
            raise ValueError(f"policy: {place}.{name} must be above zero")
    return kind(**row)


def _only_keys(row: Mapping[str, Any], wanted: set[str], place: str) -> None:
    if set(row) != wanted:
        raise ValueError(f"policy: {place}: unknown or missing {sorted(set(row) ^ wanted)}")


def _belongs(name: str) -> bool:
    return name.endswith(".cedar") or name in (SCHEMA, NUMBERS)
