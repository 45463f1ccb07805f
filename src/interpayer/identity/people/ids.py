"""Every id that names a member: ours, the plan's, other payers', sources'; each inside its issuer and its time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from interpayer.identity.people.merging import Grounds, person_members, survivor
from interpayer.identity.standardize import clean_id
from interpayer.identity.store import ZONE, Held, find_member, held_members, link_hash, seal_id
from interpayer.model.match import Disposition, Match
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.keys import Vault, unseal

INTERNAL = "internal"
ENROLLMENT = "enrollment"


@dataclass(frozen=True, slots=True)
class NamedId:
    """One id that names a member of the person. `value` is None where only its hash was kept. `state` on the day asked
    for: `current`, `historical` (true in its time), `future`, or `wrong` (taken back: it was never true)."""

    member_id: str
    kind: str
    value: str | None
    issuer: str | None
    source: str
    state: str = "current"
    confidence: float = 1.0
    effective_from: date | None = None
    effective_to: date | None = None
    judged_by: str | None = None
    why: str | None = None
    linked_at: datetime | None = None
    superseded_at: datetime | None = None
    superseded_by: str | None = None
    superseded_why: str | None = None


@dataclass(frozen=True, slots=True)
class NewLink:
    """An outside id that means a member from now on, and on what grounds."""

    member_id: str
    identifier: Identifier
    grounds: Grounds
    effective_to: date | None = None


@dataclass(frozen=True, slots=True)
class EndedLink:
    """A link that is no longer accepted: whose it was and since when."""

    member_id: str
    linked_at: datetime


def ids_of(conn: Connection, vault: Vault, member_id: str, *, on: date | None = None) -> list[NamedId]:
    """Which ids name this person: every member id of the person with every id outside, with its state on the day."""
    survivor(conn, member_id)
    members = person_members(conn, [member_id])[member_id]
    held = held_members(conn, vault, members)
    known = [named for one in held.values() for named in _own(one)]
    by_hash = {link_hash(vault, _identifier(named)): named for named in known if named.value and named.issuer}
    links = [_link(row, vault, by_hash) for row in _links(conn, members)]
    day = on or now().date()
    return [replace(named, state=_state(named, day)) for named in _once([*links, *known])]


def members_named(conn: Connection, vault: Vault, identifier: Identifier) -> list[tuple[str, str]]:
    """Who this id means or meant: (member id, state now), accepted ones first."""
    accepted = set(find_member(conn, vault, identifier))
    rows = conn.execute(
        "select * from identity.link where kind = %s and hash = %s order by superseded_at desc nulls first, link_id",
        [identifier.kind.value, link_hash(vault, identifier)],
    ).fetchall()
    found = dict.fromkeys(sorted(accepted), "current")
    for row in rows:
        found.setdefault(row["member_id"], _state(_link(row, vault, {}), now().date()))
    return list(found.items())


def accept_id(conn: Connection, vault: Vault, link: NewLink) -> None:
    """Accept that an outside id means a member; again is once. Refusal `record.conflict` when it means somebody else:
    end that link first."""
    survivor(conn, link.member_id)
    hashed, grounds, kind = link_hash(vault, link.identifier), link.grounds, link.identifier.kind.value
    conn.execute(
        """
        insert into identity.link (kind, hash, member_id, source, issuer, sealed, confidence, effective_from,
                                   effective_to, judged_by, why)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (kind, hash) where superseded_at is null do nothing
        """,
        [
            *(kind, hashed, link.member_id, grounds.source, link.identifier.issuer),
            *(seal_id(vault, link.identifier.value, hashed), grounds.confidence, grounds.since, link.effective_to),
            *(grounds.person, grounds.reason),
        ],
    )
    holder = conn.execute(
        "select member_id from identity.link where kind = %s and hash = %s and superseded_at is null", [kind, hashed]
    ).fetchone()
    if holder is None or holder["member_id"] != link.member_id:
        raise Refusal("record.conflict", "this id is accepted for another member")


def end_id(
    conn: Connection, vault: Vault, identifier: Identifier, *, grounds: Grounds, ended_on: date | None = None
) -> EndedLink:
    """Supersede the accepted link of an id. With `ended_on` it was true until then; without, it was never true."""
    row = conn.execute(
        """
        update identity.link
           set superseded_at = clock_timestamp(), superseded_by = %s, superseded_why = %s,
               effective_to = %s
         where kind = %s and hash = %s and superseded_at is null returning member_id, linked_at
        """,
        [grounds.person, grounds.reason, ended_on, identifier.kind.value, link_hash(vault, identifier)],
    ).fetchone()
    if row is None:
        raise Refusal("request.not_found", "no accepted link of this id")
    return EndedLink(row["member_id"], row["linked_at"])


def meet_id(conn: Connection, vault: Vault, match: Match, identifier: Identifier) -> Match:
    """The match of a person who came back under an outside id: a certain one makes the id theirs. It becomes a `review`
    where the id means somebody else already, or a person took it back for this member."""
    if match.member_id is None:
        return match
    person = person_members(conn, [match.member_id])[match.member_id]
    named = members_named(conn, vault, identifier)
    holder = next((member_id for member_id, state in named if state == "current"), None)
    if holder in person:
        return match
    if holder or any(state == "wrong" and member_id in person for member_id, state in named):
        return replace(match, disposition=Disposition.REVIEW, reason="identity.ambiguous", member_id=None)
    grounds = Grounds("resolver", match.reason, source="exchange", since=now().date())
    accept_id(conn, vault, NewLink(match.member_id, identifier, grounds))
    return match


def _links(conn: Connection, members: Iterable[str]) -> list[dict[str, Any]]:
    return conn.execute(
        "select * from identity.link where member_id = any(%s) order by member_id, link_id", [list(members)]
    ).fetchall()


def _own(member: Held) -> list[NamedId]:
    """What enrollment says of a member: our ids, the cards with their periods, and ids that came with the feed."""
    found = [
        NamedId(member.member_id, INTERNAL, member.member_id, None, INTERNAL),
        NamedId(member.member_id, IdKind.UNIQUE_MEMBER.value, member.unique_id, None, INTERNAL),
    ]
    for coverage in member.profile.coverages:
        numbers = ((IdKind.MEMBER, coverage.member_id), (IdKind.SUBSCRIBER, coverage.subscriber_id))
        found += [
            NamedId(
                *(member.member_id, kind.value, value, coverage.payer, ENROLLMENT),
                effective_from=coverage.starts_on,
                effective_to=coverage.ends_on,
            )
            for kind, value in numbers
            if value
        ]
    told = (i for i in member.profile.demographics.identifiers if i.kind is not IdKind.SSN_LAST4)
    found += [NamedId(member.member_id, i.kind.value, i.value, i.issuer, ENROLLMENT) for i in told]
    return found


def _link(row: Mapping[str, Any], vault: Vault, by_hash: Mapping[str, NamedId]) -> NamedId:
    known = by_hash.get(row["hash"])
    value = known.value if known else None
    if row["sealed"] is not None:
        value = unseal(vault.zone_key(ZONE), bytes(row["sealed"]), context=row["hash"].encode()).decode()
    linked = NamedId(
        member_id=row["member_id"],
        value=value,
        **{name: row[name] for name in NamedId.__dataclass_fields__ if name in row and name != "member_id"},
    )
    return replace(linked, issuer=linked.issuer or (known.issuer if known else None))


def _identifier(named: NamedId) -> Identifier:
    # As enrollment links it: a member number in its clean form.
    value = named.value or ""
    kind = IdKind(named.kind) if named.kind != INTERNAL else IdKind.OTHER
    return Identifier(kind, (clean_id(value) or value) if kind is IdKind.MEMBER else value, named.issuer)


def _state(named: NamedId, day: date) -> str:
    if named.superseded_at is not None and named.effective_to is None:
        return "wrong"
    if named.effective_from and named.effective_from > day:
        return "future"
    is_over = named.effective_to is not None and named.effective_to < day
    is_given_up = named.superseded_at is not None and named.effective_to is not None and named.effective_to <= day
    return "historical" if is_over or is_given_up else "current"


def _once(found: Iterable[NamedId]) -> list[NamedId]:
    """Each id and period once; what says most about its time and where it came from wins."""
    kept: dict[tuple[Any, ...], NamedId] = {}
    for named in sorted(found, key=_says_nothing_new):
        value = clean_id(named.value) if named.value and named.kind == IdKind.MEMBER.value else named.value
        place = (named.member_id, named.kind, value, named.issuer, named.superseded_at)
        before = kept.get((*place, named.effective_from, named.effective_to))
        if before is None and not (_says_nothing_new(named) and any(k[:5] == place for k in kept)):
            kept[*place, named.effective_from, named.effective_to] = named
    return list(kept.values())


def _says_nothing_new(named: NamedId) -> bool:
    return named.source == ENROLLMENT and named.effective_from is None and named.effective_to is None
