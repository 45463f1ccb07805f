"""The policy in force: Cedar rules validated strictly, numbers typed; the version is the hash of what can decide."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cedarpy
import yaml

from interpayer.model.reason import REASONS
from interpayer.policy.facts import Decision, Question
from interpayer.policy.failures import Failure, changed, read_failures
from interpayer.policy.figures import (
    BreakerNumbers,
    CallNumbers,
    CertificateNumbers,
    Clock,
    ConnectionNumbers,
    ExchangeNumbers,
    GuessingNumbers,
    LookingNumbers,
    Numbers,
    PayloadNumbers,
    RateNumbers,
    RetryNumbers,
    ScrapingNumbers,
    only_keys,
    read_numbers,
)
from interpayer.policy.obligations import actions_of, is_carried_out
from interpayer.policy.retention import RetentionRule, read_retention

SCHEMA, NUMBERS, FAILURES, CASES = "schema.cedarschema", "policy.yaml", "failures.yaml", "cases.yaml"
# A plan's own changes stand beside the shipped file under this name.
OWN_NUMBERS, OWN_CASES = "own.policy.yaml", "own.cases.yaml"
_PARTS = {"clock", "exchange", "payload", "breaker", "guessing", "looking", "calls", "retries", "rates"} | {
    "scraping",
    "certificates",
    "connections",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a Cedar policy says about itself."""

    id: str
    is_forbid: bool
    reason: str | None
    obligations: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of the policy; never changed, only replaced as a whole.

    `broken`: why this version decides nothing (every answer is no); its numbers are then those that ship.
    """

    version: str
    numbers: Numbers
    retention: Mapping[str, RetentionRule]
    failures: Mapping[str, Failure]
    rules: Mapping[str, Rule]
    files: Mapping[str, str] = field(repr=False)
    policies: cedarpy.PolicySet = field(repr=False, compare=False)
    schema: cedarpy.Schema = field(repr=False, compare=False)
    broken: str | None = None
    answers: dict[Question, Decision] = field(default_factory=dict, repr=False, compare=False)
    """What was decided before: equal facts have equal answers under one version."""

    @property
    def clock(self) -> Clock:
        """The law's times and ours."""
        return self.numbers.clock

    @property
    def exchange(self) -> ExchangeNumbers:
        """What bounds an exchange."""
        return self.numbers.exchange

    @property
    def payload(self) -> PayloadNumbers:
        """What is taken out of a payload at load."""
        return self.numbers.payload

    @property
    def breaker(self) -> BreakerNumbers:
        """When an endpoint rests."""
        return self.numbers.breaker

    @property
    def guessing(self) -> GuessingNumbers:
        """When requests look like guessing."""
        return self.numbers.guessing

    @property
    def scraping(self) -> ScrapingNumbers:
        """When reading looks like scraping."""
        return self.numbers.scraping

    @property
    def certificates(self) -> CertificateNumbers:
        """How long words about revocation count."""
        return self.numbers.certificates

    @property
    def connections(self) -> ConnectionNumbers:
        """How many connections and calls at once."""
        return self.numbers.connections

    @property
    def looking(self) -> LookingNumbers:
        """The bounds of break-glass."""
        return self.numbers.looking

    @property
    def calls(self) -> CallNumbers:
        """How long a call to a partner may take."""
        return self.numbers.calls

    @property
    def retries(self) -> Mapping[str, RetryNumbers]:
        """How each kind of step is tried again."""
        return self.numbers.retries

    @property
    def rates(self) -> Mapping[str, RateNumbers]:
        """How often a partner may call, by class of route."""
        return self.numbers.rates


def read_bundle(files: Mapping[str, str]) -> Bundle:
    """The policy out of the texts of its files; ValueError names the file and what does not hold."""
    ordered = {name: files[name] for name in sorted(files)}
    if missing := {SCHEMA, NUMBERS, FAILURES} - set(ordered):
        raise ValueError(f"policy: {', '.join(sorted(missing))} needed")
    cedar = {name: text for name, text in ordered.items() if name.endswith(".cedar")}
    whole = "\n".join(cedar.values())
    _validate(whole, ordered[SCHEMA])
    raw = merged(_yaml(ordered, NUMBERS), _yaml(ordered, OWN_NUMBERS, default={}), OWN_NUMBERS)
    only_keys(raw, {"format", "retention", "failures", *_PARTS}, NUMBERS)
    if raw["format"] != 1:
        raise ValueError("policy: unknown format")
    return Bundle(
        version=version_of(ordered),
        numbers=read_numbers(raw),
        retention=read_retention(raw["retention"]),
        failures=changed(read_failures(_yaml(ordered, FAILURES)), raw["failures"]),
        rules=_rules(cedar),
        files=ordered,
        policies=cedarpy.PolicySet.from_str(whole),
        schema=cedarpy.Schema.from_str(ordered[SCHEMA]),
    )


def version_of(files: Mapping[str, str]) -> str:
    """The version of these files: a hash of whatever can change a decision. Cases only look, so they do not count."""
    deciding = {name: files[name] for name in sorted(files) if name not in (CASES, OWN_CASES)}
    return f"p-{hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]}"


def merged(shipped: Mapping[str, Any], own: Any, place: str) -> dict[str, Any]:
    """The shipped values with a plan's own instead; ValueError for a name that nothing reads."""
    if not isinstance(own, Mapping):
        raise ValueError(f"policy: {place} holds names and values")
    whole = dict(shipped)
    for name, value in own.items():
        grows = place.endswith((".retention", ".failures"))
        if name not in shipped and not grows:
            raise ValueError(f"policy: {place}: {name} is unknown")
        before = shipped.get(name)
        is_table = isinstance(before, Mapping)
        whole[name] = merged(before, value, f"{place}.{name}") if is_table and before is not None else value
    return whole


def _validate(cedar: str, schema: str) -> None:
    checked = cedarpy.validate_policies(cedar, schema)
    if not checked.validation_passed:
        names = checked.id_annotations_by_policy_id
        found = {f"{names.get(error.policy_id, error.policy_id)}: {error.error}" for error in checked.errors}
        raise ValueError("policy: " + "; ".join(sorted(found)))


def _yaml(files: Mapping[str, str], name: str, *, default: Any = None) -> Any:
    try:
        read = yaml.safe_load(files[name]) if name in files else default
    except yaml.YAMLError as error:
        raise ValueError(f"policy: {name} is no YAML: {error}") from None
    return default if read is None else read


def _rules(cedar: Mapping[str, str]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for file, text in cedar.items():
        for policy in json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values():
            rule = _rule(policy, file, known=rules)
            rules[rule.id] = rule
    return rules


def _rule(policy: Mapping[str, Any], file: str, *, known: Iterable[str]) -> Rule:
    notes, is_forbid = policy.get("annotations", {}), policy["effect"] == "forbid"
    name, reason = notes.get("id"), notes.get("reason")
    if not name or name in known:
        raise ValueError(f"policy: every rule needs an @id of its own, found {name!r} in {file}")
    if (is_forbid or reason) and reason not in REASONS:
        raise ValueError(f"policy: {name} needs a @reason out of the reason codes")
    obligations = tuple(o.strip() for o in (notes.get("obligations") or "").split(",") if o.strip())
    actions = _actions(policy["action"])
    if idle := [o for o in obligations if is_forbid or not is_carried_out(o, actions)]:
        for_what = "of a no" if is_forbid else f"for {', '.join(sorted(actions))}"
        raise ValueError(f"policy: {name}: nobody carries out {idle[0]!r} {for_what}")
    return Rule(name, is_forbid, reason, obligations, file)


def _actions(scope: Mapping[str, Any]) -> frozenset[str]:
    """The actions of a rule's scope."""
    named = [scope["entity"]] if "entity" in scope else scope.get("entities", [])
    return actions_of([str(one["id"]) for one in named])
