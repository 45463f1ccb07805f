"""Members as held: sealed profiles, hashed keys, accepted links, evidence. The caller owns the transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import msgspec
import orjson

from interpayer.identity.evidence import pack, unpack
from interpayer.identity.holding import Profile, from_document
from interpayer.identity.index.copying import copy_rows
from interpayer.identity.index.keys import ZONE as ZONE
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import members_under
from interpayer.identity.standardize import Standard, clean_id
from interpayer.model.match import Match
from interpayer.model.member import Coverage, Demographics, Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.keys import Vault, seal, unseal

_COPY_EVIDENCE = b"""
copy identity.evidence (evidence_id, disposition, reason, member_id, rule, rule_version, detail)
from stdin (format binary)
"""


@dataclass(frozen=True, slots=True)
class Held:
    """One member as held."""

    member_id: str
    person_id: str
    payer: str
    unique_id: str
    digest: str
    profile: Profile

    @property
    def standard(self) -> Standard:
        """The comparable form, our own unique member id included."""
        return msgspec.structs.replace(self.profile.standard(self.payer), unique_ids=frozenset((self.unique_id,)))


def hash_key(vault: Vault, kind: str, value: str) -> str:
    """The keyed hash under which a blocking key or a link is kept."""
    return vault.pseudonym(f"identity.{kind}", value)


def held_members(conn: Connection, vault: Vault, member_ids: Collection[str]) -> dict[str, Held]:
    """The members of these ids, unsealed; unknown ids are absent."""
    if not member_ids:
        return {}
    rows = conn.execute(
        "select member_id, person_id, payer, unique_id, digest, sealed from identity.member where member_id = any(%s)",
        [list(member_ids)],
    )
    key = vault.zone_key(ZONE)
    return {row["member_id"]: _held(row, key) for row in rows}


def find_member(conn: Connection, vault: Vault, identifier: Identifier) -> list[str]:
    """Members that carry this id: `issuer` is the payer for member and subscriber ids, the source for patient ids."""
    kind, value = identifier.kind, identifier.value
    if kind is IdKind.UNIQUE_MEMBER:
        rows = conn.execute("select member_id from identity.member where unique_id = %s", [value])
    elif kind in (IdKind.MEMBER, IdKind.SUBSCRIBER):
        name = "member_id" if kind is IdKind.MEMBER else "subscriber_id"
        hashed = IndexKeys(vault).hashes([(name, clean_id(value) or "")], identifier.issuer or "")[0]
        return members_under(conn, hashed)
    else:
        query = "select member_id from identity.link where kind = %s and hash = %s and superseded_at is null"
        rows = conn.execute(query, [kind.value, link_hash(vault, identifier)])
    return [row["member_id"] for row in rows]


def link_hash(vault: Vault, identifier: Identifier) -> str:
    """The keyed hash of an external id inside its issuer's namespace."""
    return hash_key(vault, f"link.{identifier.kind.value}", f"{identifier.issuer}\0{identifier.value}")


def link_identifier(conn: Connection, vault: Vault, member_id: str, *, identifier: Identifier, source: str) -> None:
    """Accept that this external id is this member's; `Refusal` when it is accepted as somebody else's already."""
    hashed = link_hash(vault, identifier)
    named = {hashed: (identifier.issuer, seal_id(vault, identifier.value, hashed))}
    if write_links(conn, [(identifier.kind.value, hashed, member_id)], source, named=named):
        raise Refusal("record.conflict", "this identifier is linked to another member")


def link_patients(conn: Connection, vault: Vault, source: str, links: Mapping[str, str]) -> list[str]:
    """Accept Patient ids of a source as members, set-based; returns the ids that are somebody else's already."""
    hashes = {link_hash(vault, Identifier(IdKind.PATIENT, patient, source)): patient for patient in links}
    rows = [(IdKind.PATIENT.value, hashed, links[patient]) for hashed, patient in hashes.items()]
    named = {hashed: (source, seal_id(vault, patient, hashed)) for hashed, patient in hashes.items()}
    return [hashes[hashed] for hashed in write_links(conn, rows, source, named=named)]


def seal_id(vault: Vault, value: str, hashed: str) -> bytes:
    """An outside id as it is kept, bound to the hash that finds it."""
    return seal(vault.zone_key(ZONE), value.encode(), context=hashed.encode())


def write_links(
    conn: Connection,
    rows: Sequence[tuple[str, str, str]],
    source: str,
    *,
    named: Mapping[str, tuple[str | None, bytes]] | None = None,
) -> list[str]:
    """Keep (kind, hash, member id) links; returns the hashes that another member holds. `named` has (issuer, sealed id)
    by hash, where the id is kept nowhere else.
    """
    if not rows:
        return []
    # in one order, so that two loads at once never wait for each other
    kinds, hashes, members = (list(column) for column in zip(*sorted(rows), strict=True))
    issuers, seals = zip(*((named or {}).get(hashed, (None, None)) for hashed in hashes), strict=True)
    conn.execute(
        """
        insert into identity.link (kind, hash, member_id, source, issuer, sealed)
        select kind, hash, member_id, %s, issuer, sealed
          from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
               r (kind, hash, member_id, issuer, sealed)
        on conflict (kind, hash) where superseded_at is null do nothing
        """,
        [source, kinds, hashes, members, list(issuers), list(seals)],
    )
    taken = conn.execute(
        """
        select l.hash from identity.link l
          join unnest(%s::text[], %s::text[], %s::text[]) r (kind, hash, member_id)
            on r.kind = l.kind and r.hash collate "C" = l.hash and l.superseded_at is null
         where l.member_id <> r.member_id
        """,
        [kinds, hashes, members],
    )
    return [row["hash"] for row in taken]


def patient_links(conn: Connection, vault: Vault, source: str, patient_ids: Sequence[str]) -> dict[str, str]:
    """Patient id of a source to member id, for those that are linked."""
    hashes = {link_hash(vault, Identifier(IdKind.PATIENT, patient, source)): patient for patient in patient_ids}
    rows = conn.execute(
        "select hash, member_id from identity.link where kind = %s and hash = any(%s) and superseded_at is null",
        [IdKind.PATIENT.value, list(hashes)],
    )
    return {hashes[row["hash"]]: row["member_id"] for row in rows}


def demographics(conn: Connection, vault: Vault, member_id: str) -> Demographics | None:
    """What we know of a member as a person; None when unknown."""
    return demographics_of(conn, vault, [member_id]).get(member_id)


def demographics_of(conn: Connection, vault: Vault, member_ids: Collection[str]) -> dict[str, Demographics]:
    """The demographics of many members at once."""
    return {m: held.profile.demographics for m, held in held_members(conn, vault, member_ids).items()}


def coverages(conn: Connection, vault: Vault, member_id: str) -> list[Coverage]:
    """The coverages of a member, in the order they became known."""
    return coverages_of(conn, vault, [member_id]).get(member_id, [])


def coverages_of(conn: Connection, vault: Vault, member_ids: Collection[str]) -> dict[str, list[Coverage]]:
    """The coverages of many members at once."""
    return {m: list(held.profile.coverages) for m, held in held_members(conn, vault, member_ids).items()}


def payer_of(conn: Connection, member_id: str) -> str | None:
    """The payer that enrolled the member; None when the member is unknown."""
    row = conn.execute("select payer from identity.member where member_id = %s", [member_id]).fetchone()
    return row["payer"] if row else None


def lines_of_business(conn: Connection, member_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """The lines of business of all coverages, past ones too, of those of these members that have any."""
    rows = conn.execute(
        "select member_id, array_agg(distinct line_of_business) as lines from identity.coverage"
        " where member_id = any(%s) and line_of_business is not null group by member_id",
        [list(member_ids)],
    )
    return {row["member_id"]: frozenset(row["lines"]) for row in rows}


def unique_member_identifier(conn: Connection, member_id: str) -> str:
    """The member's UMB value (HRex): stable across products, says nothing. `Refusal` when the member is unknown."""
    found = unique_member_identifiers(conn, [member_id])
    if member_id not in found:
        raise Refusal("request.not_found")
    return found[member_id]


def unique_member_identifiers(conn: Connection, member_ids: Collection[str]) -> dict[str, str]:
    """The UMB values of many members at once."""
    query = "select member_id, unique_id from identity.member where member_id = any(%s)"
    return {row["member_id"]: row["unique_id"] for row in conn.execute(query, [list(member_ids)])}


def covered_on(conn: Connection, member_id: str, day: date) -> bool:
    """Whether a coverage of the member is in force on that day."""
    row = conn.execute(
        """
        select 1 from identity.coverage
         where member_id = %s and status not in ('cancelled', 'entered-in-error', 'void')
           and coalesce(starts_on, '-infinity') <= %s and coalesce(ends_on, 'infinity') >= %s limit 1
        """,
        [member_id, day, day],
    ).fetchone()
    return row is not None


def save_evidence(conn: Connection, matches: Iterable[Match]) -> None:
    """Keep why each match came out as it did; without values. Keeping it again changes nothing."""
    rows = [_evidence_row(match) for match in matches]
    if rows:
        conn.execute(
            """
            insert into identity.evidence (evidence_id, disposition, reason, member_id, rule, rule_version, detail)
            select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
            on conflict (evidence_id) do nothing
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


def save_new_evidence(conn: Connection, matches: Iterable[Match]) -> None:
    """As `save_evidence`, for thousands of decisions just made."""
    copy_rows(conn, _COPY_EVIDENCE, [_evidence_row(match) for match in matches])


def evidence(conn: Connection, evidence_id: str) -> dict[str, Any] | None:
    """The evidence of one match, in full and with the time; None when unknown."""
    row = conn.execute("select * from identity.evidence where evidence_id = %s", [evidence_id]).fetchone()
    if row is None:
        return None
    detail = row.pop("detail")
    return row if detail is None else row | unpack(bytes(detail))


def evidence_document(match: Match) -> list[dict[str, Any]]:
    """The candidates of a match as JSON: who, by which rule, what each comparison said."""
    return [asdict(candidate) for candidate in match.candidates]


def _evidence_row(match: Match) -> tuple[str | bytes | None, ...]:
    return (
        *(match.evidence_id, match.disposition.value, match.reason, match.member_id, match.rule, match.rule_version),
        pack(match),
    )


def seal_profile(vault: Vault, profile: Profile, owner: str) -> bytes:
    """A profile as it is kept, bound to the id of the member or case it belongs to."""
    return seal(vault.zone_key(ZONE), orjson.dumps(profile), context=owner.encode())


def open_profile(key: bytes, sealed: bytes, owner: str) -> Profile:
    """The profile behind `seal_profile`; `key` is the zone's."""
    return from_document(orjson.loads(unseal(key, sealed, context=owner.encode())))


def _held(row: Mapping[str, Any], key: bytes) -> Held:
    profile = open_profile(key, row["sealed"], row["member_id"])
    names = ("member_id", "person_id", "payer", "unique_id", "digest")
    return Held(**{name: row[name] for name in names}, profile=profile)
