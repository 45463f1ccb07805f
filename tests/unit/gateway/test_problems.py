"""Every reason has one rendering; what a partner may not know has the same as what it may."""

import pytest
from psycopg.errors import DeadlockDetected, DiskFull

from interpayer.gateway.problems import TABLE, from_exception, oauth, outcome_of, refused, shown_reason, told
from interpayer.model.reason import REASONS, Fault, FaultKind, Refusal

# R4 IssueType; a code outside it makes an OperationOutcome invalid.
ISSUE_TYPES = {
    *("invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden"),
    *("suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long"),
    *("code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store"),
    *("exception", "timeout", "incomplete", "throttled", "informational"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_rendering_of_the_standard(reason: str) -> None:
    answer = refused(reason)
    assert isinstance(answer.body, dict)
    [issue] = answer.body["issue"]
    assert issue["code"] in ISSUE_TYPES
    assert 200 <= answer.status < 600
    assert issue["details"]["coding"][0]["code"] == told(reason) in REASONS


def test_the_table_knows_only_reasons_of_the_catalog() -> None:
    assert {reason for reason in TABLE if not reason.endswith("*")} <= set(REASONS)


def test_review_and_weakness_look_like_no_match() -> None:
    hidden = [reason for reason in REASONS if reason.startswith("identity.") and reason != "identity.ambiguous"]
    assert len(hidden) > 5
    assert {str(refused(reason, detail="the birth date differs").body) for reason in hidden} == {
        str(refused("identity.not_enrolled").body),
        str(refused("identity.not_enrolled", detail="the birth date differs").body),
    }
    assert "birth date differs" not in str(refused("identity.weak", detail="the birth date differs").body)


@pytest.mark.parametrize("family", ["policy", "record", "route", "source", "partner", "recall"])
def test_what_is_ours_alone_is_never_shown(family: str) -> None:
    ours = [reason for reason in REASONS if reason.startswith(f"{family}.")]
    assert ours
    assert not any(reason in str(refused(reason, detail=f"because of {reason}").body) for reason in ours)


@pytest.mark.parametrize(
    ("status", "reason", "header"),
    [
        (401, "caller.unknown", "WWW-Authenticate"),
        (403, "caller.wrong_scope", "WWW-Authenticate"),
        (429, "caller.too_many", "Retry-After"),
        (429, "caller.slowed", "Retry-After"),
        (503, "system.overloaded", "Retry-After"),
    ],
)
def test_headers_say_what_to_do(status: int, reason: str, header: str) -> None:
    answer = refused(reason)
    assert answer.status == status
    assert answer.headers[header]
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_is_refused_for_guessing_is_not_told_when_to_come_back() -> None:
    answer = refused("caller.guessing")
    assert answer.status == 403
    assert "Retry-After" not in answer.headers
    assert refused("identity.insufficient").body == refused("identity.not_enrolled").body


@pytest.mark.parametrize(("wait_s", "shown"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (90.0, "90")])
def test_waiting_is_told_in_whole_seconds_and_never_zero(wait_s: float, shown: str) -> None:
    assert refused("caller.too_many", retry_after_s=wait_s).headers["Retry-After"] == shown


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refusal("request.not_found"), 404),
        (Fault(FaultKind.RETRYABLE, "partner.timeout", retry_after_s=3), 503),
        (Fault(FaultKind.CONDITIONAL, "system.storage"), 503),
        (Fault(FaultKind.TERMINAL, "partner.refused"), 500),
        (Fault(FaultKind.OURS, "system.bug"), 500),
        (KeyError("Jane Doe"), 500),
        (DeadlockDetected("Jane Doe"), 503),
        (DiskFull("Jane Doe"), 503),
    ],
)
def test_whatever_was_raised_has_an_answer(error: Exception, status: int) -> None:
    answer = from_exception(error)
    assert answer.status == status
    assert "Jane" not in str(answer.body)
    assert shown_reason(answer) in REASONS


def test_many_issues_stand_in_one_outcome() -> None:
    body = outcome_of([("warning", "request.references_repaired", ""), ("error", "consent.expired", "")])
    assert [issue["severity"] for issue in body["issue"]] == ["warning", "error"]


def test_a_no_of_the_token_endpoint_is_never_cached() -> None:
    answer = oauth("invalid_client", "words", status=401)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body == {"error": "invalid_client", "error_description": "words"}
