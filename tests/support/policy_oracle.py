"""The shipped rules in plain Python, and made-up facts to compare both by. It shares no line with the rules."""

from random import Random
from typing import Any

from interpayer.model.consent import Limits
from interpayer.policy.facts import Facts, KeptFacts, LookFacts, PublishFacts, Question, RecordFacts, RecordKind

LOOK_MINUTES = 60
_DOOR, _ANSWER = ("call", "token"), ("match", "read", "export", "download")
_STATUSES = ["active"] * 8 + ["invited", "testing", "testing", "quarantined", "suspended", "retired"]
_LABELS = (
    "substance_use",
    "hiv",
    "mental_health",
    "psychotherapy_notes",
    "minor_own",
    "restricted",
    "unstructured",
    "plans_own",
)
_TYPES = ("Patient", "Condition", "Coverage", "ExplanationOfBenefit")
_EXCLUDED = (
    *("record.excluded_denied_authorization", "record.excluded_drug_authorization", "record.withheld"),
    "record.odd",
)


def allows(facts: Question) -> bool:
    """Would the shipped rules allow this?"""
    if isinstance(facts, Facts):
        return _stands(facts) and (_door(facts) if facts.action in _DOOR else _goes(facts))
    if isinstance(facts, RecordFacts):
        return _record(facts.kind, facts.limits)
    if isinstance(facts, KeptFacts):
        is_over = facts.action == "forget" or facts.age_days >= facts.keep_days
        return facts.is_settled and is_over and not facts.is_held
    if isinstance(facts, LookFacts):
        is_short = 1 <= facts.minutes <= LOOK_MINUTES
        return "analyst" in facts.roles and facts.has_reason and facts.has_second_person and is_short
    if "admin" not in facts.roles or not facts.has_reason:
        return False
    if facts.action == "rollback":
        return facts.was_in_force
    return facts.cases_hold and (facts.has_second_person or facts.environment == "test")


def obligations(facts: Question) -> set[str]:
    """What a yes to these facts obliges to."""
    if isinstance(facts, LookFacts):
        return {"notify_privacy", "tell_afterwards"}
    is_part2 = isinstance(facts, RecordFacts) and "substance_use" in facts.kind.labels
    return {"attach_part2_notice"} if is_part2 else set()


def _stands(facts: Facts) -> bool:
    is_living = facts.partner_status == "active" or (facts.partner_status == "testing" and facts.environment == "test")
    return is_living and facts.partner_environment == facts.environment and facts.certificate_bound


def _door(facts: Facts) -> bool:
    return facts.action == "token" or facts.scope_needed in facts.scopes


def _goes(facts: Facts) -> bool:
    if facts.releases_held or facts.consent not in ("granted", "narrowed"):
        return False
    if facts.lines_agreed and not set(facts.lines_agreed) & set(facts.lines_of_business):
        return False
    if facts.action not in _ANSWER:
        return True
    return facts.scope_needed in facts.scopes and facts.attested and facts.acts_for_recipient


def _record(kind: RecordKind, limits: Limits) -> bool:
    if kind.excluded or not kind.in_window or "psychotherapy_notes" in kind.labels:
        return False
    if limits.labels_withheld and not kind.is_labelled:
        return False
    if kind.labels and "*" in limits.labels_withheld:
        return False
    kinds_withheld = limits.labels_withheld - {"minor_own"}
    if kind.labels & limits.labels_withheld or (kinds_withheld and kind.labels & {"restricted", "unstructured"}):
        return False
    return kind.type not in limits.types_withheld and (limits.types is None or kind.type in limits.types)


def some_facts(draw: Random) -> Question:
    """Facts of any kind, most of them such that one more change decides."""
    return draw.choice((_hop, _hop, _hop, _some_record, _some_record, _kept, _look, _publish))(draw)


def _hop(draw: Random) -> Facts:
    environment = draw.choice(("production", "test"))
    return Facts(
        action=draw.choice((*_DOOR, *_ANSWER, "send")),
        partner_id=f"p-{draw.randrange(9)}",
        partner_status=draw.choice(_STATUSES),
        partner_environment=environment if _mostly(draw) else "elsewhere",
        environment=environment,
        scopes=tuple(draw.sample(("match", "read", "x y", 'a"b'), draw.randrange(1, 5))),
        scope_needed=draw.choice(("match", "read", 'a"b')),
        consent=draw.choice(("granted", "granted", "granted", "narrowed", "refused")),
        attested=_mostly(draw),
        acts_for_recipient=_mostly(draw),
        releases_held=not _mostly(draw),
        certificate_bound=_mostly(draw),
        client_id=draw.choice(("", "https://old.example")),
        lines_of_business=_some(draw, ("medicare", "dual", "commercial")),
        lines_agreed=_some(draw, ("medicare", "dual")) if draw.random() < 0.3 else (),
    )


def _some_record(draw: Random) -> RecordFacts:
    limits = Limits(
        labels_withheld=frozenset(_some(draw, (*_LABELS, "*"))) if draw.random() < 0.4 else frozenset(),
        types=frozenset(_some(draw, _TYPES)) if draw.random() < 0.2 else None,
        types_withheld=frozenset(_some(draw, _TYPES)) if draw.random() < 0.2 else frozenset(),
    )
    kind = RecordKind(
        type=draw.choice(_TYPES),
        labels=frozenset(_some(draw, _LABELS)) if draw.random() < 0.5 else frozenset(),
        excluded=draw.choice(_EXCLUDED) if draw.random() < 0.2 else None,
        in_window=_mostly(draw),
        is_labelled=_mostly(draw),
    )
    return RecordFacts(_hop(draw), kind, limits)


def _kept(draw: Random) -> KeptFacts:
    keep_days = draw.choice((1, 30, 2190))
    age_days = draw.choice((0, keep_days - 1, keep_days, keep_days + 1, 9999))
    what = draw.choice(("request", "decision", "work"))
    held, settled = not _mostly(draw), _mostly(draw)
    return KeptFacts(what, age_days, keep_days, held, settled, action=draw.choice(("purge", "forget")))


def _look(draw: Random) -> LookFacts:
    minutes = draw.choice((-1, 0, 1, 30, LOOK_MINUTES, LOOK_MINUTES + 1))
    roles, environment = _some(draw, ("analyst", "analyst", "admin", "operator")), draw.choice(("production", "test"))
    return LookFacts("ana", roles, environment, minutes, _mostly(draw), _mostly(draw))


def _publish(draw: Random) -> PublishFacts:
    given: dict[str, Any] = {name: _mostly(draw) for name in ("cases_hold", "has_reason", "was_in_force")}
    return PublishFacts(
        person="ana",
        roles=_some(draw, ("admin", "admin", "operator")),
        environment=draw.choice(("production", "test")),
        has_second_person=draw.random() < 0.5,
        action=draw.choice(("publish", "rollback")),
        **given,
    )


def _mostly(draw: Random) -> bool:
    return draw.random() < 0.88


def _some(draw: Random, choices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(draw.sample(choices, draw.randrange(len(choices) + 1)))
