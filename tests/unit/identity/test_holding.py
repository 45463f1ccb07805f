"""What a new row of the enrollment feed does to what is held of a member."""

from dataclasses import replace

import orjson

from interpayer.identity.holding import Change, as_document, from_document, merge
from interpayer.model.member import Name
from tests.support.people import a_coverage, a_person, a_row


def held(row=None):
    return merge(None, row or a_row()).profile


def test_a_first_row_is_new_and_the_same_row_changes_nothing():
    first = merge(None, a_row())
    again = merge(first.profile, a_row(as_of="2026-12-01"))
    assert (first.change, again.change) == (Change.NEW, Change.UNCHANGED)
    assert again.profile.demographics == first.profile.demographics


def test_a_new_name_keeps_the_former_one_with_its_end():
    merged = merge(held(), a_row(a_person(family="Hollister"), as_of="2026-12-01"))
    assert merged.change is Change.CHANGED
    assert [(n.family, str(n.used_until)) for n in merged.profile.demographics.names] == [
        ("Hollister", "None"),
        ("Horton", "2026-12-01"),
    ]


def test_a_move_keeps_the_former_address_and_coming_back_does_not_double_it():
    moved = merge(held(), a_row(a_person(address=("1 Oak St", "43001")), as_of="2026-12-01"))
    back = merge(moved.profile, a_row(as_of="2027-01-01"))
    assert [a.postal_code for a in moved.profile.demographics.addresses] == ["43001", "53259"]
    assert [a.postal_code for a in back.profile.demographics.addresses] == ["53259", "43001"]


def test_a_corrected_birth_date_is_a_correction():
    merged = merge(held(), a_row(a_person(born="1953-02-18"), as_of="2026-12-01"))
    assert merged.change is Change.CORRECTED
    assert str(merged.profile.demographics.birth_date) == "1953-02-18"


def test_a_number_given_to_another_person_is_refused_and_nothing_is_overwritten():
    before = held()
    merged = merge(before, a_row(a_person("Jeanette", family="Browning", born="1977-01-30"), as_of="2026-12-01"))
    assert (merged.change, merged.reason) == (Change.REFUSED, "identity.conflict_birth_date")
    assert merged.profile == before


def test_an_older_row_changes_no_facts_but_may_add_a_coverage():
    before = held(a_row(as_of="2026-11-01"))
    late = a_row(a_person(family="Old"), a_coverage(starts="2010-01-01"), as_of="2026-01-01")
    merged = merge(before, late)
    assert merged.reason == "source.stale"
    assert merged.profile.demographics == before.demographics
    assert len(merged.profile.coverages) == 2
    assert merge(merged.profile, late).change is Change.UNCHANGED


def test_the_end_of_a_coverage_is_taken_over():
    first = held(a_row(coverage=a_coverage(starts="2020-01-01")))
    merged = merge(first, a_row(coverage=a_coverage(starts="2020-01-01", ends="2026-10-31"), as_of="2026-12-01"))
    assert merged.change is Change.CHANGED
    assert [str(c.ends_on) for c in merged.profile.coverages] == ["2026-10-31"]


def test_a_profile_survives_its_json_form():
    person = replace(a_person("José", ssn4="7453", phone="5029106268"), emails=("a@b.example",))
    profile = held(a_row(replace(person, names=(*person.names, Name("Old", ("José",), used_until=None)))))
    assert from_document(orjson.loads(orjson.dumps(as_document(profile)))) == profile
