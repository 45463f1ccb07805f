"""What a partner's answer means: one row per case of exchange.md section 6."""

from datetime import UTC, datetime
from typing import Any

import pytest

from interpayer.model.reason import REASONS, Fault, FaultKind, Refusal
from interpayer.partners.answers import (
    Asked,
    BareParameters,
    FileLink,
    Manifest,
    Running,
    failure,
    read_match,
    read_status,
    retry_after,
)

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MATCH = Asked(is_repeatable=False, about="match")
CALL = Asked(is_repeatable=False)
POLL = Asked(is_repeatable=True, about="job")
FILE = Asked(is_repeatable=True, about="file")
R, C, T = FaultKind.RETRYABLE, FaultKind.CONDITIONAL, FaultKind.TERMINAL


def outcome(*codes: str, severity: str = "error") -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code} for code in codes]}


@pytest.mark.parametrize(
    ("status", "body", "asked", "kind", "reason"),
    [
        # A match: the business code is the answer, whatever HTTP says.
        (422, outcome("not-found"), MATCH, None, "partner.not_found"),
        (422, outcome("multiple-matches"), MATCH, None, "partner.multiple"),
        (422, outcome("suppressed"), MATCH, None, "partner.consent_constrained"),
        (404, outcome("not-found"), MATCH, None, "partner.not_found"),
        (500, outcome("not-found"), MATCH, None, "partner.not_found"),
        (200 + 222, outcome("invalid"), MATCH, T, "partner.refused"),
        (422, None, MATCH, T, "partner.refused"),
        # Everything else.
        (500, outcome("not-found"), CALL, C, "partner.not_found"),
        (500, outcome("not-found", severity="information"), CALL, C, "partner.unreachable"),
        (500, outcome("transient"), CALL, R, "partner.unreachable"),
        (500, None, CALL, C, "partner.unreachable"),
        (500, None, POLL, R, "partner.unreachable"),
        (502, None, CALL, R, "partner.unreachable"),
        (503, outcome("throttled"), POLL, R, "partner.throttled"),
        (503, "<html>", CALL, R, "partner.unreachable"),
        (504, None, CALL, R, "partner.unreachable"),
        (429, None, CALL, R, "partner.throttled"),
        (408, None, CALL, R, "partner.timeout"),
        (400, outcome("transient"), POLL, R, "partner.timeout"),
        (401, outcome("login"), CALL, C, "partner.refused"),
        (403, outcome("forbidden"), CALL, T, "partner.refused"),
        (400, outcome("invalid"), CALL, T, "partner.refused"),
        (404, outcome("not-found"), POLL, C, "partner.job_lost"),
        (410, None, POLL, C, "partner.job_lost"),
        (404, None, FILE, C, "delivery.link_expired"),
        (410, None, FILE, C, "delivery.link_expired"),
        (404, None, CALL, T, "partner.refused"),
        (302, None, CALL, T, "partner.bad_answer"),
        (418, None, CALL, T, "partner.refused"),
        (422, {"resourceType": "OperationOutcome", "issue": "none"}, MATCH, T, "partner.refused"),
        (
            422,
            {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": 7}]},
            MATCH,
            T,
            "partner.refused",
        ),
    ],
)
def test_a_failure_has_one_meaning(
    status: int, body: object, asked: Asked, kind: FaultKind | None, reason: str
) -> None:
    error = failure(status, {}, body, asked=asked, at=AT)
    assert isinstance(error, Refusal if kind is None else Fault)
    assert error.reason == reason
    assert reason in REASONS
    if isinstance(error, Fault):
        assert error.kind is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("999999999", 86_400.0),
        ("99999999999999", None),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:01:30", None),
        ("soon", None),
        ("-5", None),
        ("\u0667", None),
        ("", None),
    ],
)
def test_waiting_is_read_as_seconds_or_date(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, at=AT) == seconds


def a_match(identifier: Any = None, reference: Any = None) -> dict[str, Any]:
    rows = [{"name": "MemberIdentifier", "valueIdentifier": identifier}] if identifier is not None else []
    rows += [{"name": "MemberId", "valueReference": {"reference": reference}}] if reference is not None else []
    return {"resourceType": "Parameters", "parameter": rows}


@pytest.mark.parametrize(
    ("reference", "patient_id"),
    [
        ("Patient/m-1", "m-1"),
        ("https://b.example/fhir/Patient/m-1", "m-1"),
        (None, None),
        ("m-1", None),
        (7, None),
    ],
)
def test_a_match_may_name_only_the_identifier(reference: Any, patient_id: str | None) -> None:
    matched = read_match(a_match({"value": "u-1"}, reference))
    assert matched.identifier == {"value": "u-1"}
    assert matched.patient_id == patient_id


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"resourceType": "Bundle"},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": {}},
        {"resourceType": "Parameters", "parameter": [7]},
        a_match({"system": "urn:x"}),
        a_match("u-1"),
    ],
)
def test_a_match_without_identifier_is_no_answer(body: Any) -> None:
    with pytest.raises(Fault) as caught:
        read_match(body)
    assert caught.value.reason == "partner.bad_answer"


def a_manifest(**changes: Any) -> dict[str, Any]:
    given = {
        "transactionTime": "2026-11-21T12:00:00Z",
        "request": "https://b.example/fhir/Group/1/$davinci-data-export",
        "requiresAccessToken": True,
        "output": [{"type": "Patient", "url": "https://b.example/fhir/file/1", "count": 2}],
        "error": [],
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def test_a_job_that_runs_says_how_far_and_when_to_ask() -> None:
    running = read_status(202, {"x-progress": "p" * 200, "retry-after": "9"}, None, at=AT)
    assert running == Running("p" * 100, 9.0)
    assert read_status(202, {}, {"output": []}, at=AT) == Running(None, None)


def test_a_manifest_is_read() -> None:
    digest = {"extension": [{"url": "https://x.example/sha256", "valueString": "abc"}]}
    body = a_manifest(
        deleted=[{"type": "Bundle", "url": "https://b.example/fhir/file/2", **digest}],
        link=[{"relation": "next", "url": "https://b.example/fhir/job/1?page=2"}],
    )
    manifest = read_status(200, {"expires": "Sun, 22 Nov 2026 12:00:00 GMT"}, body, at=AT)
    assert isinstance(manifest, Manifest)
    assert manifest.output == (FileLink("Patient", "https://b.example/fhir/file/1", 2),)
    assert manifest.deleted[0].sha256 == "abc"
    assert manifest.next_url == "https://b.example/fhir/job/1?page=2"
    assert manifest.expires_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert manifest.requires_access_token


def test_an_extension_may_be_an_object_as_bulk_data_prints_it() -> None:
    output = [{"type": "Patient", "url": "https://b.example/1", "extension": {"sha256": "abc"}}]
    assert read_status(200, {}, a_manifest(output=output), at=AT).output[0].sha256 == "abc"


def test_a_checksum_of_the_gzip_form_is_not_one_of_the_lines() -> None:
    output = [{"type": "Patient", "url": "https://b.example/1", "extension": {"sha256-gzip": "abc", "other": 1}}]
    link = read_status(200, {}, a_manifest(output=output), at=AT).output[0]
    assert (link.sha256, link.gzip_sha256) == (None, "abc")


def test_parameters_instead_of_a_manifest_are_accepted() -> None:
    assert read_status(200, {}, {"resourceType": "Parameters"}, at=AT) == BareParameters({"resourceType": "Parameters"})


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        a_manifest(output=None),
        a_manifest(output={}),
        a_manifest(transactionTime=None),
        a_manifest(requiresAccessToken=None),
        a_manifest(requiresAccessToken="yes"),
        a_manifest(output=[{"type": "Patient"}]),
        a_manifest(output=[{"url": "https://b.example/1"}]),
        a_manifest(output=["https://b.example/1"]),
        a_manifest(error={}),
    ],
)
def test_a_manifest_that_lacks_something_is_no_answer(body: Any) -> None:
    with pytest.raises(Fault) as caught:
        read_status(200, {}, body, at=AT)
    assert caught.value.reason == "partner.bad_answer"
