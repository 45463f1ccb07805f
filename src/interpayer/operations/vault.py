"""The versions of the wrapping key at work: prepared, activated, every wrapped key wrapped anew, the old one destroyed.

Nothing stops meanwhile: processes open what either version wrapped and see within a second which one wraps now.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from interpayer.audit import rewrapping as ledger_keys
from interpayer.delivery import wrapped as job_keys
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.operations import vault_store
from interpayer.operations.legal_holds import CHAIN
from interpayer.partners import wrapped as signing_keys
from interpayer.records import keys as member_keys
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.keyring import CHECK_S, KeyInUse, Version, activate_version, retire_version, versions
from interpayer.system.keys import Vault
from interpayer.system.rewrapping import Step, WrappedColumn

MOST = 1000
# Every process has seen by then which version wraps.
SETTLED_S = 2 * CHECK_S
Rewrap: TypeAlias = Callable[[Connection, Vault, str], Step]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one place is: rows seen and changed in this run, and whether it is done."""

    place: str
    seen: int
    changed: int
    is_done: bool


def status(conn: Connection, kek: Path) -> dict[str, Any]:
    """The versions of the wrapping key, and how far every place is in being wrapped by the active one."""
    known = versions(kek)
    active = next(one for one in known if one.state == "active")
    places = [
        {name: row[name] for name in ("place", "seen", "changed", "started_at", "finished_at")}
        for row in vault_store.rewraps(conn, active.id)
    ]
    return {
        "versions": [{"version": one.number, "id": one.id, "state": one.state} for one in known],
        "places": places,
        "old_versions_needed": len(known) > 1 and not _is_finished(places),
    }


def activate(tools: Tools, conn: Connection, kek: Path, *, actor: Actor) -> Version:
    """Let the next version wrap from now on; `rewrap` follows."""
    try:
        active = activate_version(kek)
    except KeyInUse as refused:
        raise Refusal("request.wrong_state", str(refused)) from refused
    tools.ledger.append(conn, _event("vault.activated", actor, {"version": active.number, "key": active.id}))
    return active


def rewrap(tools: Tools) -> Iterator[Progress]:
    """Wrap every wrapped key anew where another version wrapped it, step by step; cut short, it goes on where it was.

    A second look follows: what a process wrapped by the old version while the first look went by is found by it.
    """
    time.sleep(SETTLED_S)
    kek = tools.vault.kek_id
    for place, step in PLACES.items():
        yield from _rewrap_place(tools, kek, place, step=step)
    for place, step in PLACES.items():
        yield from _rewrap_place(tools, kek, place, step=step, anew=True)


def retire(tools: Tools, conn: Connection, kek: Path, number: int, *, actor: Actor) -> None:
    """Destroy a version that nothing needs any more; refused while wrapping anew is not finished."""
    known = {one.number: one for one in versions(kek)}
    if number not in known:
        raise Refusal("request.not_found", "no such version of the wrapping key")
    if status(conn, kek)["old_versions_needed"]:
        raise Refusal("request.wrong_state", "not everything is wrapped anew yet: `interpayer vault rotate` goes on")
    for step in PLACES.values():
        _look_a_last_time(conn, tools.vault, step)
    try:
        retire_version(kek, number)
    except KeyInUse as refused:
        raise Refusal("request.wrong_state", str(refused)) from refused
    tools.ledger.append(conn, _event("vault.retired", actor, {"version": number, "key": known[number].id}))


def note_password(tools: Tools, conn: Connection, role: str, *, actor: Actor) -> None:
    """Put on the ledger that a login role of the database got another password."""
    tools.ledger.append(conn, _event("database.password_changed", actor, {"role": role}))


def _rewrap_place(tools: Tools, kek: str, place: str, *, step: Rewrap, anew: bool = False) -> Iterator[Progress]:
    seen = changed = 0
    after: str | None = ""
    while after is not None:
        with tools.database.transaction() as conn:
            row = vault_store.rewrap_place(conn, kek, place)
            if row["finished_at"] is not None and not anew:
                return
            start = after if anew else row["after"]
            done = step(conn, tools.vault, start)
            after, seen, changed = done.after, seen + done.seen, changed + done.changed
            vault_store.keep_rewrap(
                conn,
                vault_store.Place(kek, place),
                after=done.after or start,
                done=(done.seen, done.changed),
                finished_at=now() if done.after is None else None,
            )
        yield Progress(place, seen, changed, is_done=after is None)


def _look_a_last_time(conn: Connection, vault: Vault, step: Rewrap) -> None:
    """Before a version is destroyed: what is still wrapped by it is wrapped anew in this transaction too."""
    after: str | None = ""
    while after is not None:
        after = step(conn, vault, after).after


def _is_finished(places: list[dict[str, Any]]) -> bool:
    done = {row["place"] for row in places if row["finished_at"] is not None}
    return done >= set(PLACES)


def _column(column: WrappedColumn) -> Rewrap:
    return lambda conn, vault, after: column.step(conn, vault, after=after, most=MOST)


PLACES: Mapping[str, Rewrap] = {
    **{one.table: _column(one) for one in (member_keys.WRAPPED, job_keys.WRAPPED, signing_keys.WRAPPED)},
    ledger_keys.PLACE: lambda conn, vault, after: ledger_keys.rewrap_bodies(conn, vault, after=after, most=MOST),
}


def _event(name: str, actor: Actor, facts: dict[str, JSON]) -> Event:
    return Event(name, CHAIN, actor.type, actor.id, facts=facts)
