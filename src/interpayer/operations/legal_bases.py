"""Contracts and laws that let data go without an opt-in: recorded by a named person, ended by one, on the ledger."""

from interpayer.consent import bases
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.consent import Basis, LegalBasis, Limits, limits_as_json
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.model.sensitivity import Category
from interpayer.operations.stopping import REVOKED, Stopped, stop, stop_under
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Records on substance use disorder need the member's own written consent, whatever else lets data go (42 CFR 2.31).
USUAL_LIMITS = Limits(labels_withheld=frozenset({Category.SUBSTANCE_USE.value}))


def add(tools: Tools, conn: Connection, basis: LegalBasis, *, actor: Actor) -> LegalBasis:
    """Keep a contract or law: its parties exchange under it without an opt-in, never beyond its limits."""
    if basis.basis is Basis.OPT_IN:
        raise Refusal("request.malformed", "an opt-in is a member's consent, not a contract")
    if basis.starts_at >= basis.ends_at:
        raise Refusal("request.malformed", "the end is before the start")
    bases.save_basis(conn, basis, by=actor.id)
    tools.ledger.append(
        conn,
        Event(
            *("consent.recorded", f"consent:{basis.id}", actor.type, actor.id),
            facts={
                "consent": basis.id,
                "basis": basis.basis.value,
                "contract": basis.contract,
                "sources": list(basis.sources),
                "recipients": list(basis.recipients),
                "starts_at": basis.starts_at.isoformat(),
                "ends_at": basis.ends_at.isoformat(),
                "limits": limits_as_json(basis.limits),
            },
        ),
    )
    return basis


def end(tools: Tools, conn: Connection, basis_id: str, *, reason: str, actor: Actor) -> Stopped:
    """The contract ended before its time: grants, exchanges and files that rest on it stop at once. Twice is once."""
    known = {basis.id: basis for basis in bases.bases(conn)}
    if basis_id not in known:
        raise Refusal("request.not_found", "no such basis")
    ended = bases.end_basis(conn, basis_id, at=now(), by=actor.id)
    if ended is None:
        return Stopped()
    answering = stop_under(tools, conn, ended, actor=actor)
    asking = stop(tools, conn, exchange_store.resting_on(conn, basis_id), dropping=[], actor=actor)
    tools.ledger.append(
        conn,
        Event(
            *(REVOKED, f"consent:{basis_id}", actor.type, actor.id),
            facts={"consent": basis_id, "contract": known[basis_id].contract, "why": reason},
        ),
    )
    return Stopped((*answering.exchanges, *asking.exchanges), answering.grants, answering.files)
