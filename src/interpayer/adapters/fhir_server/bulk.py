"""A Bulk export as a client (Bulk Data 2.0): started, waited for, fetched, given free."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from interpayer.adapters.base import Found
from interpayer.adapters.fhir_files import read_lines
from interpayer.adapters.fhir_server.calling import (
    INVALID,
    MOST_TRIES,
    UNREACHABLE,
    Caller,
    invalid,
    late,
    left_s,
    retry_after_s,
)
from interpayer.model.reason import Fault, FaultKind

NDJSON = "application/fhir+ndjson"
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 300.0


@dataclass(frozen=True, slots=True)
class Export:
    """Where the export starts, and which types it is for; none means all."""

    path: str
    types: list[str]


@dataclass(frozen=True, slots=True)
class _File:
    type: str
    url: str
    count: int | None
    needs_token: bool
    is_error: bool


def export(caller: Caller, wanted: Export, until: datetime) -> Iterator[Found]:
    """Every resource of the export, file by file; what the server could not export is found with its problem.

    Raises Fault when the export does not come about.
    """
    query = {"_outputFormat": NDJSON} | ({"_type": ",".join(wanted.types)} if wanted.types else {})
    started = caller.get(f"{wanted.path}?{urlencode(query)}", until, more={"Prefer": "respond-async"})
    job = started.headers.get("content-location", "")
    if started.status != 202 or not job:
        invalid("the export was not answered by 202 with Content-Location")
    try:
        for file in _files(_manifest(caller, job, until)):
            yield from _lines(caller, file, until)
    finally:
        caller.delete(job, until)


def _manifest(caller: Caller, job: str, until: datetime) -> Mapping[str, Any]:
    """The manifest, asked for as often as the server says, else ever less often."""
    wait_s = FIRST_WAIT_S
    while True:
        reply = caller.get(job, until, more={"Accept": "application/json"})
        if reply.status != 202:
            body = reply.body
            if not isinstance(body, dict) or not isinstance(body.get("output"), list):
                invalid("the export ended without a manifest")
            return body
        told_s = retry_after_s(reply.headers.get("retry-after", ""))
        pause_s = min(told_s if told_s is not None else wait_s, LONGEST_WAIT_S)
        if pause_s >= left_s(until):
            late()
        time.sleep(pause_s)
        wait_s *= 2


def _files(manifest: Mapping[str, Any]) -> list[_File]:
    needs_token = manifest.get("requiresAccessToken") is not False
    found = [_file(row, needs_token, is_error=False) for row in manifest["output"]]
    errors = manifest.get("error")
    return found + [_file(row, needs_token, is_error=True) for row in (errors if isinstance(errors, list) else [])]


def _file(row: Any, needs_token: bool, *, is_error: bool) -> _File:
    if not isinstance(row, dict) or not isinstance(row.get("url"), str) or not isinstance(row.get("type"), str):
        invalid("a file of the manifest has no type or url")
    count = row.get("count")
    return _File(row["type"], row["url"], count if isinstance(count, int) else None, needs_token, is_error)


def _lines(caller: Caller, file: _File, until: datetime) -> Iterator[Found]:
    """The resources of one file. It is fetched whole before it is read: a file that breaks off is fetched anew."""
    name = urlsplit(file.url).path.rpartition("/")[2] or file.type
    with TemporaryFile() as kept:
        try:
            _fetch(caller, file, kept, until)
        except Fault as fault:
            yield Found(file.type, None, b"", name, 1, problem=fault.reason, detail=fault.detail)
            return
        kept.seek(0)
        if file.is_error:
            yield from _told(kept, name)
            return
        count = 0
        for found in read_lines(iter(kept), name):
            count += 1
            yield found
        if file.count is not None and count != file.count:
            detail = "the manifest counts another number of resources"
            yield Found(file.type, None, b"", name, count + 1, problem=INVALID, detail=detail)


def _told(kept: IO[bytes], name: str) -> Iterator[Found]:
    """What the server says it could not export: OperationOutcomes, kept apart."""
    for found in read_lines(iter(kept), name):
        detail = "the server says that it could not export something"
        yield Found("OperationOutcome", None, found.raw, name, found.position, problem=INVALID, detail=detail)


def _fetch(caller: Caller, file: _File, kept: IO[bytes], until: datetime) -> None:
    for attempt in range(1, MOST_TRIES + 1):
        kept.seek(0)
        kept.truncate()
        try:
            _copy(caller, file, kept, until)
        except Fault as fault:
            if fault.kind is FaultKind.TERMINAL or attempt == MOST_TRIES:
                raise
        else:
            return


def _copy(caller: Caller, file: _File, kept: IO[bytes], until: datetime) -> None:
    with caller.stream(file.url, until, with_token=file.needs_token) as response:
        if response.status_code != 200:
            raise Fault(FaultKind.RETRYABLE, UNREACHABLE, detail=f"HTTP {response.status_code}")
        for chunk in response.iter_bytes():
            kept.write(chunk)
            if left_s(until) <= 0:
                late()
