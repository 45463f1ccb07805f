"""Own Groups, `$davinci-data-export` (ATR 2.1), job status, files (Bulk Data 2.0 and 3.0) and `$everything`.

Every Group, job, file and Patient belongs to the partner that started it; another partner sees 404.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interpayer.audit.ledger import latest_checkpoint
from interpayer.delivery import download
from interpayer.delivery import store as delivery_store
from interpayer.delivery.files import file as open_file
from interpayer.delivery.files import files
from interpayer.delivery.manifest import manifest, outcome_lines
from interpayer.delivery.parts import open_parts
from interpayer.exchange import batch_store
from interpayer.exchange.following import delete_job, fetched, may_fetch, still_allowed
from interpayer.exchange.kickoff import ExportWish, start_export_job
from interpayer.exchange.responder import answer_everything
from interpayer.exchange.steps.everything import Everything
from interpayer.exchange.steps.exporting import WAITS_FOR
from interpayer.exchange.steps.permission import wait_while_held
from interpayer.exchange.tools import Tools
from interpayer.gateway.door import Answer, Body, Call, Operation
from interpayer.gateway.member_match import accepted, request_of, require_async
from interpayer.gateway.metadata import standing_statement
from interpayer.gateway.resource_types import read_types
from interpayer.gateway.scopes import BULK_MATCH, EXPORT_ALIAS
from interpayer.gateway.scopes import types as readable_types
from interpayer.gateway.subject import check_job, check_member, check_unbound, narrowed
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection

EXPORT = "http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export"
EVERYTHING = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
EXPORT_TYPE = "hl7.fhir.us.davinci-pdex#payertopayer"
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_KNOWN = frozenset({"patient", "exportType", "_since", "_until", "_type", "_outputFormat"})
_READ = (BULK_MATCH, EXPORT_ALIAS, "system/Group.rs", "system/*.rs")
_PATIENT = ("system/Patient.rs", "system/*.rs")


@dataclass(frozen=True, slots=True)
class Exports:
    """The operations of this file over one set of tools; each is a plain function from a call to an answer."""

    tools: Tools

    def group_read(self, call: Call, conn: Connection) -> Answer:
        """One own Group."""
        check_unbound(call)
        row = batch_store.group(conn, call.path_parameters["id"], call.caller.partner_id)
        if row is None:
            raise Refusal("request.not_found", "Group")
        return Answer(body=self._group(row))

    def group_search(self, call: Call, conn: Connection) -> Answer:
        """All own Groups, or those of one code."""
        check_unbound(call)
        rows = batch_store.groups_of(conn, call.caller.partner_id)
        wanted = {code.rpartition("|")[2] for code in call.query.get("code", ())}
        entries = [
            {
                "fullUrl": f"{self.tools.fhir_base}/Group/{row['id']}",
                "resource": self._group(row),
                "search": {"mode": "match"},
            }
            for row in rows
            if not wanted or row["kind"] in wanted
        ]
        bundle = _bundle(call, len(entries))
        return Answer(body={**bundle, "entry": entries} if entries else bundle)

    def data_export(self, call: Call, conn: Connection) -> Answer:
        """Kick off an export of an own Group."""
        require_async(call)
        wait_while_held(self.tools, conn)
        return accepted(self.tools, start_export_job(self.tools, conn, request_of(call), _wish(call)))

    def status(self, call: Call, conn: Connection) -> Answer:
        """Where an own job stands: 202 with progress, or 200 with the manifest."""
        check_job(call, conn, call.path_parameters["id"])
        return _status(self.tools, call, conn)

    def issues(self, call: Call, conn: Connection) -> Answer:
        """The error file of an own job: OperationOutcomes without member data."""
        check_job(call, conn, call.path_parameters["id"])
        job = delivery_store.job(conn, call.path_parameters["id"], call.caller.partner_id)
        if job is None or job.state not in ("ready", "fetched"):
            raise Refusal("request.not_found", "job")
        return Answer(body=outcome_lines(delivery_store.issues(conn, job.id)), media_type="application/fhir+ndjson")

    def delete(self, call: Call, conn: Connection) -> Answer:
        """Cancel an own job, or let its files go."""
        check_job(call, conn, call.path_parameters["id"])
        delete_job(self.tools, conn, job_id=call.path_parameters["id"], partner_id=call.caller.partner_id)
        return Answer(status=202)

    def file(self, call: Call, conn: Connection) -> Answer:
        """A file of an own job, permission decided again."""
        return _file(self.tools, call, conn)

    def everything(self, call: Call, conn: Connection) -> Answer:
        """`$everything` of a member under a live grant."""
        return _everything(self.tools, call, conn)

    def _group(self, row: Mapping[str, Any]) -> Any:
        return self.tools.open_request(bytes(row["sealed"]), exchange_id=row["id"])


def operations(tools: Tools) -> list[Operation]:
    """The export operations of the FHIR door."""
    run = Exports(tools)
    kick_off: dict[str, Any] = {
        "path": "/Group/{id}/$davinci-data-export",
        "run": run.data_export,
        "scopes": _READ,
        "route_class": "bulk",
        "resource": "Group",
        "operation": "davinci-data-export",
        "definition": EXPORT,
    }
    group: dict[str, Any] = {"scopes": _READ, "resource": "Group"}
    everything: dict[str, Any] = {"resource": "Patient", "operation": "everything", "definition": EVERYTHING}
    return [
        Operation("GET", "/Group", run.group_search, interaction="search-type", search=("code:token",), **group),
        Operation("GET", "/Group/{id}", run.group_read, interaction="read", **group),
        Operation(method="POST", body=Body.OPTIONAL, **kick_off),
        Operation(method="GET", **kick_off),
        Operation("GET", "/job/{id}", run.status, scopes=_READ, route_class="status"),
        Operation("GET", "/job/{id}/issues", run.issues, scopes=_READ, route_class="file"),
        Operation("DELETE", "/job/{id}", run.delete, scopes=_READ, route_class="status"),
        Operation("GET", "/file/{id}", run.file, scopes=_READ, route_class="file"),
        Operation("GET", "/Patient/{id}/$everything", run.everything, scopes=_PATIENT, **everything),
    ]


def _wish(call: Call) -> ExportWish:
    given = _parameters(call)
    unknown = sorted(set(given) - _KNOWN)
    is_lenient = "handling=lenient" in call.headers.get("prefer", "")
    if unknown and not is_lenient:
        raise Refusal("request.unsupported_parameter", f"known here: {', '.join(sorted(_KNOWN))}")
    kind = given.get("exportType", [EXPORT_TYPE])[0]
    if kind != EXPORT_TYPE:
        raise Refusal("request.unsupported_parameter", f"exportType must be {EXPORT_TYPE}")
    if given.get("_outputFormat", [_FORMATS[0]])[0] not in _FORMATS:
        raise Refusal("request.unsupported_parameter", f"_outputFormat must be one of {', '.join(_FORMATS)}")
    asked = read_types(given.get("_type", []))
    allowed = readable_types(call.caller.scopes)
    if allowed is not None and asked and set(asked) - allowed:
        raise Refusal("caller.wrong_scope", "_type names a type outside the token's scopes")
    return ExportWish(
        group_id=call.path_parameters["id"],
        url=call.url,
        members=narrowed(call, tuple(value.rpartition("/")[2] for value in given.get("patient", []))),
        types=asked or tuple(sorted(allowed or ())),
        since=_instant(given, "_since"),
        until=_instant(given, "_until"),
        unsupported=tuple(unknown),
    )


def _parameters(call: Call) -> dict[str, list[str]]:
    given = {name: list(values) for name, values in call.query.items()}
    if call.body is None:
        return given
    if call.body.get("resourceType") != "Parameters":
        raise Refusal("request.malformed", "the body must be a Parameters resource")
    for entry in call.body.get("parameter") or []:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise Refusal("request.malformed", "Parameters.parameter: a name is needed")
        given.setdefault(entry["name"], []).append(_value(entry))
    return given


def _value(entry: Mapping[str, Any]) -> str:
    for key, value in entry.items():
        if key == "valueReference" and isinstance(value, dict):
            return str(value.get("reference", ""))
        if key.startswith("value") and isinstance(value, str):
            return value
    raise Refusal("request.malformed", "Parameters.parameter: a value is needed")


def _instant(given: Mapping[str, list[str]], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        instant = datetime.fromisoformat(given[name][0])
    except ValueError:
        raise Refusal("request.malformed", f"{name} must be an instant") from None
    if instant.tzinfo is None:
        raise Refusal("request.malformed", f"{name} must carry a time zone")
    return instant


def _status(tools: Tools, call: Call, conn: Connection) -> Answer:
    job = delivery_store.job(conn, call.path_parameters["id"], call.caller.partner_id)
    if job is None or job.role != "responder" or job.state in ("deleted", "expired"):
        raise Refusal("request.not_found", "job")
    if job.state == "failed":
        raise Refusal(job.reason or "system.bug", "the job failed")
    if job.state in ("kicked_off", "running"):
        waits = job.detail.get(WAITS_FOR) is not None
        progress = f"{job.progress}%, waiting" if waits else f"{job.progress}%"
        return Answer(status=202, headers={"X-Progress": progress, "Retry-After": "5" if waits else "1"})
    body = manifest(
        job,
        files(conn, job.id),
        file_url=lambda file_id: f"{tools.fhir_base}/file/{file_id}",
        error_url=f"{tools.fhir_base}/job/{job.id}/issues",
        errors=len(delivery_store.issues(conn, job.id)),
    )
    statement = standing_statement(tools.policy().exchange.payload_years)
    body["extension"] = {"checkpoint": latest_checkpoint(conn), "statement": statement}
    headers = {"Expires": job.expires_at.strftime(HTTP_DATE)} if job.expires_at else {}
    return Answer(body=body, media_type="application/json", headers=headers)


def _file(tools: Tools, call: Call, conn: Connection) -> Answer:
    found = open_file(conn, call.path_parameters["id"], call.caller.partner_id)
    if found is None:
        raise Refusal("request.not_found", "file")
    check_job(call, conn, found.job_id)
    wait_while_held(tools, conn)
    may_fetch(tools, conn, found)
    plan = download.plan_download(conn, found.id)
    if plan is None:
        raise Refusal("request.not_found", "file")
    parts = open_parts(conn, tools.objects, tools.vault, job_id=found.job_id)
    is_gzip = "gzip" in call.headers.get("accept-encoding", "")
    total = plan.gzip_length if is_gzip else plan.file.plain_length
    start = _range_start(call, plan.file.etag, total, is_gzip=is_gzip)
    headers = {"ETag": plan.file.etag, "Content-Length": str(total - start), "Cache-Control": "no-store"}
    if is_gzip:
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Accept-Ranges": "bytes"}
    if start:
        headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"

    allowed = still_allowed(tools, plan.file)

    def body() -> Iterator[bytes]:
        yield from download.stream(parts, plan, gzip=is_gzip, start=start, still_allowed=allowed)
        fetched(tools, plan.file, caller=call.caller, trace_id=call.context.trace_id)

    return Answer(206 if start else 200, body(), headers, "application/fhir+ndjson", still_allowed=allowed)


def _range_start(call: Call, etag: str, total: int, *, is_gzip: bool) -> int:
    """Where a resumed download begins: only an open range over the same gzip bytes; anything else starts anew."""
    asked = call.headers.get("range", "")
    if not (is_gzip and asked.startswith("bytes=") and asked.endswith("-")):
        return 0
    if call.headers.get("if-range", etag) != etag:
        return 0
    digits = asked[len("bytes=") : -1]
    return int(digits) if digits.isdigit() and int(digits) < total else 0


def _everything(tools: Tools, call: Call, conn: Connection) -> Answer:
    unknown = sorted(set(call.query) - {"_type", "_since", "_count"})
    if unknown:
        raise Refusal("request.unsupported_parameter", "$everything takes _type, _since, _count")
    query = {name: list(values) for name, values in call.query.items()}
    wanted = Everything(types=read_types(query.get("_type", [])), since=_instant(query, "_since"))
    member_id = call.path_parameters["id"]
    check_member(call, member_id)
    wait_while_held(tools, conn)
    lines = answer_everything(tools, conn, call.caller, member_id=member_id, wanted=wanted)
    entries = [_entry(tools, line) for line in lines]
    bundle = _bundle(call, len(entries))
    return Answer(body=orjson.dumps({**bundle, "entry": entries} if entries else bundle))


def _bundle(call: Call, total: int) -> dict[str, Any]:
    link = [{"relation": "self", "url": call.url}]
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "link": link}


def _entry(tools: Tools, line: bytes) -> dict[str, Any]:
    head = orjson.loads(line)
    return {
        "fullUrl": f"{tools.fhir_base}/{head['resourceType']}/{head['id']}",
        "resource": orjson.Fragment(line),
        "search": {"mode": "match"},
    }
