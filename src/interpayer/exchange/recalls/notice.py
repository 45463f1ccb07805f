"""The notice of a recall on its way between two payers: a FHIR Communication (R4), written and read.

The guides have no message for it. What goes is what both payers know: the correlation id of the exchange, the Patient
id that the responder gave out, and a code for the reason. No name, no birth date, no record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from interpayer.model.reason import REASONS, Refusal

CATEGORY = "urn:interpayer:recall-notice"
REASON = "urn:interpayer:reason"
REPLY = "urn:interpayer:recall-reply"
CORRELATION = "urn:interpayer:correlation-id"
RECALL, ANSWER = "recall", "reply"
REPLIES = ("deleted", "quarantined", "refused", "not_needed")
UNNAMED_REASON = "recall.scope"
MOST_NAMED = 10_000
_LONGEST = 200
_WORDS = {
    RECALL: "We sent you these records by mistake: please set them apart, stop serving them, tell whom you gave them, "
    "and say what you did by a Communication in response to this one.",
    ANSWER: "What we did about the records that you recalled.",
}


@dataclass(frozen=True, slots=True)
class Named:
    """One exchange that a notice is about, in words that both payers know."""

    correlation_id: str
    patient_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """`id` is the sender's own for this notice; of a reply, `answers` is the receiver's id of the recall."""

    id: str
    kind: str
    reason: str | None = None
    named: tuple[Named, ...] = ()
    answers: str | None = None
    reply: str | None = None


def write_notice(notice: Notice, *, sender: Mapping[str, Any], base: str, at: datetime) -> dict[str, Any]:
    """The Communication; `sender` is our identifier, `base` our FHIR base."""
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "identifier": [{"system": base, "value": notice.id}],
        "status": "completed",
        "category": [{"coding": [{"system": CATEGORY, "code": notice.kind}]}],
        "sent": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "sender": {"type": "Organization", "identifier": dict(sender)},
        "payload": [{"contentString": _WORDS[notice.kind]}],
    }
    if notice.reason:
        resource["reasonCode"] = [{"coding": [{"system": REASON, "code": notice.reason}]}]
    if notice.named:
        resource["about"] = [reference for named in notice.named for reference in _about(named, base)]
    if notice.answers:
        resource["inResponseTo"] = [{"identifier": {"value": notice.answers}}]
    if notice.reply:
        resource["topic"] = {"coding": [{"system": REPLY, "code": notice.reply}]}
    return resource


def read_notice(resource: object) -> Notice:
    """The notice behind a Communication; `Refusal` request.malformed names the element that is missing or wrong."""
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Communication":
        raise _broken("the body must be a Communication")
    kind = _code(_first(resource.get("category")), CATEGORY)
    if kind not in (RECALL, ANSWER):
        raise _broken(f"Communication.category must be {RECALL} or {ANSWER} of {CATEGORY}")
    notice_id = _text(_first(resource.get("identifier")), "value")
    if notice_id is None:
        raise _broken("Communication.identifier is missing")
    if kind == ANSWER:
        answers = _text(_mapping(_first(resource.get("inResponseTo"))).get("identifier"), "value")
        reply = _code(resource.get("topic"), REPLY)
        if answers is None or reply not in REPLIES:
            raise _broken(f"a reply needs inResponseTo.identifier, and a topic out of {', '.join(REPLIES)}")
        return Notice(notice_id, kind, answers=answers, reply=reply)
    named = _named(resource.get("about"))
    if not named:
        raise _broken(f"Communication.about must name exchanges by identifier with the system {CORRELATION}")
    reason = _code(_first(resource.get("reasonCode")), REASON)
    is_known = reason is not None and reason.startswith("recall.") and reason in REASONS
    return Notice(notice_id, kind, reason=reason if is_known else UNNAMED_REASON, named=named)


def _about(named: Named, base: str) -> Sequence[dict[str, Any]]:
    """The exchange, and right after it the Patient whose history it was."""
    exchange = {"identifier": {"system": CORRELATION, "value": named.correlation_id}}
    patient = [{"reference": f"{base}/Patient/{named.patient_id}"}] if named.patient_id else []
    return [exchange, *patient]


def _named(about: object) -> tuple[Named, ...]:
    found: list[Named] = []
    for entry in about if isinstance(about, list) else []:
        identifier = _mapping(_mapping(entry).get("identifier"))
        literal = _text(entry, "reference")
        if identifier.get("system") == CORRELATION and (value := _text(identifier, "value")):
            found.append(Named(value))
        elif literal and found and found[-1].patient_id is None and "Patient/" in literal:
            found[-1] = Named(found[-1].correlation_id, literal.rpartition("Patient/")[2])
    if len(found) > MOST_NAMED:
        raise _broken(f"at most {MOST_NAMED} exchanges in one notice")
    return tuple(dict.fromkeys(found))


def _code(concept: object, system: str) -> str | None:
    codings = _mapping(concept).get("coding")
    for coding in codings if isinstance(codings, list) else []:
        if _mapping(coding).get("system") == system:
            return _text(coding, "code")
    return None


def _text(node: object, key: str) -> str | None:
    value = _mapping(node).get(key)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def _first(nodes: object) -> object:
    return nodes[0] if isinstance(nodes, list) and nodes else None


def _mapping(node: object) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _broken(detail: str) -> Refusal:
    return Refusal("request.malformed", detail)
