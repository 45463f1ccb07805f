"""The graph of people: named persons look at it, join members, part them, link outside ids and take links back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from interpayer.consent import store as consent_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.identity.graph import Grounds, NamedId, NewLink
from interpayer.identity.masking import masked_id
from interpayer.identity.people.ids import INTERNAL
from interpayer.model.event import JSON, Event
from interpayer.model.member import Identifier, IdKind
from interpayer.operations import consents, restricting
from interpayer.operations.access import CHAIN
from interpayer.operations.purposes import stated
from interpayer.operations.undoing import Fallout, contain, holds_still, of_members, rests_on_both
from interpayer.system.database import Connection

_OURS = (INTERNAL, IdKind.UNIQUE_MEMBER.value)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as the graph knows them: the member they go by, their members, ids, and every judgement about them."""

    person_id: str
    members: tuple[str, ...]
    ids: tuple[NamedId, ...]
    judgements: tuple[graph.Edge, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """Two members that are one person now. `opted_out` are members to whom a no of the other one was carried over."""

    person_id: str
    members: tuple[str, ...]
    opted_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A person that is two again, and what had been released because they were one."""

    stays: tuple[str, ...]
    left: tuple[str, ...]
    fallout: Fallout


@dataclass(frozen=True, slots=True)
class Unlinked:
    """An outside id that no longer means a member; what was released of that member since then is for a person to look
    at, or recalled when the link was never true."""

    member_id: str
    fallout: Fallout


def shown(
    tools: Tools, conn: Connection, member_id: str, *, on: date | None = None, purpose: str | None = None, actor: Actor
) -> PersonView:
    """The graph around a member, the ids as they are on a day: masked, or for a purpose in clear: an event."""
    found = graph.ids_of(conn, tools.vault, member_id, on=on)
    if purpose is not None:
        facts: dict[str, JSON] = {"what": "outside ids of a person", "purpose": stated(purpose)}
        tools.ledger.append(conn, _event(tools, "access.looked", member_id, actor=actor, facts=facts))
    else:
        found = [_masked(named) for named in found]
    members = graph.person_members(conn, [member_id])[member_id]
    judged = tuple(graph.lineage(conn, member_id))
    return PersonView(graph.survivor(conn, member_id), members, tuple(found), judged)


def found(
    tools: Tools, conn: Connection, identifier: Identifier, *, purpose: str, actor: Actor
) -> list[tuple[str, str]]:
    """Which members an id means or meant, with its state; asking is an event."""
    named = graph.members_named(conn, tools.vault, identifier)
    facts: dict[str, JSON] = {"what": "member by an outside id", "kind": identifier.kind.value, "found": len(named)}
    facts["purpose"] = stated(purpose)
    about = named[0][0] if named else None
    tools.ledger.append(conn, _event(tools, "access.looked", about, actor=actor, facts=facts))
    return named


def merge(tools: Tools, conn: Connection, member_id: str, *, into: str, grounds: Grounds, actor: Actor) -> Merged:
    """Two members are one person; the person of `into` survives. A no of one of them holds for all of them from now."""
    members = graph.merge_members(conn, member_id, into, grounds=grounds)
    person_id = graph.survivor(conn, into)
    said_no = consent_store.withdrawn_at(conn, members)
    carried = tuple(m for m in members if said_no and m not in said_no)
    if carried:
        consents.withdraw(tools, conn, person_id, proof="carried over from a member of the same person", actor=actor)
    restricted = restricting.carry_over(tools, conn, members, actor=actor)
    facts: dict[str, JSON] = {
        "why": grounds.reason,
        "confidence": grounds.confidence,
        "members": len(members),
        "opted_out": len(carried),
        "restricted": restricted,
    }
    body: dict[str, JSON] = {"joined": [member_id, into], "members": [*members]}
    tools.ledger.append(conn, _event(tools, "person.merged", person_id, actor=actor, facts=facts, body=body))
    return Merged(person_id, members, carried)


def split(
    tools: Tools, conn: Connection, member_id: str, *, other: str | None, grounds: Grounds, actor: Actor
) -> Split:
    """Undo a merge. What was decided with both in sight, and would be decided otherwise now, is recalled or stopped;
    what else was released of them since is listed."""
    parted = graph.split_members(conn, member_id, other, grounds=grounds)
    sides = (parted.stays, parted.left)
    rows = of_members(conn, [*parted.stays, *parted.left], since=parted.merged_at)
    resting = [
        row["id"]
        for row in rows
        if rests_on_both(conn, row, sides, since=parted.merged_at) and not holds_still(tools, conn, row)
    ]
    fallout = contain(tools, conn, rows, resting=resting, reason="recall.merge_undone", actor=actor)
    facts: dict[str, JSON] = {
        "why": grounds.reason,
        "merged_at": parted.merged_at.isoformat(),
        "merged_by": parted.edge.judged_by,
        **_told(fallout),
    }
    body: dict[str, JSON] = {"stays": [*parted.stays], "left": [*parted.left]}
    tools.ledger.append(conn, _event(tools, "person.split", member_id, actor=actor, facts=facts, body=body))
    return Split(parted.stays, parted.left, fallout)


def link(tools: Tools, conn: Connection, wanted: NewLink, *, actor: Actor) -> None:
    """Accept that an outside id means a member; Refusal `record.conflict` when it means somebody else."""
    graph.accept_id(conn, tools.vault, wanted)
    facts: dict[str, JSON] = {
        "what": "linked",
        "kind": wanted.identifier.kind.value,
        "issuer": wanted.identifier.issuer,
        "why": wanted.grounds.reason,
        "confidence": wanted.grounds.confidence,
    }
    tools.ledger.append(conn, _event(tools, "person.link_changed", wanted.member_id, actor=actor, facts=facts))


def unlink(
    tools: Tools,
    conn: Connection,
    identifier: Identifier,
    *,
    grounds: Grounds,
    ended_on: date | None = None,
    actor: Actor,
) -> Unlinked:
    """End a link. It was true until `ended_on`, or never: then what was released of the member since it was made is
    recalled, because records that came under this id may be somebody else's."""
    ended = graph.end_id(conn, tools.vault, identifier, grounds=grounds, ended_on=ended_on)
    rows = of_members(conn, [ended.member_id], since=ended.linked_at)
    resting = [row["id"] for row in rows] if ended_on is None else []
    fallout = contain(tools, conn, rows, resting=resting, reason="recall.wrong_member", actor=actor)
    facts: dict[str, JSON] = {
        "what": "ended" if ended_on else "taken back",
        "kind": identifier.kind.value,
        "issuer": identifier.issuer,
        "why": grounds.reason,
        **_told(fallout),
    }
    tools.ledger.append(conn, _event(tools, "person.link_changed", ended.member_id, actor=actor, facts=facts))
    return Unlinked(ended.member_id, fallout)


def _masked(named: NamedId) -> NamedId:
    is_ours = named.kind in _OURS or named.value is None
    return named if is_ours else replace(named, value=masked_id(named.value or ""))


def _told(fallout: Fallout) -> dict[str, JSON]:
    return {
        "recall": fallout.recall_id,
        "recalled": [*fallout.recalled],
        "stopped": [*fallout.stopped],
        "others": [*fallout.others],
    }


def _event(
    tools: Tools,
    name: str,
    member_id: str | None,
    *,
    actor: Actor,
    facts: Mapping[str, JSON],
    body: Mapping[str, JSON] | None = None,
) -> Event:
    """On the chain of the person: by the pseudonym, because a chain's name is public; member ids are sealed."""
    chain = f"person:{tools.ledger.pseudonym(member_id)}" if member_id else CHAIN
    return Event(*(name, chain, actor.type, actor.id), member_id=member_id, facts=facts, body=body or {})
