"""Every id that names a person: inside its issuer and its time, with source, confidence and judge."""

from datetime import date

import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, UniqueViolation

from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.graph import Grounds, merge_members
from interpayer.identity.people.ids import NewLink, accept_id, end_id, ids_of, meet_id, members_named
from interpayer.identity.store import find_member, link_identifier, link_patients, patient_links
from interpayer.model.match import Disposition, Match
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.system.keys import Vault
from tests.support.people import PAYER, a_coverage, a_person, a_row

VAULT = Vault(b"k" * 32, "test")
ANN = Grounds("Ann", "other_payer_confirmed", confidence=0.95, since=date(2024, 1, 1))
BOB = Grounds("Bob", "typing_error")
THEIRS = Identifier(IdKind.PATIENT, "pat-77", "https://other.example/fhir")


@pytest.fixture
def members(database):
    """Susan with an old and a new card, and Jim."""
    old = a_coverage("W100-00", starts="2019-01-01", ends="2022-12-31")
    new = a_coverage("W100-00", starts="2023-01-01", plan="gold")
    jim = a_coverage("W200-00")
    rows = [a_row(coverage=old), a_row(coverage=new, row=2), a_row(a_person("Jim", born="1951-05-05"), jim, row=3)]
    with database.operator.transaction() as conn:
        outcomes = upsert_enrollments(conn, VAULT, rows)
    return outcomes[0].member_id, outcomes[2].member_id


@pytest.fixture
def conn(database, members):
    with database.operator.transaction() as conn:
        yield conn


def told(conn, member, **more):
    return {(i.kind, i.value, i.effective_from, i.state) for i in ids_of(conn, VAULT, member, **more)}


def test_ids_of_ours_and_of_every_card_with_its_time(conn, members):
    susan, _ = members
    found = told(conn, susan)
    assert ("internal", susan, None, "current") in found
    assert {("MB", "W100-00", date(2019, 1, 1), "historical"), ("MB", "W100-00", date(2023, 1, 1), "current")} < found
    assert ("MB", "W100-00", date(2019, 1, 1), "current") in told(conn, susan, on=date(2020, 5, 5))
    assert [i.kind for i in ids_of(conn, VAULT, susan)].count("UMB") == 1
    assert all(i.issuer == PAYER for i in ids_of(conn, VAULT, susan) if i.kind in ("MB", "subscriber"))


def test_a_link_says_where_it_came_from_how_sure_it_is_and_who_judged(conn, members):
    susan, _ = members
    accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    (found,) = [i for i in ids_of(conn, VAULT, susan) if i.kind == "patient"]
    assert (found.value, found.issuer, found.source) == ("pat-77", THEIRS.issuer, "person")
    assert (found.judged_by, found.why, found.effective_from) == ("Ann", "other_payer_confirmed", date(2024, 1, 1))
    assert found.confidence == pytest.approx(0.95)
    assert find_member(conn, VAULT, THEIRS) == [susan]


def test_a_persons_ids_are_those_of_all_their_members(conn, members):
    susan, jim = members
    accept_id(conn, VAULT, NewLink(jim, THEIRS, ANN))
    merge_members(conn, jim, susan, grounds=ANN)
    assert {i.member_id for i in ids_of(conn, VAULT, susan)} == {susan, jim}
    assert "pat-77" in {i.value for i in ids_of(conn, VAULT, susan)}


def test_an_id_means_one_member_at_a_time(conn, members):
    susan, jim = members
    accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    with pytest.raises(Refusal, match=r"record\.conflict"):
        accept_id(conn, VAULT, NewLink(jim, THEIRS, ANN))
    ended = end_id(conn, VAULT, THEIRS, grounds=BOB, ended_on=date(2025, 6, 30))
    assert ended.member_id == susan
    accept_id(conn, VAULT, NewLink(jim, THEIRS, ANN))
    assert members_named(conn, VAULT, THEIRS) == [(jim, "current"), (susan, "historical")]
    (was,) = [i for i in ids_of(conn, VAULT, susan, on=date(2025, 1, 1)) if i.kind == "patient"]
    assert (was.state, was.superseded_by) == ("current", "Bob"), "it was hers in its time"


def test_a_link_that_was_never_true_is_wrong_and_stays_readable(conn, members):
    susan, _ = members
    accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    end_id(conn, VAULT, THEIRS, grounds=BOB)
    (found,) = [i for i in ids_of(conn, VAULT, susan) if i.kind == "patient"]
    assert (found.state, found.superseded_why, found.value) == ("wrong", "typing_error", "pat-77")
    assert find_member(conn, VAULT, THEIRS) == []
    with pytest.raises(Refusal, match=r"request\.not_found"):
        end_id(conn, VAULT, THEIRS, grounds=BOB)


def test_loads_keep_the_id_and_its_source(conn, members):
    susan, jim = members
    assert link_patients(conn, VAULT, "files", {"p-1": susan, "p-2": jim}) == []
    assert link_patients(conn, VAULT, "files", {"p-1": jim}) == ["p-1"]
    link_identifier(conn, VAULT, susan, identifier=Identifier(IdKind.OTHER, "crm-5", "crm"), source="crm feed")
    found = {(i.kind, i.value, i.issuer, i.source) for i in ids_of(conn, VAULT, susan)}
    assert {("patient", "p-1", "files", "files"), ("other", "crm-5", "crm", "crm feed")} < found
    assert patient_links(conn, VAULT, "files", ["p-1", "p-2"]) == {"p-1": susan, "p-2": jim}


def test_a_value_lies_nowhere_in_the_open(conn, members):
    accept_id(conn, VAULT, NewLink(members[0], THEIRS, ANN))
    rows = conn.execute("select to_jsonb(l)::text as row, encode(sealed, 'escape') as sealed from identity.link l")
    kept = str(rows.fetchall())
    assert THEIRS.value not in kept
    assert "W100" not in kept


def came_back(member):
    return Match(Disposition.CERTAIN, "identity.certain", member, "e-1", "V1", "r-1")


def test_who_came_back_for_certain_is_known_by_their_id_from_then_on(conn, members):
    susan, jim = members
    assert meet_id(conn, VAULT, came_back(susan), THEIRS).member_id == susan
    assert meet_id(conn, VAULT, came_back(susan), THEIRS).member_id == susan
    (found,) = [i for i in ids_of(conn, VAULT, susan) if i.kind == "patient"]
    assert (found.value, found.source, found.judged_by) == ("pat-77", "exchange", "resolver")
    other = meet_id(conn, VAULT, came_back(jim), THEIRS)
    assert (other.disposition, other.reason, other.member_id) == (Disposition.REVIEW, "identity.ambiguous", None)
    merge_members(conn, jim, susan, grounds=ANN)
    assert meet_id(conn, VAULT, came_back(jim), THEIRS).member_id == jim


def test_an_id_that_a_person_took_back_does_not_come_again_by_itself(conn, members):
    susan, jim = members
    accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    end_id(conn, VAULT, THEIRS, grounds=BOB)
    assert meet_id(conn, VAULT, came_back(susan), THEIRS).disposition is Disposition.REVIEW
    assert find_member(conn, VAULT, THEIRS) == []
    assert meet_id(conn, VAULT, came_back(jim), THEIRS).member_id == jim


def test_an_id_says_nothing_where_nobody_is_certain(conn, members):
    doubtful = Match(Disposition.REVIEW, "identity.weak", None, "e-1", None, "r-1")
    assert meet_id(conn, VAULT, doubtful, THEIRS) is doubtful
    assert members_named(conn, VAULT, THEIRS) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("insert into identity.link (kind, hash, member_id, source) select kind, hash, %s, 'x' from identity.link"
         " where kind = 'patient'", UniqueViolation),
        ("update identity.link set member_id = %s", InsufficientPrivilege),
        ("insert into identity.link (kind, hash, member_id, source, confidence) values ('patient', 'h', %s, 'x', 1.5)",
         CheckViolation),
    ],
    ids=["a second accepted link", "another member", "more than sure"],
)  # fmt: skip
def test_the_database_refuses(database, members, change, error):
    susan, jim = members
    with database.operator.transaction() as conn:
        accept_id(conn, VAULT, NewLink(susan, THEIRS, ANN))
    with pytest.raises(error), database.operator.transaction() as conn:
        conn.execute(change, [jim])


def test_an_unknown_member_has_no_graph(conn, members):
    with pytest.raises(Refusal, match=r"request\.not_found"):
        ids_of(conn, VAULT, "m-none")
