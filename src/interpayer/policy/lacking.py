"""Why not: what each fact that stands in the way says, in a fixed order.

The engine names the rules that forbid, but no rule when none permits; then these reasons are all that a no can say.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from interpayer.model.reason import REASONS
from interpayer.policy.facts import ANSWER, ASK, DOOR, Facts, KeptFacts, LookFacts, PublishFacts, Question, RecordFacts


def lacking(facts: Question, *, most_minutes: int) -> Iterator[str]:
    """The reason of each fact that the shipped rules would not accept."""
    if isinstance(facts, LookFacts):
        yield from _look(facts, most_minutes)
    else:
        yield from _CHECKS[type(facts)](facts)


def _hop(facts: Facts) -> Iterator[str]:
    if facts.releases_held and facts.action not in DOOR:
        yield "system.restored"
    yield from _standing(facts)
    if not facts.certificate_bound:
        yield "caller.certificate_mismatch"
    if facts.action not in ASK | {"token"} and facts.scope_needed not in facts.scopes:
        yield "caller.wrong_scope"
    if facts.action in ANSWER:
        yield from _vouched(facts)
    if facts.action not in DOOR and facts.consent not in ("granted", "narrowed"):
        yield facts.consent_reason or "consent.missing"


def _standing(facts: Facts) -> Iterator[str]:
    if facts.partner_environment != facts.environment:
        yield "caller.wrong_environment"
    if facts.partner_status == "quarantined":
        yield "route.quarantined"
    elif facts.partner_status == "testing" and facts.environment != "test":
        yield "caller.wrong_environment"
    elif facts.partner_status not in ("active", "testing"):
        yield "caller.suspended"


def _vouched(facts: Facts) -> Iterator[str]:
    if not facts.acts_for_recipient:
        yield "caller.not_acting_for"
    if not facts.attested:
        yield "request.missing_attestation"


def _record(facts: RecordFacts) -> Iterator[str]:
    if facts.kind.excluded:
        yield facts.kind.excluded if facts.kind.excluded in REASONS else "record.withheld"
    if not facts.kind.in_window:
        yield "record.excluded_service_date"


def _kept(facts: KeptFacts) -> Iterator[str]:
    if facts.is_held:
        yield "policy.legal_hold"
    if not facts.is_settled or (facts.action == "purge" and facts.age_days < facts.keep_days):
        yield "policy.not_due"


def _look(facts: LookFacts, most_minutes: int) -> Iterator[str]:
    if "analyst" not in facts.roles:
        yield "caller.not_permitted"
    if not facts.has_reason:
        yield "request.malformed"
    if not 0 < facts.minutes <= most_minutes:
        yield "policy.too_long"
    if not facts.has_second_person:
        yield "policy.second_person"


def _publish(facts: PublishFacts) -> Iterator[str]:
    if "admin" not in facts.roles:
        yield "caller.not_permitted"
    if not facts.has_reason:
        yield "request.malformed"
    if facts.action == "rollback" and not facts.was_in_force:
        yield "policy.version_unknown"
    if facts.action == "publish" and not facts.cases_hold:
        yield "policy.cases_fail"
    if facts.action == "publish" and not facts.has_second_person and facts.environment != "test":
        yield "policy.second_person"


_CHECKS: Mapping[type, Callable[[Any], Iterator[str]]] = {
    Facts: _hop,
    RecordFacts: _record,
    KeptFacts: _kept,
    PublishFacts: _publish,
}
