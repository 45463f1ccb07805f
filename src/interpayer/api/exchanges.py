"""Exchanges: ask for one member's history, look where it stands, supplement, cancel, do again."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from interpayer.api.bodies import Closed, ExchangeRequest, Id, Instant, Reasoned, Supplement
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.audit import ledger, words
from interpayer.exchange import store
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.operations import answers, exchanges
from interpayer.system.clock import now

PATH = "/api/v1/exchanges"
router = APIRouter(prefix=PATH, tags=["Exchanges"], route_class=Gate)
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Yours, once per request. The same key and body give the finished result, else the current state.",
    ),
]


class Narrowed(Closed):
    """What a list of exchanges is narrowed by."""

    state: State | None = None
    role: Role | None = None
    partner: Id | None = None
    member: Id | None = None
    correlation_id: Id | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: Id | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50

    def filter(self, *, more: int = 0) -> store.Filter:
        """The same for the store, with some rows more than asked for."""
        return store.Filter(
            state=self.state,
            role=self.role,
            partner_id=self.partner,
            member_id=self.member,
            correlation_id=self.correlation_id,
            since=self.since,
            until=self.until,
            after=self.after,
            limit=self.limit + more,
        )


@router.post("", status_code=202, summary="Ask another payer for one member's history")
@acting("exchange.ask")
def ask(visit: Visit, asked: ExchangeRequest, idempotency_key: Key) -> Response:
    """Kept at once. What is missing (payer, consent, attestation, member) is told by state `incomplete`."""
    if asked.follows is not None and store.row_of(visit.conn, asked.follows) is None:
        raise Refusal("request.malformed", "follows names no exchange")
    wish = exchanges.Wish(asked.sent(), visit.actor, key=idempotency_key)
    exchange_id, _ = exchanges.ask(visit.tools, visit.conn, wish)
    status = 200 if answers.is_finished(_row(visit, exchange_id)) else 202
    return _answer(visit, exchange_id, status, headers={"Location": f"{PATH}/{exchange_id}"})


@router.get("", summary="List exchanges, newest first")
@acting("exchange.read")
def listed(visit: Visit, narrowed: Annotated[Narrowed, Query()]) -> Response:
    """A page of exchanges; `next` leads to the following one, and is null on the last."""
    rows = store.listed(visit.conn, narrowed.filter(more=1))
    page, at = rows[: narrowed.limit], now()
    following = None
    if len(rows) > narrowed.limit:
        asked = narrowed.model_dump(mode="json", exclude_none=True) | {"after": page[-1]["id"]}
        following = f"{PATH}?{urlencode(asked)}"
    links = {"Link": f'<{following}>; rel="next"'} if following else {}
    return JSONResponse({"exchanges": [answers.summary(row, at) for row in page], "next": following}, headers=links)


@router.get("/{exchange_id}", summary="One exchange: state, answer, clock, who, why, what is missing")
@acting("exchange.read")
def shown(visit: Visit, exchange_id: OneId) -> Response:
    """The internal rendering: ids, codes, counts; never a name or a body."""
    return _answer(visit, exchange_id, 200)


@router.get("/{exchange_id}/events", summary="What happened, in order, in words too")
@acting("exchange.events")
def events(visit: Visit, exchange_id: OneId) -> dict[str, Any]:
    """Every event of the ledger about this exchange."""
    _row(visit, exchange_id)
    found = ledger.events_of(visit.conn, exchange_id)
    told = [{**event, "sentence": words.sentence(event)} for event in found]
    return {"exchange": exchange_id, "headline": words.headline(list(found)), "events": told}


@router.post("/{exchange_id}/supplement", status_code=202, summary="Supply what was missing or wrong")
@acting("exchange.operate")
def supplement(visit: Visit, exchange_id: OneId, supplied: Supplement) -> Response:
    """The exchange begins again; identity, consent, policy and route are decided anew."""
    body = supplied.sent()
    if not body:
        raise Refusal("request.malformed", "nothing was supplied")
    exchanges.supplement(visit.tools, visit.conn, exchange_id, body=body, actor=visit.actor)
    return _answer(visit, exchange_id, 202)


@router.post("/{exchange_id}/cancel", summary="End an exchange")
@acting("exchange.operate")
def cancel(visit: Visit, exchange_id: OneId, why: Reasoned) -> Response:
    """Its own work stops; a batch goes on without it."""
    exchanges.cancel(visit.tools, visit.conn, exchange_id, reason=why.reason, actor=visit.actor)
    return _answer(visit, exchange_id, 200)


@router.post("/{exchange_id}/replay", status_code=202, summary="Do a failed exchange again")
@acting("letter.replay")
def replay(visit: Visit, exchange_id: OneId, why: Reasoned) -> Response:
    """By a named person, with a reason; no earlier permission is used again."""
    exchanges.replay(visit.tools, visit.conn, exchange_id, reason=why.reason, actor=visit.actor)
    return _answer(visit, exchange_id, 202)


def _row(visit: Visit, exchange_id: str) -> dict[str, Any]:
    row = store.row_of(visit.conn, exchange_id)
    if row is None:
        raise Refusal("request.not_found")
    return row


def _answer(visit: Visit, exchange_id: str, status: int, *, headers: dict[str, str] | None = None) -> Response:
    """Four facts in four fields: the call's HTTP status, the exchange's state, its answer, its clock."""
    found = answers.load(visit.conn, exchange_id, codec=visit.tools.codec, bundle=visit.tools.policy())
    if found is None:
        raise Refusal("request.not_found")
    return JSONResponse({"status": status, **answers.render(found)}, status_code=status, headers=headers)
