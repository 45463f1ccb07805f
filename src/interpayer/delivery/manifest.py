"""The manifest of a job (Bulk Data 2.0, 4.3), with a checksum per file as an extension, and its error file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from interpayer.delivery.files import File
from interpayer.delivery.store import Job

# Of the file as one gzip stream (Content-Encoding: gzip): the form that most partners fetch.
CHECKSUM = "sha256-gzip"
OUTCOME = "OperationOutcome"
# What a reason is among the issue types of FHIR R4; `incomplete`: not all sources could be reached in time.
_ISSUE_CODES = (("delivery.member_withdrawn", "suppressed"), ("source.", "incomplete"))


def manifest(
    job: Job, files: Sequence[File], *, file_url: Callable[[str], str], error_url: str | None = None, errors: int = 0
) -> dict[str, Any]:
    """What the partner reads when the job is ready. Empty lists are there; files without a line are not."""
    if job.transaction_time is None:
        raise ValueError("a job that is ready has a transaction time")
    listed = {kind: [_entry(f, file_url) for f in files if f.kind == kind and f.lines] for kind in ("output", "error")}
    if error_url and errors:
        listed["error"].append({"type": OUTCOME, "url": error_url, "count": errors})
    return {
        "transactionTime": write_instant(job.transaction_time),
        "request": job.url,
        "requiresAccessToken": True,
        "output": listed["output"],
        "error": listed["error"],
        **_deleted([_entry(f, file_url) for f in files if f.kind == "deleted" and f.lines]),
    }


def outcome_lines(issues: Iterable[Mapping[str, Any]]) -> bytes:
    """The error file: one OperationOutcome per issue, free of member data."""
    return b"".join(orjson.dumps(_outcome(issue)) + b"\n" for issue in issues)


def write_instant(moment: datetime) -> str:
    """A FHIR instant in UTC with microseconds: the partner gives it back as ``_since``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _entry(file: File, file_url: Callable[[str], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": file.type, "url": file_url(file.id), "count": file.lines}
    if file.sha256:
        # Absent while a file is being rebuilt.
        entry["extension"] = {CHECKSUM: file.sha256}
    return entry


def _deleted(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"deleted": entries} if entries else {}


def _outcome(issue: Mapping[str, Any]) -> dict[str, Any]:
    code = next((code for start, code in _ISSUE_CODES if str(issue["code"]).startswith(start)), "informational")
    return {
        "resourceType": OUTCOME,
        "issue": [
            {
                "severity": issue["severity"],
                "code": "processing" if issue["severity"] in {"error", "fatal"} else code,
                "details": {"text": issue["code"]},
                "diagnostics": issue["diagnostics"],
            }
        ],
    }
