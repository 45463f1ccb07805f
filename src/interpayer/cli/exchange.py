"""`interpayer exchange`: ask for a member's history, see where it stands and why, supplement, cancel, do again."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from interpayer.api.bodies import ExchangeRequest, Supplement
from interpayer.audit.ledger import events_of
from interpayer.audit.words import headline, sentence
from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import Session, session_of
from interpayer.exchange import store
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import answers, exchanges
from interpayer.operations.answer_words import answer_in_words
from interpayer.system.clock import now

HELP = """Requests for one member's history, ours and the partners'.

    interpayer exchange ask --partner payer-a --member m-… --attest
    interpayer exchange list --state in_review
    interpayer exchange show x-…             (where it stands, why, and what helps)
    interpayer exchange events x-…           (its story from the ledger)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

ExchangeId = Annotated[str, typer.Argument(help="Exchange id (x-…).", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes on the ledger, so name no member.")]
POLL_S = 1.0
COLUMNS = ("exchange", "role", "state", "reason", "answer", "partner", "organization", "received_at", "due_at")
# What a state means to a script that waits.
_CODES = {
    State.UNRESOLVED: output.NOT_FOUND,
    State.IN_REVIEW: output.REVIEW,
    State.BLOCKED: output.REFUSED,
    State.REVOKED: output.REFUSED,
    State.INCOMPLETE: output.FAILED,
    State.FAILED: output.FAILED,
    State.CANCELLED: output.FAILED,
    State.EXPIRED: output.FAILED,
    State.RECALLED: output.FAILED,
    State.ESCALATED: output.FAILED,
}


@app.command()
def ask(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="JSON body as the API takes it; - reads it from input.")] = None,
    *,
    partner: Annotated[str | None, typer.Option(help="Organization identifier of the payer to ask.")] = None,
    member: Annotated[str | None, typer.Option(help="Our own member id (m-…).")] = None,
    attest: Annotated[bool, typer.Option(help="You vouch, by name, for enrollment and opt-in.")] = False,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same again is the same exchange.")] = None,
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for the result.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Ask another payer for one member's history; prints the exchange id.

    interpayer exchange ask --partner payer-a --member m-… --attest --wait 60

    interpayer exchange ask request.json --key enrollment-2026-11-21-0001
    """
    session = session_of(context)
    with session.acting("exchange.ask") as act:
        body = _read(file) if file else {}
        body |= {"partner": partner} if partner else {}
        body |= {"member": {**body.get("member", {}), "id": member}} if member else {}
        if attest:
            body |= {"attestation": {"by": act.person.name, "at": _iso(now()), "enrolled": True, "opted_in": True}}
        body = _checked(ExchangeRequest, {"basis": "opt_in", **body})
        exchange_id, is_new = exchanges.ask(act.tools, act.conn, exchanges.Wish(body, act.actor, key=key))
    output.say("Kept; its work begins." if is_new else "This key was used before: the same exchange.")
    output.tell_result("exchange-ask/1", {"exchange": exchange_id}, as_json=as_json)
    if wait_s:
        raise typer.Exit(_wait(session, exchange_id, timeout_s=wait_s, tells=False))


@app.command("list")
def list_(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    role: Annotated[str | None, typer.Option(help="requester (we ask) or responder (we are asked).")] = None,
    partner: Annotated[str | None, typer.Option(help="Only with this partner (p-…).")] = None,
    member: Annotated[str | None, typer.Option(help="Only about this member (m-…).")] = None,
    since: Annotated[datetime | None, typer.Option(help="Received from this time on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Received before this time, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List exchanges, the newest first.

    interpayer exchange list --state blocked --since 2026-11-01 --format csv
    """
    wanted = store.Filter(
        state=state.value if state else None,
        role=role,
        partner_id=partner,
        member_id=member,
        since=_utc(since),
        until=_utc(until),
        limit=limit,
    )
    with session_of(context).acting("exchange.read") as act:
        at = now()
        rows = [answers.summary(row, at) for row in store.listed(act.conn, wanted)]
    flat = [{**row, **row["clock"]} for row in rows]
    told = rows if output.chosen(form, as_json=as_json) in ("json", "ndjson") else flat
    output.tell_rows("exchange-list/1", "exchanges", told, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def show(context: typer.Context, exchange_id: ExchangeId, as_json: AsJson = False) -> None:
    """Show one exchange: state, answer, clocks, who is meant, what was allowed, which route, what came."""
    with session_of(context).acting("exchange.read") as act:
        found = answers.load(act.conn, exchange_id, codec=act.tools.codec, bundle=act.tools.policy())
        if found is None:
            raise Refusal("request.not_found", f"no exchange {exchange_id}")
        told = answers.render(found)
    if as_json:
        output.tell_json("exchange/1", told)
    else:
        output.tell_fields(_fields(told))
        for line in answer_in_words(told):
            print(line)


@app.command()
def events(context: typer.Context, exchange_id: ExchangeId, as_json: AsJson = False) -> None:
    """Tell the story of one exchange from the ledger, in words."""
    with session_of(context).acting("exchange.events") as act:
        found = events_of(act.conn, exchange_id)
        if not found:
            raise Refusal("request.not_found", f"nothing on the ledger about {exchange_id}")
    if as_json:
        output.tell_json("exchange-events/1", {"exchange": exchange_id, "events": found})
        return
    output.say(headline(found))
    for event in found:
        print(sentence(event))


@app.command()
def watch(
    context: typer.Context,
    exchange_id: ExchangeId,
    timeout: Annotated[float, typer.Option(help="Give up watching after so many seconds.")] = 600,
) -> None:
    """Watch one exchange until its result is known.

    Exit 0: complete or empty; 3: partial; 4: refused; 5: no such member there; 6: a person must decide; 75: not yet.
    """
    raise typer.Exit(_wait(session_of(context), exchange_id, timeout_s=timeout, tells=True))


@app.command()
def supplement(
    context: typer.Context,
    exchange_id: ExchangeId,
    file: Annotated[Path, typer.Argument(help="JSON with what was missing or wrong; - reads it from input.")],
    as_json: AsJson = False,
) -> None:
    """Supply what was missing or wrong; every decision is made anew."""
    with session_of(context).acting("exchange.operate") as act:
        body = _checked(Supplement, _read(file))
        exchanges.supplement(act.tools, act.conn, exchange_id, body=body, actor=act.actor)
    _tell_moved(exchange_id, "begins again with it.", as_json=as_json)


@app.command()
def cancel(context: typer.Context, exchange_id: ExchangeId, reason: Reason, as_json: AsJson = False) -> None:
    """End an exchange; a batch goes on without it."""
    with session_of(context).acting("exchange.operate") as act:
        exchanges.cancel(act.tools, act.conn, exchange_id, reason=reason, actor=act.actor)
    _tell_moved(exchange_id, "is cancelled.", as_json=as_json)


@app.command()
def replay(context: typer.Context, exchange_id: ExchangeId, reason: Reason, as_json: AsJson = False) -> None:
    """Do a failed exchange again; identity, consent, policy and route are decided anew."""
    with session_of(context).acting("letter.replay") as act:
        run = exchanges.replay(act.tools, act.conn, exchange_id, reason=reason, actor=act.actor)
    _tell_moved(exchange_id, f"begins again as {run}.", as_json=as_json)


def _tell_moved(exchange_id: str, words: str, *, as_json: bool) -> None:
    output.say(f"{exchange_id} {words}")
    if as_json:
        output.tell_json("exchange-moved/1", {"exchange": exchange_id})


def _wait(session: Session, exchange_id: str, *, timeout_s: float, tells: bool) -> int:
    """Look until the result is known or the time is over; the exit code that says it."""
    until, seen = time.monotonic() + timeout_s, 0
    while True:
        with session.acting("exchange.read") as act:
            row = store.row_of(act.conn, exchange_id)
            if row is None:
                raise Refusal("request.not_found", f"no exchange {exchange_id}")
            told = events_of(act.conn, exchange_id) if tells else []
        for event in told[seen:]:
            print(sentence(event), flush=True)
        seen = max(seen, len(told))
        code = _code(row)
        if code is not None or time.monotonic() >= until:
            output.say(f"{exchange_id}: {row['state']}, {row['answer'] or row['reason'] or 'under way'}")
            return output.TRY_AGAIN if code is None else code
        time.sleep(POLL_S)


def _code(row: Mapping[str, Any]) -> int | None:
    """The exit code of a known result; None while the exchange is under way."""
    state = State(row["state"])
    if state in (State.COMPLETED, State.RELEASED, State.ARCHIVED):
        return output.PARTIAL if row["answer"] == "partial" else output.DONE
    return _CODES.get(state)


def _fields(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a person reads first, in order."""
    clock, match, permission = told["clock"], told["member"]["match"], told["permission"]
    overdue = " (passed)" if clock["is_overdue"] else ""
    return {
        "exchange": f"{told['exchange']} ({told['role']})",
        "state": told["state"],
        "because": told["reason"],
        "what helps": told["remedy"],
        "to supply": told["supply"],
        "answer": told["answer"],
        "due": f"{clock['due_at']}{overdue}",
        "given up": clock["give_up_at"],
        "payer": told["organization"],
        "partner": told["partner"],
        "member": told["member"]["id"],
        "match": {name: match[name] for name in ("disposition", "basis", "missing") if match.get(name)},
        "permission": {name: permission[name] for name in ("decision", "reason", "consent") if permission.get(name)},
        "withheld": permission["withheld"],
        "route": told["route"],
        "records": told["records"],
        "arrivals": told["arrivals"],
        "case": told["case"],
        "batch": told["batch"],
        "follows": told["follows"],
        "correlation": told["correlation_id"],
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        text = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal("request.malformed", f"not JSON: line {error.lineno}, column {error.colno}") from None
    if not isinstance(body, dict):
        raise Refusal("request.malformed", "the body must be a JSON object")
    return body


def _checked(shape: type[Supplement], body: dict[str, Any]) -> dict[str, Any]:
    """The body as the API takes it; the same checks as there."""
    try:
        return shape.model_validate(body).sent()
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in found)
        raise Refusal("request.malformed", faults) from None


def _utc(time_: datetime | None) -> datetime | None:
    return time_.replace(tzinfo=UTC) if time_ is not None else None


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
