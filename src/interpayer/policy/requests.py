"""Facts as the engine wants them: principal, action, resource, context, and the entities with their attributes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from interpayer.policy.bundle import Bundle
from interpayer.policy.facts import Facts, KeptFacts, LookFacts, PublishFacts, Question, RecordFacts


class Request(NamedTuple):
    """One question in the engine's own form."""

    request: dict[str, Any]
    entities: list[dict[str, Any]]


def request_of(bundle: Bundle, facts: Question) -> Request:
    """The question in the engine's form; KeyError for facts of an unknown class."""
    return _FORMS[type(facts)](bundle, facts)


def _hop(_bundle: Bundle, facts: Facts) -> Request:
    context = {
        "environment": facts.environment,
        "scope_needed": facts.scope_needed,
        "consent": facts.consent,
        "attested": facts.attested,
        "acts_for_recipient": facts.acts_for_recipient,
        "certificate_bound": facts.certificate_bound,
        "releases_held": facts.releases_held,
        "purpose": facts.purpose,
        "basis": facts.basis,
        "lines_of_business": [*facts.lines_of_business],
        "lines_agreed": [*facts.lines_agreed],
    }
    return _request(facts.action, _partner(facts), _entity("Payer", "us"), context)


def _record(_bundle: Bundle, facts: RecordFacts) -> Request:
    asker, kind, limits = facts.asker, facts.kind, facts.limits
    attributes = {
        "type": kind.type,
        "labels": [*kind.labels],
        "excluded": kind.excluded or "",
        "in_window": kind.in_window,
        "is_labelled": kind.is_labelled,
    }
    context = {
        "environment": asker.environment,
        "purpose": asker.purpose,
        "basis": asker.basis,
        "consent": asker.consent,
        "all_types": limits.types is None,
        "types": [*(limits.types or ())],
        "types_withheld": [*limits.types_withheld],
        "labels_withheld": [*limits.labels_withheld],
    }
    return _request(facts.action, _partner(asker), _entity("Record", kind.type, attributes), context)


def _kept(_bundle: Bundle, facts: KeptFacts) -> Request:
    attributes = {"what": facts.what, "age_days": facts.age_days, "keep_days": facts.keep_days}
    context = {"is_held": facts.is_held, "is_settled": facts.is_settled}
    return _request(facts.action, _entity("Process", "interpayer"), _entity("Kept", facts.what, attributes), context)


def _look(bundle: Bundle, facts: LookFacts) -> Request:
    context = {
        "environment": facts.environment,
        "minutes": facts.minutes,
        "most_minutes": bundle.looking.most_minutes,
        "has_reason": facts.has_reason,
        "has_second_person": facts.has_second_person,
    }
    return _request(facts.action, _person(facts), _entity("Payload", "body"), context)


def _publish(_bundle: Bundle, facts: PublishFacts) -> Request:
    context = {
        "environment": facts.environment,
        "cases_hold": facts.cases_hold,
        "has_reason": facts.has_reason,
        "has_second_person": facts.has_second_person,
        "was_in_force": facts.was_in_force,
    }
    return _request(facts.action, _person(facts), _entity("Version", "policy"), context)


def _partner(facts: Facts) -> dict[str, Any]:
    attributes = {
        "client_id": facts.client_id,
        "status": facts.partner_status,
        "environment": facts.partner_environment,
        "scopes": [*facts.scopes],
        "organizations": [*facts.organizations],
    }
    return _entity("Partner", facts.partner_id, attributes)


def _person(facts: LookFacts | PublishFacts) -> dict[str, Any]:
    return _entity("Person", facts.person, {"roles": [*facts.roles]})


def _entity(kind: str, name: str, attributes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": dict(attributes or {}), "parents": []}


def _request(action: str, principal: dict[str, Any], resource: dict[str, Any], context: dict[str, Any]) -> Request:
    request = {
        "principal": principal["uid"],
        "action": {"type": "Action", "id": action},
        "resource": resource["uid"],
        "context": context,
    }
    return Request(request, [principal, resource])


_FORMS: Mapping[type, Callable[[Bundle, Any], Request]] = {
    Facts: _hop,
    RecordFacts: _record,
    KeptFacts: _kept,
    LookFacts: _look,
    PublishFacts: _publish,
}
