"""What cannot be decided, asked of the resolver with members at hand: nobody is named, and what is missing is said.

Susan Horton, her husband Jim and a stranger are members. Each row: what is asked, state, reason, what to supply.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.resolve import Query, Resolver, default_tables, resolve_member
from interpayer.model.match import Disposition
from interpayer.model.member import Address, Demographics, Name
from interpayer.system.database import Connection
from interpayer.system.keys import Vault
from tests.support.databases import DatabaseServer
from tests.support.people import PAYER, a_coverage, a_person, a_query, a_row

VAULT = Vault(b"k" * 32, "test")
RESOLVER = Resolver(VAULT, default_tables())
CARD = a_coverage()
NOBODY = Demographics(names=(), birth_date=None)
SUSAN, NAME, BORN = a_person(), (Name("Horton", ("Susan",)),), date(1953, 2, 17)
ZIP = (Address(postal_code="53259"),)
LONG = "Horton" * 1700
EVERYTHING = ("given_name", "family_name", "birth_date", "member_id")


def susan(**changes: object) -> Demographics:
    return replace(SUSAN, **changes)  # type: ignore[arg-type]


def named(family: str, *given: str) -> Demographics:
    return susan(names=(Name(family, given or ("Susan",)),))


SPEC: list[tuple[str, Query, str, str | None, tuple[str, ...]]] = [
    # what is asked · the query · state · reason (None: any) · what is said to be missing
    ("nothing at all", a_query(NOBODY), "none", "insufficient", EVERYTHING),
    ("only a ZIP", a_query(replace(NOBODY, addresses=ZIP)), "none", "insufficient", EVERYTHING),
    ("only a ZIP and a sex", a_query(replace(NOBODY, addresses=ZIP, sex="female")), "none", "insufficient", EVERYTHING),
    ("only a name", a_query(replace(NOBODY, names=NAME)), "none", "insufficient", ("birth_date", "member_id")),
    ("a name and a ZIP", a_query(replace(NOBODY, names=NAME, addresses=ZIP)), "none", "insufficient", EVERYTHING[2:]),
    ("only a birth date", a_query(replace(NOBODY, birth_date=BORN)), "none", "insufficient",
     ("given_name", "family_name", "member_id")),
    ("only her number", a_query(NOBODY, a_coverage(subscriber_id=None)), "none", "insufficient", EVERYTHING[:3]),
    ("empty names", a_query(replace(NOBODY, names=(Name("", ("",)), Name(" ", (" ",))))), "none", "insufficient",
     EVERYTHING),
    ("fillers for all", a_query(replace(NOBODY, names=(Name("UNKNOWN", ("BABY GIRL",)),), birth_date=date(1900, 1, 1)),
     a_coverage("000000000", subscriber_id="999999999")), "none", "insufficient", EVERYTHING),
    # what nobody's record can hold: named, and not looked at, also where the rest would do
    ("a family name of 10,000 characters", a_query(named(LONG), CARD), "none", "insufficient", ("family_name",)),
    ("a given name of 10,000 characters", a_query(named("Horton", LONG), CARD), "none", "insufficient",
     ("given_name",)),
    ("a street of 10,000 characters", a_query(susan(addresses=(Address(line=LONG, postal_code="53259"),)), CARD),
     "none", "insufficient", ("address",)),
    ("a number of 10,000 characters", a_query(SUSAN, a_coverage("W" * 10_000)), "none", "insufficient",
     ("member_id",)),
    ("a thousand names", a_query(susan(names=NAME * 1000), CARD), "none", "insufficient", ("family_name",)),
    ("one Cyrillic letter in her name", a_query(named("H\u043erton"), CARD), "none", "insufficient", ("family_name",)),
    ("a control character", a_query(named("Hor\x00ton"), CARD), "none", "insufficient", ("family_name",)),
    # what is missing is never equal
    ("not born yet, the rest is hers", a_query(susan(birth_date=date(2953, 2, 17)), CARD), "review", None, ()),
    ("her name in letters we cannot compare", a_query(named("\u0425\u043e\u0440\u0442\u043e\u043d", "\u0421"), CARD),
     "review", None, ()),
    # and what is merely unusual is no obstacle
    ("in wide letters", a_query(named("\uff28\uff4f\uff52\uff54\uff4f\uff4e"), CARD), "certain", "certain", ()),
    ("her name with a tab and spaces", a_query(named(" Horton\t"), CARD), "certain", "certain", ()),
]  # fmt: skip


@pytest.fixture(scope="module")
def members(database_server: DatabaseServer) -> Iterator[Connection]:
    """A connection of the door to a database with the three."""
    database = database_server.create()
    rows = [
        a_row(),
        a_row(a_person("Jim", born="1951-05-05", sex="male"), a_coverage("W255048371-01"), row=2),
        a_row(a_person("Noah", family="Stone", born="2001-01-02", address=None), a_coverage("X1-00"), row=3),
    ]
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, rows)
    with database.door.transaction() as conn:
        yield conn
    database_server.drop(database)


@pytest.mark.parametrize(("what", "query", "state", "reason", "missing"), SPEC, ids=[row[0] for row in SPEC])
def test_the_resolver_is_asked(
    members: Connection, what: str, query: Query, state: str, reason: str | None, missing: tuple[str, ...]
) -> None:
    match = RESOLVER.resolve(members, query)
    assert match.disposition.value == state, what
    assert reason is None or match.reason == f"identity.{reason}", what
    assert set(missing) <= set(match.missing), what
    assert (match.member_id is not None) is (match.disposition is Disposition.CERTAIN)
    if match.reason == "identity.insufficient":
        assert match.missing == missing, "exactly what to supply or correct"
        assert match.candidates == (), "nobody was looked at"


def test_one_and_many_and_the_plain_call_decide_alike(members: Connection) -> None:
    queries = [query for _, query, *_ in SPEC]
    many = RESOLVER.resolve_many(members, queries)
    said = [(match.disposition, match.reason, match.member_id, match.missing) for match in many]
    for query, expected in zip(queries, said, strict=True):
        plain = resolve_member(members, VAULT, query, purpose="payer_to_payer")
        assert (plain.disposition, plain.reason, plain.member_id, plain.missing) == expected


@pytest.mark.parametrize("spoiled", ["names", "addresses", "phones", "emails"])
def test_what_is_too_long_costs_no_time(members: Connection, spoiled: str) -> None:
    """A field of a million characters is refused before anything is compared with it."""
    huge = "x" * 1_000_000
    values = {"names": (Name(huge, (huge,)),), "addresses": (Address(line=huge),), "phones": (huge,), "emails": (huge,)}
    match = RESOLVER.resolve(members, a_query(susan(**{spoiled: values[spoiled]}), CARD, PAYER))
    assert match.reason == "identity.insufficient"
