"""`$member-match` (HRex 1.2 and 1.1) and `$bulk-member-match` (PDex 2.2 and 2.1; also as `$multi-member-match`)."""

from functools import partial
from typing import Any

from interpayer.exchange.kickoff import start_match_job
from interpayer.exchange.member_bundle import read_bulk, read_single
from interpayer.exchange.responder import answer_one_match
from interpayer.exchange.steps.deciding import Request
from interpayer.exchange.steps.guarding import turn_away
from interpayer.exchange.steps.matching import MatchAnswer
from interpayer.exchange.steps.permission import wait_while_held
from interpayer.exchange.tools import Tools
from interpayer.gateway import problems
from interpayer.gateway.door import Answer, Body, Call, Operation
from interpayer.gateway.scopes import BULK_MATCH, MEMBER_MATCH
from interpayer.gateway.subject import check_unbound
from interpayer.identity.reading import UMB_SYSTEM
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection

SINGLE = "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match"
BULK = "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch"
_OUT_PROFILE = "http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-parameters-member-match-out"
_BULK_BYTES = 64 * 1024 * 1024


def operations(tools: Tools) -> list[Operation]:
    """The match operations of the FHIR door."""

    def member_match(call: Call, conn: Connection) -> Answer:
        check_unbound(call)
        wait_while_held(tools, conn)
        bundle = read_single(call.body)
        answer = answer_one_match(tools, conn, request_of(call), bundle)
        if answer.kind != "match":
            detail = f"supply or correct: {', '.join(answer.lacking)}" if answer.lacking else ""
            return problems.refused(_told(tools, answer), call.context, detail=detail, status=422)
        return Answer(body=_matched(tools, answer))

    bulk = [
        Operation(
            "POST",
            f"/Group/${name}",
            partial(_match_many, tools),
            scopes=(BULK_MATCH,),
            route_class="bulk",
            body=Body.JSON,
            maximum_bytes=_BULK_BYTES,
            resource="Group",
            operation=name,
            definition=BULK,
        )
        for name in ("bulk-member-match", "multi-member-match")
    ]
    single = Operation(
        "POST",
        "/Patient/$member-match",
        member_match,
        scopes=(MEMBER_MATCH,),
        route_class="match",
        body=Body.JSON,
        resource="Patient",
        operation="member-match",
        definition=SINGLE,
    )
    return [single, *bulk]


def _match_many(tools: Tools, call: Call, conn: Connection) -> Answer:
    check_unbound(call)
    require_async(call)
    wait_while_held(tools, conn)
    turn_away(tools, conn, call.caller.partner_id, at=call.context.received_at)
    bundles = read_bulk(call.body)
    limit = tools.policy().exchange.batch_members
    if len(bundles) > limit:
        raise Refusal("request.too_large", f"at most {limit} MemberBundles in one request")
    job_id = start_match_job(tools, conn, request_of(call), bundles=bundles, url=call.url)
    return accepted(tools, job_id)


def request_of(call: Call) -> Request:
    """Who asks and when, for the story behind the door."""
    return Request(
        caller=call.caller,
        received_at=call.context.received_at,
        correlation_id=call.context.correlation_id,
        trace_id=call.context.trace_id,
    )


def require_async(call: Call) -> None:
    """PDex: `Prefer: respond-async` is a SHALL for these operations."""
    if "respond-async" not in call.headers.get("prefer", ""):
        raise Refusal("request.malformed", "the header Prefer: respond-async is needed")


def accepted(tools: Tools, job_id: str) -> Answer:
    """202 with the status URL: a receipt for the request, not an answer."""
    return Answer(status=202, headers={"Content-Location": f"{tools.fhir_base}/job/{job_id}"})


def _told(tools: Tools, answer: MatchAnswer) -> str:
    """What the partner learns about a no; review and refusal must not be readable (exchange.md, section 4)."""
    if answer.kind == "incomplete":
        return answer.reason or "request.malformed"
    if answer.kind == "consentconstraint":
        is_told = tools.policy().exchange.tell_consent_refusal
        return (answer.reason or "consent.missing") if is_told else "identity.not_enrolled"
    # who is in review, or stands beside another, looks like nobody: the difference would tell who is a member
    return "identity.not_enrolled"


def _matched(tools: Tools, answer: MatchAnswer) -> dict[str, Any]:
    identifier = {
        "type": {"coding": [{"system": UMB_SYSTEM, "code": "UMB"}]},
        "system": f"{tools.fhir_base}/umb",
        "value": answer.unique_member_id,
        "assigner": {"display": tools.entity.name},
    }
    return {
        "resourceType": "Parameters",
        "meta": {"profile": [_OUT_PROFILE]},
        "parameter": [
            {"name": "MemberIdentifier", "valueIdentifier": identifier},
            {"name": "MemberId", "valueReference": {"reference": f"{tools.fhir_base}/Patient/{answer.member_id}"}},
        ],
    }
