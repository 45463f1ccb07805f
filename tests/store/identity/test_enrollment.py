"""Enrollment rows become members: twice is once, corrections are seen, history is kept."""

from datetime import date

import pytest

from interpayer.identity.enrollment import patient_identifier, upsert_enrollments
from interpayer.identity.graph import link_members, person_members, unlink_member
from interpayer.identity.store import (
    coverages,
    covered_on,
    demographics,
    find_member,
    link_identifier,
    link_patients,
    patient_links,
    unique_member_identifier,
    unique_member_identifiers,
)
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.system.database import DatabaseError
from interpayer.system.keys import Vault
from tests.support.people import PAYER, a_coverage, a_person, a_row

VAULT = Vault(b"k" * 32, "test")


def load(database, *rows):
    with database.operator.transaction() as conn:
        return upsert_enrollments(conn, VAULT, rows)


def test_the_same_rows_twice_change_nothing(database):
    rows = [a_row(), a_row(a_person("Jim", born="1951-05-05"), a_coverage("W255048371-01"), row=2)]
    first, second = load(database, *rows), load(database, *rows)
    assert [o.change for o in first] == ["new", "new"]
    assert [o.change for o in second] == ["unchanged", "unchanged"]
    assert [o.member_id for o in first] == [o.member_id for o in second]


def test_one_member_twice_in_one_file_is_one_member(database):
    outcomes = load(database, a_row(), a_row(coverage=a_coverage("W25504837100", starts="2020-01-01"), row=2))
    assert [o.change for o in outcomes] == ["new", "changed"]
    assert len({o.member_id for o in outcomes}) == 1


@pytest.mark.parametrize("row", [a_row(a_person(born=None)), a_row(coverage=a_coverage(None))])
def test_a_row_that_names_nobody_is_refused_and_the_others_go_on(database, row):
    outcomes = load(database, row, a_row(row=2))
    assert [(o.change, o.reason) for o in outcomes] == [("refused", "record.invalid"), ("new", None)]


def test_history_corrections_and_coverage_periods(database):
    member_id = load(database, a_row(coverage=a_coverage(starts="2020-01-01")))[0].member_id
    ended = a_coverage(starts="2020-01-01", ends="2026-10-31")
    assert load(database, a_row(a_person(family="Hollister"), ended, as_of="2026-12-01"))[0].change == "changed"
    with database.door.transaction() as conn:
        assert [n.family for n in demographics(conn, VAULT, member_id).names] == ["Hollister", "Horton"]
        assert [c.ends_on for c in coverages(conn, VAULT, member_id)] == [date(2026, 10, 31)]
        assert covered_on(conn, member_id, date(2026, 10, 31))
        assert not covered_on(conn, member_id, date(2026, 11, 1))
        assert not covered_on(conn, member_id, date(2019, 12, 31))


def test_a_reused_number_is_refused(database):
    load(database, a_row())
    other = a_row(a_person("Jeanette", family="Browning", born="1977-01-30"), as_of="2026-12-01")
    assert [(o.change, o.reason) for o in load(database, other)] == [("refused", "identity.conflict_birth_date")]


def test_ids_find_the_member_inside_their_namespace(database):
    member_id = load(database, a_row())[0].member_id
    with database.door.transaction() as conn:
        umb = unique_member_identifier(conn, member_id)
        assert find_member(conn, VAULT, Identifier(IdKind.MEMBER, "w25504837100", PAYER)) == [member_id]
        assert find_member(conn, VAULT, Identifier(IdKind.SUBSCRIBER, "W255048371", PAYER)) == [member_id]
        assert find_member(conn, VAULT, Identifier(IdKind.MEMBER, "W25504837100", "other")) == []
        assert find_member(conn, VAULT, Identifier(IdKind.UNIQUE_MEMBER, umb)) == [member_id]
        assert unique_member_identifiers(conn, [member_id, "m-no"]) == {member_id: umb}
        with pytest.raises(Refusal):
            unique_member_identifier(conn, "m-no")


def test_the_unique_id_stays_when_the_member_changes(database):
    member_id = load(database, a_row())[0].member_id
    with database.door.transaction() as conn:
        before = unique_member_identifier(conn, member_id)
    load(database, a_row(a_person(family="Hollister"), as_of="2026-12-01"))
    with database.door.transaction() as conn:
        assert unique_member_identifier(conn, member_id) == before


def test_a_patient_id_is_one_member_only(database):
    one, two = (
        o.member_id for o in load(database, a_row(), a_row(a_person("Jim"), a_coverage("W255048371-01"), row=2))
    )
    with database.operator.transaction() as conn:
        assert link_patients(conn, VAULT, "files", {"p1": one, "p2": two}) == []
        assert link_patients(conn, VAULT, "files", {"p1": one, "p2": one}) == ["p2"]
        assert patient_links(conn, VAULT, "files", ["p1", "p2", "p3"]) == {"p1": one, "p2": two}
        assert patient_links(conn, VAULT, "elsewhere", ["p1"]) == {}
        with pytest.raises(Refusal) as refused:
            link_identifier(conn, VAULT, two, identifier=Identifier(IdKind.PATIENT, "p1", "files"), source="files")
        assert refused.value.reason == "record.conflict"


def test_the_database_itself_refuses_a_second_accepted_link(database):
    one, two = (
        o.member_id for o in load(database, a_row(), a_row(a_person("Jim"), a_coverage("W255048371-01"), row=2))
    )
    with database.operator.transaction() as conn:
        link_patients(conn, VAULT, "files", {"p1": one})
    with pytest.raises(DatabaseError), database.operator.transaction() as conn:
        conn.execute(
            "insert into identity.link (kind, hash, member_id, source) "
            "select kind, hash, %s, source from identity.link where kind = 'patient'",
            [two],
        )


def test_a_file_without_member_ids_is_anchored_by_its_patient_id(database):
    person = a_person(identifiers=(patient_identifier("files", "p9"),))
    row = a_row(person, a_coverage(None, subscriber_id=None))
    first, second = load(database, row), load(database, row)
    assert [(o.change, o.member_id) for o in second] == [("unchanged", first[0].member_id)]
    with database.door.transaction() as conn:
        assert patient_links(conn, VAULT, "files", ["p9"]) == {"p9": first[0].member_id}


def test_members_become_one_person_and_part_again(database):
    one, two = (o.member_id for o in load(database, a_row(), a_row(coverage=a_coverage("W999888777-00"), row=2)))
    with database.operator.transaction() as conn:
        link_members(conn, two, one, person="Ann", reason="enrolled twice")
        assert person_members(conn, [two]) == {two: tuple(sorted((one, two)))}
        with pytest.raises(Refusal):
            unlink_member(conn, one, person="Ann", reason="survivor")
        unlink_member(conn, two, person="Ann", reason="two people after all")
        assert person_members(conn, [two]) == {two: (two,)}
        said = conn.execute(
            "select decision, superseded_at is null as holds from identity.judgement order by 1"
        ).fetchall()
    assert [(s["decision"], s["holds"]) for s in said] == [("different", True), ("same", False)]


def test_no_value_of_a_person_is_readable_in_the_database(database):
    load(database, a_row(a_person("Zebulon", family="Quackenbush", ssn4="7453")))
    with database.owner.transaction() as conn:
        for table in ("member", "key", "link", "coverage", "judgement", "review_case", "evidence"):
            dump = str(conn.execute(f"select t::text from identity.{table} t".encode()).fetchall()).upper()
            assert [v for v in ("ZEBULON", "QUACKENBUSH", "W255048371", "1953-02-17") if v in dump] == []
