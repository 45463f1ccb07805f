"""The tables of the index. The caller owns the transaction; lists go in by COPY."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple

from psycopg.rows import tuple_row

from interpayer.identity.index.codec import FORM
from interpayer.identity.index.copying import copy_packed
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection
from interpayer.system.first_read import Read, read

# The row that counts the members themselves.
EVERYBODY = "member"

_PAIR = struct.Struct(">hiqiq")

# One round trip: the members under each key, those members, and the state of the index with whether a person ever
# decided about one of the requests. Of a key that too many share nobody is read, unless it is an id.
_NEAR = Read(
    b"identity.near",
    b"""
with found as materialized (
    select a.place, a.is_id,
           array(select member_no from identity.block where hash = a.hash limit $3::text::bigint) as members
      from unnest($1::text::bigint[], $2::text::boolean[]) with ordinality a (hash, is_id, place))
select place, members, null::text as member_id, null::text as person_id, null::bytea as standard
  from found where members <> '{}'
 union all
select member_no, null, member_id, person_id, standard from identity.member
 where member_no = any (array(
       select unnest(members) from found where is_id or cardinality(members) < $3::text::bigint))
 union all
select revision, null, form, exists (
       select from identity.judgement
        where kind = 'request' and subject = any ($4::text::text[]) and superseded_at is null)::text, null
  from identity.index_state
""",
)

# For thousands of requests at once the keys are looked up in one sweep of the index, and the members in another.
_UNDER = """
select hash, member_no, number
  from (select hash, member_no, row_number() over (partition by hash order by member_no) as number
          from identity.block where hash = any(%s::text::bigint[])) b
 where number <= %s
"""
_RULED = """
select m.member_no, q.place
  from unnest(%s::text::text[]) with ordinality q (subject, place)
  join identity.judgement j on j.kind = 'request' and j.subject = q.subject and j.superseded_at is null
  join identity.member m on m.member_id = j.member_id
"""
_MEMBERS = """
select member_no, member_id, person_id, standard from identity.member where member_no = any(%s::text::bigint[])
 union all
select null, form, revision::text, null from identity.index_state
"""


class Near(NamedTuple):
    """A member near some of the requests: `places` are those of the keys asked for, below zero those of rulings."""

    member_id: str
    person_id: str
    standard: bytes
    places: list[int]


class Found(NamedTuple):
    """Who is near, the places of keys that were skipped because too many share them, and the counts in force."""

    near: list[Near]
    skipped: list[int]
    revision: int


def find_near(
    conn: Connection, hashes: Sequence[int], are_ids: Sequence[bool], fingerprints: Sequence[str], *, largest: int
) -> Found:
    """Everybody worth comparing, for one request or thousands. Places count from 1.

    Fault `system.index_stale` when the index is of another form than this program reads.
    """
    flags = ["ft"[is_id] for is_id in are_ids]
    values = [_array(hashes), _array(flags), str(largest + 1), _array(fingerprints)]
    places: dict[int, list[int]] = defaultdict(list)
    skipped: list[int] = []
    members: list[tuple[int, bytes, bytes, bytes]] = []
    revision, is_ruled = 0, b"false"
    for cell, under, name, person, form in read(conn, _NEAR, values):
        number = int.from_bytes(cell)
        if form is not None:
            members.append((number, name, person, form))
        elif under is None:
            revision, is_ruled = _revision((name.decode(), number)), person
        elif len(numbers := _numbers(under)) <= largest or are_ids[number - 1]:
            for one in numbers:
                places[one].append(number)
        else:
            skipped.append(number)
    if is_ruled == b"true":
        return members_at(conn, places, skipped, fingerprints)
    near = [Near(name.decode(), person.decode(), form, places[number]) for number, name, person, form in members]
    return Found(near, skipped, revision)


def sweep_near(
    conn: Connection, hashes: Sequence[int], are_ids: Sequence[bool], fingerprints: Sequence[str], *, largest: int
) -> Found:
    """As `find_near`, quicker for thousands of requests and slower for one."""
    asked: dict[int, list[int]] = defaultdict(list)
    for place, hashed in enumerate(hashes, start=1):
        asked[hashed].append(place)
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        rows = cursor.execute(_UNDER, [_array(sorted(asked)), largest + 1]).fetchall()
        crowded = {hashed for hashed, _, size in rows if size > largest and not are_ids[asked[hashed][0] - 1]}
        near: dict[int, list[int]] = defaultdict(list)
        for hashed, number, _ in rows:
            if hashed not in crowded:
                near[number] += asked[hashed]
    skipped = [place for hashed in crowded for place in asked[hashed]]
    return members_at(conn, near, skipped, fingerprints)


def members_at(conn: Connection, near: dict[int, list[int]], skipped: list[int], fingerprints: Sequence[str]) -> Found:
    """The members by number with the places they are near to, and whom a person named for the requests."""
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        for number, place in cursor.execute(_RULED, [_array(fingerprints)]).fetchall() if fingerprints else ():
            near.setdefault(number, []).append(-place)
        rows = cursor.execute(_MEMBERS, [_array(sorted(near))]).fetchall()
    revision = next((_revision(row[1:]) for row in rows if row[0] is None), 0)
    members = [Near(m, p, form, near[number]) for number, m, p, form in rows if number is not None]
    return Found(members, skipped, revision)


def copy_blocks(conn: Connection, file: IO[bytes]) -> int:
    """Write all (hash, member number) pairs as CSV, as they are at one moment; the revision in force."""
    row = state(conn)
    with conn.cursor() as cursor, cursor.copy("copy identity.block (hash, member_no) to stdout (format csv)") as copy:
        for part in copy:
            file.write(part)
    return _revision((row["form"], row["revision"])) if row else 0


def any_rulings(conn: Connection) -> bool:
    """Whether a person ever decided about a request, and it stands."""
    query = "select 1 from identity.judgement where kind = 'request' and superseded_at is null limit 1"
    return conn.execute(query).fetchone() is not None


def members_under(conn: Connection, hashed: int) -> list[str]:
    """The members under one key, in the order of their ids."""
    query = "select m.member_id from identity.block b join identity.member m using (member_no) where b.hash = %s"
    return sorted(row["member_id"] for row in conn.execute(query, [hashed]))


def members_by_key(conn: Connection, hashes: Sequence[int]) -> dict[int, list[str]]:
    """The members under each key that anybody has."""
    query = """
        select b.hash, array_agg(m.member_id order by m.member_no) as members
          from identity.block b join identity.member m using (member_no) where b.hash = any(%s) group by 1
        """
    return {row["hash"]: row["members"] for row in conn.execute(query, [hashes])}


def people_of(conn: Connection, member_ids: Sequence[str]) -> dict[str, str]:
    """The person of each member."""
    query = "select member_id, person_id from identity.member where member_id = any(%s)"
    return {row["member_id"]: row["person_id"] for row in conn.execute(query, [member_ids])}


def new_numbers(conn: Connection, count: int) -> list[int]:
    """So many fresh member numbers."""
    query = "select number from identity.new_member_numbers(%s) n (number)"
    return [row["number"] for row in conn.execute(query, [count])]


def write_blocks(conn: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Keep (hash, member number) pairs that are not kept yet; sorted, so that the index grows in one sweep."""
    packed = [_PAIR.pack(2, 8, hashed, 8, number) for hashed, number in sorted(pairs)]
    copy_packed(conn, b"copy identity.block (hash, member_no) from stdin (format binary)", packed)


def remove_blocks(conn: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Take (hash, member number) pairs out."""
    if not pairs:
        return
    hashes, numbers = (list(column) for column in zip(*pairs, strict=True))
    conn.execute(
        """
        delete from identity.block b using unnest(%s::bigint[], %s::bigint[]) r (hash, member_no)
         where b.hash = r.hash and b.member_no = r.member_no
        """,
        [hashes, numbers],
    )


def add_counts(conn: Connection, counts: Mapping[tuple[str, int], int]) -> None:
    """Add to the numbers of members who carry a value; always in one order, so that two who add never cross."""
    rows = sorted((field, hashed, number) for (field, hashed), number in counts.items() if number)
    if not rows:
        return
    conn.execute(
        """
        insert into identity.frequency as f (field, hash, members)
        select * from unnest(%s::text[], %s::bigint[], %s::bigint[])
        on conflict (field, hash) do update set members = f.members + excluded.members
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def read_counts(conn: Connection, *, at_least: int) -> list[tuple[str, int, int]]:
    """(field, hash, members) of the values that are not rare, as published."""
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        query = "select field, hash, published from identity.frequency where published >= %s"
        return cursor.execute(query, [at_least]).fetchall()


def publish(conn: Connection) -> int:
    """Let the counts be used as they are now; the revision in force. Small growth changes nothing: decisions stay."""
    conn.execute("insert into identity.index_state (form) values (%s) on conflict do nothing", [FORM])
    row = conn.execute(
        """
        update identity.index_state s set revision = revision + 1, members = f.members, made_at = now()
          from identity.frequency f
         where f.field = %s and f.hash = 0 and abs(f.members - s.members) * 20 > s.members
        returning revision
        """,
        [EVERYBODY],
    ).fetchone()
    if row is not None:
        conn.execute("update identity.frequency set published = members where published <> members")
    row = row or conn.execute("select revision from identity.index_state").fetchone()
    return int(row["revision"]) if row else 0


def begin_counting(conn: Connection) -> bool:
    """Note that members come in whose values are counted at the end only; whether an earlier run never ended."""
    conn.execute("insert into identity.index_state (form) values (%s) on conflict do nothing", [FORM])
    before = conn.execute("select counting from identity.index_state for update").fetchone()
    conn.execute("update identity.index_state set counting = true")
    return bool(before and before["counting"])


def end_counting(conn: Connection) -> None:
    """Note that every member's values are counted."""
    conn.execute("update identity.index_state set counting = false")


def state(conn: Connection) -> dict[str, Any] | None:
    """The row of the index; None before anybody was loaded."""
    return conn.execute("select form, revision, members, counting, made_at from identity.index_state").fetchone()


def _array(values: Iterable[object]) -> str:
    """An array as text: the driver would take far longer to write it."""
    return f"{{{','.join(map(str, values))}}}"


def _numbers(array: bytes) -> tuple[int, ...]:
    """An array of bigint in PostgreSQL's binary form: a header of 20 bytes, then each number behind its length."""
    return struct.unpack(f">20x{'4xq' * ((len(array) - 20) // 12)}", array)


def _revision(row: Sequence[Any]) -> int:
    if row[0] != FORM:
        raise Fault(FaultKind.CONDITIONAL, "system.index_stale")
    return int(row[1])
