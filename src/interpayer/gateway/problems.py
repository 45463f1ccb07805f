"""The only place that turns a no, a fault or a bug into what a partner reads (exchange.md section 4).

Nothing of the request is ever repeated: not a value, not a header, not an id.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from interpayer.gateway.door import FHIR_JSON, Answer, Context
from interpayer.model.reason import REASONS, Fault, FaultKind, Refusal
from interpayer.system.database import DatabaseGone

# Two transactions met (serialization, deadlock, lock not available): the same call later may well succeed.
COLLISIONS = frozenset({"40001", "40P01", "55P03"})
# The database is short of disk, memory or connections: nothing was kept, and the same call later may well succeed.
EXHAUSTED = frozenset({"53100", "53200", "53300", "53400"})
REASON_SYSTEM = "urn:interpayer:reason"
DEFAULT_WAIT_S = 5

# Reason: HTTP status and issue.code (R4 IssueType). A prefix with a star stands for the rest of its family.
TABLE: Mapping[str, tuple[int, str]] = {
    "request.malformed": (400, "invalid"),
    "request.missing_member": (422, "required"),
    "request.missing_consent": (422, "required"),
    "request.missing_attestation": (422, "required"),
    "request.missing_payer": (422, "required"),
    "request.unsupported_version": (422, "not-supported"),
    "request.unsupported_parameter": (400, "not-supported"),
    "request.unsupported_media": (415, "not-supported"),
    "request.too_large": (413, "too-long"),
    "request.duplicate_differs": (422, "conflict"),
    "request.references_repaired": (200, "informational"),
    "request.not_found": (404, "not-found"),
    "request.wrong_state": (409, "conflict"),
    "caller.unknown": (401, "login"),
    "caller.wrong_environment": (401, "login"),
    "caller.certificate_mismatch": (401, "login"),
    "caller.certificate_untrusted": (401, "login"),
    "caller.certificate_revoked": (401, "login"),
    "caller.not_activated": (403, "forbidden"),
    "caller.certificate_unexpected": (401, "login"),
    "caller.certificate_unchecked": (503, "transient"),
    "caller.replayed": (401, "login"),
    "caller.purpose_missing": (403, "forbidden"),
    "caller.keys_unreachable": (401, "login"),
    "caller.suspended": (403, "forbidden"),
    "caller.wrong_scope": (403, "forbidden"),
    "caller.not_acting_for": (403, "forbidden"),
    "caller.not_permitted": (403, "forbidden"),
    "caller.too_many": (429, "throttled"),
    "caller.slowed": (429, "throttled"),
    "caller.guessing": (403, "forbidden"),
    "caller.scraping": (403, "forbidden"),
    # HRex 1.2 prescribes 422 for all three ways of not matching, and no code.
    "identity.not_enrolled": (422, "not-found"),
    "identity.ambiguous": (422, "multiple-matches"),
    "consent.malformed": (422, "invalid"),
    "consent.*": (422, "suppressed"),
    "delivery.link_expired": (404, "not-found"),
    "delivery.member_withdrawn": (200, "informational"),
    "system.overloaded": (503, "transient"),
    "system.storage": (503, "transient"),
    "system.restored": (503, "transient"),
    "system.bug": (500, "exception"),
}
# What a partner may not tell apart. Everything that stands in neither table is ours alone and shows as a bug.
TOLD_AS: Mapping[str, str] = {
    "identity.*": "identity.not_enrolled",
    "policy.*": "consent.missing",
}


def told(reason: str) -> str:
    """The reason as a partner sees it; internal ones become one that says no more than it must."""
    family = f"{reason.partition('.')[0]}.*"
    if reason in TABLE:
        return reason
    if family in TOLD_AS:
        return TOLD_AS[family]
    return reason if family in TABLE and reason in REASONS else "system.bug"


def outcome(reason: str, detail: str = "", *, severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome with one issue."""
    return outcome_of([(severity, reason, detail)])


def outcome_of(issues: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """An OperationOutcome with an issue for each (severity, reason, detail); details must be free of member data."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(*issue) for issue in issues]}


def refused(
    reason: str,
    context: Context | None = None,
    *,
    detail: str = "",
    status: int | None = None,
    retry_after_s: float | None = None,
) -> Answer:
    """The answer to a no. `status` replaces the table's where HTTP has a more exact one for the same reason."""
    shown = told(reason)
    code = status or _entry(shown)[0]
    # A detail was written for the reason that is hidden, so it goes with it.
    body = outcome(shown, detail if shown == reason else "", severity="fatal" if code >= 500 else "error")
    if context is not None:
        body = {"resourceType": body["resourceType"], "id": context.correlation_id, "issue": body["issue"]}
    return Answer(status=code, body=body, headers=_headers(code, shown, retry_after_s), media_type=FHIR_JSON)


def from_exception(error: Exception, context: Context | None = None) -> Answer:
    """The answer to whatever was raised: a refusal by its table, a fault by its class, all else opaque."""
    if isinstance(error, Refusal):
        return refused(error.reason, context, detail=error.detail)
    if isinstance(error, Fault) and error.kind in {FaultKind.RETRYABLE, FaultKind.CONDITIONAL}:
        reason = error.reason if error.reason in TABLE else "system.overloaded"
        return refused(reason, context, retry_after_s=error.retry_after_s)
    if isinstance(error, DatabaseGone) or getattr(error, "sqlstate", None) in COLLISIONS:
        return refused("system.overloaded", context)
    if getattr(error, "sqlstate", None) in EXHAUSTED:
        return refused("system.storage", context)
    return refused("system.bug", context)


def shown_reason(answer: Answer) -> str:
    """The reason code that an answer of ours shows."""
    body = answer.body
    if not isinstance(body, Mapping) or "issue" not in body:
        return "system.bug"
    return str(body["issue"][0]["details"]["coding"][0]["code"])


def oauth(error: str, description: str, *, status: int = 400, retry_after_s: float | None = None) -> Answer:
    """The answer of the token endpoint to a no (RFC 6749, 5.2); the words are ours, never the request's."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if retry_after_s is not None:
        headers["Retry-After"] = _seconds(retry_after_s)
    body = {"error": error, "error_description": description}
    return Answer(status=status, body=body, headers=headers, media_type="application/json")


def as_oauth(answer: Answer, error: str = "invalid_request") -> Answer:
    """A refusal of the token or the registration endpoint in its own shape (RFC 6749, 5.2; RFC 7591, 3.2.2)."""
    words = "the body cannot be read, or is too large"
    if answer.status >= 500:
        error, words = "temporarily_unavailable", "the request could not be served now"
    elif answer.status == 401:
        # the certificate, which is all that is judged before the body is read
        error, words = "invalid_client", _diagnostics(answer)
    shown = oauth(error, words, status=answer.status)
    return Answer(shown.status, shown.body, {**answer.headers, **shown.headers}, shown.media_type)


def _diagnostics(answer: Answer) -> str:
    issues = answer.body.get("issue") if isinstance(answer.body, Mapping) else None
    return str(issues[0]["diagnostics"]) if issues else "this client may not have a token now"


def _issue(severity: str, reason: str, detail: str) -> dict[str, Any]:
    known = REASONS[reason]
    return {
        "severity": severity,
        "code": _entry(reason)[1],
        "details": {"coding": [{"system": REASON_SYSTEM, "code": reason}], "text": known.meaning},
        "diagnostics": detail or known.remedy,
    }


def _entry(reason: str) -> tuple[int, str]:
    return TABLE.get(reason) or TABLE.get(f"{reason.partition('.')[0]}.*") or (200, "informational")


def _headers(status: int, reason: str, retry_after_s: float | None) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if reason == "caller.wrong_scope":
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    if retry_after_s is not None or status in {429, 503}:
        headers["Retry-After"] = _seconds(retry_after_s if retry_after_s is not None else DEFAULT_WAIT_S)
    return headers


def _seconds(wait: float) -> str:
    return str(max(1, -int(-wait // 1)))
