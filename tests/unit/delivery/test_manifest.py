"""The manifest says what Bulk Data wants, and nothing of who was left out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from interpayer.delivery.files import File
from interpayer.delivery.manifest import manifest, outcome_lines
from interpayer.delivery.provenance import Payer, custodian_provenance, source_form, transmitter_provenance
from interpayer.delivery.store import Job

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
JOB = Job(
    id="j-1", role="responder", kind="export", partner_id="pa-1", state="ready", reason=None, batch_id="b-1",
    exchange_id=None, url="https://ours.example/fhir/Group/b-1/$davinci-data-export", progress=100, detail={},
    created_at=AT, state_at=AT, transaction_time=AT, expires_at=AT,
)  # fmt: skip
ONE = File("f-1", "j-1", "output", "Encounter", 3, 300, 100, "ab" * 32, 0, None)


def written(*files: File, **more: Any) -> dict[str, Any]:
    return manifest(JOB, files, file_url=lambda file_id: f"https://ours.example/files/{file_id}", **more)


def test_an_empty_answer_has_empty_lists() -> None:
    assert written() == {
        "transactionTime": "2026-11-21T12:00:00.123456Z",
        "request": JOB.url,
        "requiresAccessToken": True,
        "output": [],
        "error": [],
    }


def test_a_file_has_type_url_count_and_checksum() -> None:
    assert written(ONE, replace(ONE, id="f-2", lines=0))["output"] == [
        {
            "type": "Encounter",
            "url": "https://ours.example/files/f-1",
            "count": 3,
            "extension": {"sha256-gzip": "ab" * 32},
        }
    ]


def test_no_checksum_while_a_file_is_rebuilt() -> None:
    assert "extension" not in written(replace(ONE, sha256=None))["output"][0]


def test_the_error_file_is_listed_only_when_it_says_something() -> None:
    assert written(error_url="https://ours.example/e", errors=0)["error"] == []
    assert written(error_url="https://ours.example/e", errors=2)["error"] == [
        {"type": "OperationOutcome", "url": "https://ours.example/e", "count": 2}
    ]


def test_a_job_that_is_not_ready_has_no_manifest() -> None:
    with pytest.raises(ValueError, match="transaction time"):
        manifest(replace(JOB, transaction_time=None), [], file_url=str)


def test_issues_become_operation_outcomes() -> None:
    issues = [
        {"code": "delivery.member_withdrawn", "diagnostics": "words", "severity": "information"},
        {"code": "request.unsupported_parameter", "diagnostics": "_elements", "severity": "error"},
    ]
    first, second = (orjson.loads(line) for line in outcome_lines(issues).splitlines())
    assert first["issue"][0]["code"] == "suppressed"
    assert second["issue"][0] == {
        "severity": "error", "code": "processing", "details": {"text": "request.unsupported_parameter"},
        "diagnostics": "_elements",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("build", "code"), [(transmitter_provenance, "transmitter"), (custodian_provenance, "custodian")]
)
def test_a_provenance_says_who_and_what(build: Any, code: str) -> None:
    made = build(
        "r-1", Payer("http://hl7.org/fhir/sid/us-npi|123", "Plan A"), ["Patient/m-1", "Encounter/r-2"], recorded=AT
    )
    (agent,) = made["agent"]
    assert agent["type"]["coding"][0]["code"] == code
    assert agent["who"]["identifier"] == {"system": "http://hl7.org/fhir/sid/us-npi", "value": "123"}
    assert [target["reference"] for target in made["target"]] == ["Patient/m-1", "Encounter/r-2"]
    assert made["recorded"] == "2026-11-21T12:00:00.123Z"
    assert made["entity"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "hl7fhirr4"


def test_a_provenance_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="target"):
        transmitter_provenance("r-1", Payer("x", "X"), [], recorded=AT)


def test_a_transmission_names_the_forms_of_its_sources_and_not_their_names() -> None:
    forms = [source_form("x12", "claims"), source_form("hl7v2", "clinical"), source_form("tables", "claims")]
    told = transmitter_provenance("r-1", Payer("x", "X"), ["Patient/m-1"], recorded=AT, forms=forms)
    codes = [e["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] for e in told["entity"]]
    assert codes == ["x12837", "hl7v2other", "customtx"]
    assert told["entity"][1]["what"]["display"] == "Clinical records that the payer holds"
    assert source_form("x12", "enrollment").code == "x12other"
