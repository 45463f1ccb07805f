"""The answer of a bulk match: what one payer writes, the other reads."""

import pytest

from interpayer.exchange.match_answer import Submitted, read_groups, write_group, write_parameters
from tests.unit.exchange.test_member_bundle import a_coverage, a_patient

PAYER = {"identifier": "http://example.org/naic|12345", "name": "Old plan"}


def a_group(kind: str, *submitted: Submitted, group_id: str = "b-1"):
    return write_group(group_id, kind, submitted, payer=PAYER, caller="payer-b", at="2026-11-21T10:00:00Z")


def submitted(patient_id: str, member_id: str | None = None) -> Submitted:
    return Submitted(a_patient(id=patient_id), a_coverage(), member_id)


def test_each_outcome_is_read_back_for_the_id_under_which_it_was_sent():
    groups = [
        a_group("match", submitted("x-1", "m-1"), group_id="b-1"),
        a_group("nomatch", submitted("x-2"), group_id="b-2"),
        a_group("consentconstraint", submitted("x-3"), group_id="b-3"),
    ]
    found = {o.submitted_id: (o.kind, o.partner_member, o.group_id) for o in read_groups(groups)}
    assert found == {
        "x-1": ("match", "m-1", "b-1"),
        "x-2": ("nomatch", None, "b-2"),
        "x-3": ("consentconstraint", None, "b-3"),
    }
    assert {o.submitted_id for o in read_groups([write_parameters(groups)])} == {"x-1", "x-2", "x-3"}


def test_the_contained_patient_is_the_submitted_one_less_what_a_contained_one_must_not_have():
    patient = a_patient(
        text={"div": "x"},
        contained=[{"id": "c"}],
        meta={"lastUpdated": "2026-01-01T00:00:00Z", "profile": ["http://p"]},
    )
    group = a_group("nomatch", Submitted(patient, a_coverage()))
    copy = group["contained"][0]
    assert copy == {**a_patient(), "meta": {"profile": ["http://p"]}}


def test_patients_with_one_id_stay_apart():
    group = a_group("match", submitted("same", "m-1"), submitted("same", "m-2"))
    ids = [c["id"] for c in group["contained"]]
    assert len(ids) == len(set(ids)) == 4
    assert [m["entity"]["reference"] for m in group["member"]] == ["Patient/m-1", "Patient/m-2"]


def test_an_empty_group_has_no_members_and_says_who_asked():
    group = a_group("match")
    assert "member" not in group
    assert group["quantity"] == 0
    assert group["managingEntity"]["identifier"] == {"system": "http://example.org/naic", "value": "12345"}
    assert group["characteristic"][0]["valueReference"]["identifier"] == {"value": "payer-b"}


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Group", "code": {"coding": [{"code": "other"}]}},
        {
            "resourceType": "Group",
            "code": {"coding": [{"code": "match"}]},
            "member": [{"entity": {"reference": "Patient/1"}}],
        },
        {"resourceType": "Parameters"},
    ],
)
def test_what_cannot_be_read_is_left_out(odd):
    assert read_groups([odd]) == []
