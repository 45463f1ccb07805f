"""What a partner's answers mean: typed results, and for everything else the one fault or refusal that follows.

The business code of an OperationOutcome outranks the HTTP status (exchange.md section 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from interpayer.model.reason import Fault, FaultKind, Refusal

LONGEST_WAIT_S = 86_400.0
TOKEN_REFUSED = "the partner did not accept our token"  # noqa: S105  the words, no secret
# issue.code (R4 IssueType) that is a business answer, whatever the HTTP status. HRex prescribes none for the three
# cases of section 1.1; these are the ones in use.
BUSINESS = {
    "not-found": "partner.not_found",
    "multiple-matches": "partner.multiple",
    "suppressed": "partner.consent_constrained",
    "security": "partner.refused",
    "forbidden": "partner.refused",
}
TRANSIENT = {"transient", "lock-error", "timeout", "throttled", "no-store", "incomplete"}


@dataclass(frozen=True, slots=True)
class Matched:
    """Exactly one member: the identifier to use from now on and, when told, the Patient id at the partner."""

    identifier: dict[str, Any]
    patient_id: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """A job that is not done; wait at least `retry_after_s` when the partner says so."""

    progress: str | None
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class FileLink:
    """One file of a manifest."""

    type: str
    url: str
    count: int | None
    sha256: str | None = None
    gzip_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished job (Bulk Data 2.0, status response)."""

    transaction_time: str
    requires_access_token: bool
    output: tuple[FileLink, ...]
    error: tuple[FileLink, ...]
    deleted: tuple[FileLink, ...]
    expires_at: datetime | None
    next_url: str | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BareParameters:
    """What PDex 2.1 partners answer at the status address: the match result itself, without a manifest."""

    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, as far as a failure's meaning hangs on it."""

    is_repeatable: bool
    about: str = "call"  # call | match | job | file


def read_match(body: object) -> Matched:
    """HRex member-match-out: `MemberIdentifier` and perhaps `MemberId`; `Fault` when the identifier is missing."""
    named: dict[Any, dict[str, Any]] = {}
    for parameter in _parameters(body):
        named.setdefault(parameter.get("name"), parameter)
    identifier = named.get("MemberIdentifier", {}).get("valueIdentifier")
    if not isinstance(identifier, dict) or not isinstance(identifier.get("value"), str):
        raise bad_answer("the match has no MemberIdentifier with a value")
    reference = named.get("MemberId", {}).get("valueReference", {})
    literal = reference.get("reference") if isinstance(reference, dict) else None
    return Matched(identifier, literal.rpartition("/")[2] if isinstance(literal, str) and "/" in literal else None)


def read_status(status: int, headers: Mapping[str, str], body: object, *, at: datetime) -> Any:
    """`Running`, `Manifest` or `BareParameters` from a status answer of 200 or 202."""
    if status == 202:
        progress = headers.get("x-progress")
        return Running(progress[:100] if progress else None, retry_after(headers, at=at))
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        return BareParameters(body)
    return read_manifest(body, headers)


def read_manifest(body: object, headers: Mapping[str, str]) -> Manifest:
    """The manifest of Bulk Data; `Fault` when a part that the guide requires is missing."""
    if not isinstance(body, dict) or not isinstance(body.get("output"), list):
        raise bad_answer("the manifest has no output")
    time = body.get("transactionTime")
    needs_token = body.get("requiresAccessToken")
    if not isinstance(time, str) or not isinstance(needs_token, bool):
        raise bad_answer("the manifest has no transactionTime or no requiresAccessToken")
    links = [link for link in body.get("link", []) if isinstance(link, dict) and link.get("relation") == "next"]
    return Manifest(
        transaction_time=time,
        requires_access_token=needs_token,
        output=_links(body["output"]),
        error=_links(body.get("error", [])),
        deleted=_links(body.get("deleted", [])),
        expires_at=_date(headers.get("expires")),
        next_url=str(links[0]["url"]) if links and "url" in links[0] else None,
        raw=body,
    )


def failure(status: int, headers: Mapping[str, str], body: object, *, asked: Asked, at: datetime) -> Exception:
    """The one `Refusal` or `Fault` that follows from an answer that is no success."""
    codes = _issue_codes(body)
    wait = retry_after(headers, at=at)
    if status == 429 or (status >= 500 and "throttled" in codes):
        return Fault(FaultKind.RETRYABLE, "partner.throttled", retry_after_s=wait)
    if status >= 500:
        return _server_failure(status, codes, wait, asked=asked)
    if asked.about == "match" and (business := _business(codes)):
        return Refusal(business)
    if status in {401, 407}:
        return Fault(FaultKind.CONDITIONAL, "partner.refused", detail=TOKEN_REFUSED)
    if status in {404, 410}:
        lost = {"job": "partner.job_lost", "file": "delivery.link_expired"}.get(asked.about, "partner.refused")
        kind = FaultKind.TERMINAL if lost == "partner.refused" else FaultKind.CONDITIONAL
        return Fault(kind, lost, detail=f"HTTP {status}")
    if status == 408 or TRANSIENT & codes:
        return Fault(FaultKind.RETRYABLE, "partner.timeout", retry_after_s=wait)
    if 300 <= status < 400:
        return bad_answer("the partner redirects; we do not follow")
    return Fault(FaultKind.TERMINAL, "partner.refused", detail=f"HTTP {status}")


def bad_answer(detail: str) -> Fault:
    """The partner's answer is not what its guide says; asking again does not help."""
    return Fault(FaultKind.TERMINAL, "partner.bad_answer", detail=detail)


def retry_after(headers: Mapping[str, str], *, at: datetime) -> float | None:
    """Seconds to wait, from `Retry-After` as seconds or as a date; None when it is absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return min(float(text), LONGEST_WAIT_S)
    date = _date(text)
    return None if date is None else min(max((date - at).total_seconds(), 0.0), LONGEST_WAIT_S)


def _server_failure(status: int, codes: set[str], wait: float | None, *, asked: Asked) -> Exception:
    if business := _business(codes):
        # A 500 that carries a business code is an answer, not an outage (exchange.md section 6, conditional).
        if asked.about == "match":
            return Refusal(business)
        return Fault(FaultKind.CONDITIONAL, business)
    if status in {502, 503, 504} or TRANSIENT & codes or asked.is_repeatable:
        return Fault(FaultKind.RETRYABLE, "partner.unreachable", retry_after_s=wait, detail=f"HTTP {status}")
    return Fault(FaultKind.CONDITIONAL, "partner.unreachable", retry_after_s=wait, detail=f"HTTP {status}")


def _business(codes: set[str]) -> str | None:
    return next((BUSINESS[code] for code in BUSINESS if code in codes), None)


def _issue_codes(body: object) -> set[str]:
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
        return set()
    issues = body.get("issue")
    rows = issues if isinstance(issues, list) else []
    return {
        row["code"]
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("code"), str) and row.get("severity") in {"error", "fatal"}
    }


def _parameters(body: object) -> list[dict[str, Any]]:
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise bad_answer("the answer is no Parameters resource")
    rows = body.get("parameter", [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _links(rows: object) -> tuple[FileLink, ...]:
    if not isinstance(rows, list):
        raise bad_answer("a list of files in the manifest is no list")
    links = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("url"), str) or not isinstance(row.get("type"), str):
            raise bad_answer("a file of the manifest has no type or url")
        count = row.get("count")
        digests = _digests(row)
        plain = next((digest for name, digest in digests.items() if "gzip" not in name), None)
        packed = next((digest for name, digest in digests.items() if "gzip" in name), None)
        links.append(FileLink(row["type"], row["url"], count if isinstance(count, int) else None, plain, packed))
    return tuple(links)


def _digests(row: dict[str, Any]) -> dict[str, str]:
    """SHA-256 sums that the partner gives in extensions of the file, by name; Bulk Data leaves their place open."""
    extension = row.get("extension")
    if isinstance(extension, list):
        extension = {str(e.get("url", "")): e.get("valueString") for e in extension if isinstance(e, dict)}
    named = extension.items() if isinstance(extension, dict) else ()
    return {key.lower(): value for key, value in named if "sha256" in key.lower() and isinstance(value, str)}


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
    return date if date is not None and date.tzinfo is not None else None
