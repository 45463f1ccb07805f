"""The pages about exchanges: overview, list, one exchange; and the dead letters."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from interpayer.audit import words
from interpayer.console import wording
from interpayer.console.door import Desk, Visit, route
from interpayer.exchange import attention, store
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.operations import answers, cases, exchanges, letters
from interpayer.operations.answer_words import answer_in_words
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection

PAGE = 50
_FILTERS = ("state", "role", "partner", "member")


def routes(desk: Desk) -> list[Route]:
    """Every page of this file with its role."""
    return [
        route(desk, "/", "exchange.read", overview),
        route(desk, "/exchanges", "exchange.read", listed),
        route(desk, "/exchanges/{id}", "exchange.read", shown),
        route(desk, "/exchanges/{id}/cancel", "exchange.operate", cancel, method="POST"),
        route(desk, "/exchanges/{id}/replay", "letter.replay", replay, method="POST"),
        route(desk, "/dead-letters", "letter.read", dead_letters),
        route(desk, "/dead-letters/{id}/replay", "letter.replay", replay_letter, method="POST"),
    ]


def overview(visit: Visit) -> Response:
    """How many exchanges stand where; what waits for a person."""
    counts = store.counts(visit.conn)
    waiting = [c for c in cases.listed(visit.conn, limit=500) if c.state in ("open", "assigned")]
    return visit.show(
        "overview.html",
        counts={role: [row for row in counts if row["role"] == role.value] for role in Role},
        waiting=len(waiting),
        overdue=sum(c.due_at < now() for c in waiting),
        letters=len(letters.listed(visit.conn)) if visit.may("letter.read") else 0,
    )


def listed(visit: Visit) -> Response:
    """Exchanges, newest first; the filter is in the address. `only=problems` shows what needs a person."""
    query, after = visit.query, visit.query.get("after")
    if query.get("only") == "problems":
        rows = attention.needing_attention(visit.conn, after=after, limit=PAGE + 1)
    else:
        chosen = {name: query.get(name, "").strip() or None for name in _FILTERS}
        wanted = store.Filter(
            state=chosen["state"],
            role=chosen["role"],
            partner_id=chosen["partner"],
            member_id=chosen["member"],
            after=after,
            limit=PAGE + 1,
        )
        rows = store.listed(visit.conn, wanted)
    page = [answers.summary(row, now()) for row in rows[:PAGE]]
    following = page[-1]["exchange"] if len(rows) > PAGE else None
    return visit.show(
        "exchanges.html", exchanges=page, following=following, states=list(State), names=_names(visit.conn)
    )


def shown(visit: Visit) -> Response:
    """One exchange: the outcome first, then decisions with their versions, counts, and what happened."""
    found = answers.load(visit.conn, visit.path["id"], codec=visit.tools.codec, bundle=visit.tools.policy())
    if found is None:
        raise Refusal("request.not_found")
    exchange = answers.render(found)
    told = [{**e, "sentence": words.sentence(e)} for e in found.events] if visit.may("exchange.events") else []
    outcome = wording.outcome(exchange, _names(visit.conn).get(exchange["partner"]))
    said = answer_in_words(exchange) if exchange["role"] == Role.RESPONDER else []
    return visit.show("exchange.html", exchange=exchange, events=told, outcome=outcome, in_words=said)


def cancel(visit: Visit) -> Response:
    """End an exchange, with a reason."""
    exchange_id = visit.path["id"]
    exchanges.cancel(visit.tools, visit.conn, exchange_id, reason=why(visit), actor=visit.actor)
    return RedirectResponse(f"/exchanges/{exchange_id}?done=cancelled", status_code=303)


def replay(visit: Visit) -> Response:
    """Do a failed exchange again, with a reason."""
    exchange_id = visit.path["id"]
    exchanges.replay(visit.tools, visit.conn, exchange_id, reason=why(visit), actor=visit.actor)
    return RedirectResponse(f"/exchanges/{exchange_id}?done=replayed", status_code=303)


def dead_letters(visit: Visit) -> Response:
    """What automation gave up."""
    return visit.show("letters.html", letters=letters.listed(visit.conn))


def replay_letter(visit: Visit) -> Response:
    """Have a dead letter done again, with a reason."""
    letters.replay(visit.tools, visit.conn, visit.path["id"], reason=why(visit), actor=visit.actor)
    return RedirectResponse("/dead-letters?done=replayed", status_code=303)


def why(visit: Visit) -> str:
    """The reason in the form; `Refusal` without one. It goes on the ledger."""
    reason = " ".join(visit.form.get("reason", "").split())
    if not reason or len(reason) > 200:
        raise Refusal("request.malformed", "a reason of at most 200 characters is needed")
    return reason


def _names(conn: Connection) -> dict[str | None, str]:
    return {partner.id: partner.name for partner in directory.list_partners(conn)}
