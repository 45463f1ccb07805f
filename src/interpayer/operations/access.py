"""People and systems at our own door: who they are, their roles, what a role may do, and their tokens."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.operations import store
from interpayer.system.clock import now
from interpayer.system.database import Connection

ROLES = ("operator", "steward", "analyst", "admin", "system")
CHAIN = "access"
NAME = re.compile(r"[^\W_](?:[\w .@'’-]{0,78}[\w.])?")
# Who acts before there is anybody: only the first admin is ever made this way.
FIRST = Actor("process", "first admin")
_TOKEN_BYTES = 32

# One row per action, the roles that may do it (exchange.md section 9). What is not listed, nobody may.
_TABLE = """
exchange.read        operator steward analyst admin system
exchange.events      operator analyst admin system
exchange.ask         operator system
exchange.operate     operator system
handoff.read         operator system
handoff.take         system
handoff.acknowledge  operator system
case.read            operator steward
case.look            steward
case.assign          operator steward
case.decide          steward
person.read          steward analyst
person.look          steward
person.change        steward
standing.read        operator steward system
standing.ask         operator system
standing.stop        operator system
partner.read         operator analyst admin
partner.change       admin
key.read             operator analyst admin
key.change           admin
policy.read          operator analyst admin
policy.change        admin
consent.read         operator steward analyst
consent.change       operator steward system
hold.clear           admin
vault.read           admin analyst
vault.change         admin
hold.place           admin analyst
hold.release         admin
member.forget        admin
ledger.redact        admin
load.fhir            operator system
load.enrollments     operator system
labels.read          operator steward analyst admin
labels.change        operator admin
terms.load           operator admin system
terms.read           operator steward analyst admin system
identity.load        operator system
identity.match       operator steward system
identity.policy      operator steward analyst admin system
identity.explain     operator steward analyst
identity.look        steward
identity.teach       operator steward
identity.adopt       admin
access.read          admin analyst
access.change        admin
recall.read          operator analyst
recall.open          operator
recall.close         operator
letter.read          operator
letter.replay        operator
audit.read           operator analyst
audit.disclosures    analyst
break_glass.read     analyst admin
break_glass.ask      analyst
break_glass.open     analyst admin
break_glass.look     analyst
break_glass.confirm  analyst admin
record.explain       operator steward analyst
audit.verify         operator analyst admin
audit.export         analyst admin
"""
ACTIONS: dict[str, frozenset[str]] = {
    action: frozenset(roles) for action, *roles in (row.split() for row in _TABLE.strip().splitlines())
}


@dataclass(frozen=True, slots=True)
class Person:
    """A named person, or a system of the plan, with its roles."""

    name: str
    kind: str
    roles: tuple[str, ...]
    added_at: datetime
    added_by: str
    revoked_at: datetime | None = None

    @property
    def id(self) -> str:
        """What the ledger calls this person."""
        return self.name

    @property
    def actor(self) -> Actor:
        """This person as the one who acts."""
        return Actor(self.kind, self.name)


def may(person: Person, action: str) -> bool:
    """Whether one of the person's roles allows the action; nobody may do what the table does not list."""
    return person.revoked_at is None and not ACTIONS.get(action, frozenset()).isdisjoint(person.roles)


def require(person: Person, action: str) -> None:
    """Refusal `caller.not_permitted`, naming the roles that could, when the person may not do this."""
    if not may(person, action):
        able = ", ".join(sorted(ACTIONS.get(action, ()))) or "nobody"
        raise Refusal("caller.not_permitted", f"{action} is for: {able}")


def are_two(one: str, other: str) -> bool:
    """Four eyes: whether these are the names of two people."""
    return bool(one.strip() and other.strip()) and _plain(one) != _plain(other)


def add_person(
    tools: Tools, conn: Connection, name: str, *, roles: Sequence[str], actor: Actor | None
) -> tuple[Person, str]:
    """Add a person or system; with the token, which is shown this once. Without an actor: only the first admin."""
    named, wanted = " ".join(name.split()), _checked(roles)
    if not NAME.fullmatch(named):
        raise Refusal("request.malformed", "a name has 2 to 80 letters, digits, spaces or . @ ' - _")
    store.lock_people(conn)
    if actor is None and (store.any_person(conn) or "admin" not in wanted):
        raise Refusal("caller.not_permitted", "the first person is an admin; everybody else is added by an admin")
    if store.person(conn, named) is not None:
        raise Refusal("request.wrong_state", "this name is or was somebody's already; names are never used again")
    by = actor or FIRST
    kind = "system" if wanted == ("system",) else "person"
    row: dict[str, Any] = {"name": named, "kind": kind, "roles": list(wanted), "added_at": now(), "added_by": by.id}
    store.add_person(conn, row)
    _record(tools, conn, "access.granted", by=by, facts={"name": named, "kind": kind, "roles": list(wanted)})
    return _person(row), _new_token(conn, named)


def renew_token(tools: Tools, conn: Connection, name: str, *, actor: Actor) -> str:
    """A new token, shown this once; the ones before end at once."""
    found = _live(conn, name)
    store.end_tokens(conn, found.name, now())
    _record(tools, conn, "access.granted", by=actor, facts={"name": found.name, "what": "new token"})
    return _new_token(conn, found.name)


def change_roles(tools: Tools, conn: Connection, name: str, *, roles: Sequence[str], actor: Actor) -> Person:
    """Give a person other roles; the last admin stays one, and a system stays a system."""
    wanted = _checked(roles)
    store.lock_people(conn)
    found = _live(conn, name)
    if (found.kind == "system") != (wanted == ("system",)):
        raise Refusal("request.wrong_state", "a system stays a system and a person a person")
    if "admin" in found.roles and "admin" not in wanted:
        _keep_an_admin(conn)
    store.set_roles(conn, found.name, wanted)
    _record(tools, conn, "access.granted", by=actor, facts={"name": found.name, "roles": list(wanted)})
    return _live(conn, found.name)


def revoke(tools: Tools, conn: Connection, name: str, *, reason: str, actor: Actor) -> Person:
    """End somebody's access and tokens at once; the last admin stays."""
    store.lock_people(conn)
    found = _live(conn, name)
    if "admin" in found.roles:
        _keep_an_admin(conn)
    store.revoke_person(conn, found.name, at=now(), by=actor.id)
    _record(tools, conn, "access.revoked", by=actor, facts={"name": found.name, "why": reason})
    return found


def person_of(conn: Connection, token: str) -> Person | None:
    """Who acts with this bearer token; None when the token is unknown, ended, or its owner lost access."""
    row = store.person_of_token(conn, _digest(token)) if token else None
    return _person(row) if row else None


def listed(conn: Connection) -> list[Person]:
    """Everybody, by name, those without access too."""
    return [_person(row) for row in store.people(conn)]


def _live(conn: Connection, name: str) -> Person:
    row = store.person(conn, " ".join(name.split()))
    if row is None:
        raise Refusal("request.not_found", "nobody has this name")
    if row["revoked_at"] is not None:
        raise Refusal("request.wrong_state", "this person's access was revoked")
    return _person(row)


def _keep_an_admin(conn: Connection) -> None:
    if store.live_admins(conn) < 2:
        raise Refusal("request.wrong_state", "this is the last admin; add another first")


def _checked(roles: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(roles))
    if not wanted or set(wanted) - set(ROLES):
        raise Refusal("request.malformed", f"roles are: {', '.join(ROLES)}")
    if "system" in wanted and len(wanted) > 1:
        raise Refusal("request.malformed", "a system has no other role; a process is not a person")
    return wanted


def _new_token(conn: Connection, name: str) -> str:
    token = f"ip_{secrets.token_urlsafe(_TOKEN_BYTES)}"
    store.add_token(conn, name, _digest(token), now())
    return token


def _digest(token: str) -> bytes:
    # 256 random bits need no slow hash.
    return sha256(token.strip().encode()).digest()


def _record(tools: Tools, conn: Connection, name: str, *, by: Actor, facts: dict[str, Any]) -> None:
    tools.ledger.append(conn, Event(name, CHAIN, by.type, by.id, facts=facts))


def _person(row: dict[str, Any]) -> Person:
    return Person(
        name=row["name"],
        kind=row["kind"],
        roles=tuple(row["roles"]),
        added_at=row["added_at"],
        added_by=row["added_by"],
        revoked_at=row.get("revoked_at"),
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
