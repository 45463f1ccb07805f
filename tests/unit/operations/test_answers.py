"""The internal rendering of an exchange: four facts apart, gaps with their kind, never a null that means something."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from interpayer.exchange.completeness import SourceAsked
from interpayer.model.exchange import State
from interpayer.operations.answer_words import answer_in_words
from interpayer.operations.answers import Found, is_finished, render, summary

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_row(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": "x-1", "role": "requester", "state": "completed", "reason": None, "answer": "complete",
        "correlation_id": "c-1", "partner_id": "p-1", "organization": "urn:payers|old", "member_id": "m-1",
        "consent_id": "k-1", "batch_id": "b-1", "standing_id": None, "case_id": None, "purpose": "quarterly",
        "priority": "normal", "basis": "opt_in", "follows": None, "supersedes": None,
        "window_from": date(2021, 11, 21), "window_to": None, "received_at": AT, "state_at": AT,
        "due_at": AT + timedelta(days=7), "give_up_at": AT + timedelta(days=30), "overdue_at": None, "details": {},
    }  # fmt: skip
    return {**given, **changes}


def event(name: str, minute: int) -> dict[str, Any]:
    return {"name": name, "at": f"2026-11-21T12:{minute:02}:00Z"}


def test_what_came_is_counted_by_type_and_by_arrival() -> None:
    received = {"Coverage": {"new": 1, "same": 1}, "Observation": {"new": 5}}
    told = render(Found(a_row(), AT, received=received))
    assert told["records"] == {"Coverage": 2, "Observation": 5}
    assert told["arrivals"] == {"new": 6, "same": 1}
    assert told["gaps"] == []


def test_the_source_is_the_partner_with_its_times() -> None:
    events = [event("exchange.received", 0), event("request.sent", 1), event("partner.answered", 3)]
    (source,) = render(Found(a_row(details={"as_of": "2026-11-20"}), AT, events=events))["sources"]
    assert (source["source"], source["state"]) == ("p-1", "answered")
    assert (source["asked_at"], source["answered_at"]) == ("2026-11-21T12:01:00Z", "2026-11-21T12:03:00Z")
    (asked,) = render(Found(a_row(answer=None), AT, events=events[:2]))["sources"]
    assert (asked["state"], asked["answered_at"]) == ("asked", None)
    assert render(Found(a_row(answer=None), AT))["sources"] == []


def test_what_could_not_be_taken_in_is_a_gap_with_its_kind() -> None:
    told = render(Found(a_row(), AT, quarantined={"record.unmapped": 2, "record.invalid": 1, "record.conflict": 4}))
    assert [(gap["kind"], gap["count"]) for gap in told["gaps"]] == [("invalid", 1), ("unmapped", 2)]
    assert told["conflicts"] == 4


def test_a_partial_answer_is_never_without_a_gap() -> None:
    (gap,) = render(Found(a_row(answer="partial"), AT))["gaps"]
    assert gap["kind"] == "unknown"


def test_a_responder_shows_what_went_out_and_what_was_withheld() -> None:
    details = {
        "released": {"job": "j-1", "records": 212, "digest": "abc"},
        "withheld": {"record.excluded_service_date": 3},
        "permission": {"verdict": "narrowed", "reason": "policy.narrowed", "consent": "k-2", "policy_version": "v"},
        "match": {"disposition": "certain", "rule": "D2", "evidence": "e-1", "rule_version": "d-1", "candidates": 1},
    }
    told = render(Found(a_row(role="responder", state="released", details=details), AT))
    assert told["receipt"] == {"job": "j-1", "member": {"count": 212, "digest": "abc"}}
    assert told["permission"]["withheld"] == [{"reason": "record.excluded_service_date", "count": 3}]
    assert (told["permission"]["decision"], told["permission"]["consent"]) == ("narrowed", "k-2")
    assert told["member"]["match"]["basis"] == "rule D2"
    assert told["sources"][0]["source"] == "records"


def test_what_to_supply_is_told_only_while_it_is_missing() -> None:
    details = {"supply": ["partner"]}
    incomplete = a_row(state="incomplete", reason="request.missing_payer", answer=None, details=details)
    told = render(Found(incomplete, AT))
    assert told["supply"] == ["partner"]
    assert told["remedy"]
    assert render(Found(a_row(details=details), AT))["supply"] == []


@pytest.mark.parametrize(
    ("changes", "is_overdue"),
    [
        ({"state": "queued"}, True),
        ({"state": "completed"}, False),
        ({"state": "released"}, False),
        ({"state": "completed", "overdue_at": AT}, True),
        ({"state": "queued", "due_at": AT + timedelta(days=9)}, False),
    ],
)
def test_the_clock_is_a_fact_of_its_own(changes: dict[str, Any], is_overdue: bool) -> None:
    told = summary(a_row(**changes), AT + timedelta(days=8))
    assert told["clock"]["is_overdue"] == is_overdue
    assert told["state"] == changes["state"]
    assert told["clock"]["received_at"] == "2026-11-21T12:00:00Z"


def test_only_final_states_are_finished() -> None:
    assert is_finished(a_row(state=State.EXPIRED.value))
    assert not is_finished(a_row(state=State.IN_REVIEW.value))
    assert not is_finished(a_row(state=State.ESCALATED.value))


def test_a_list_says_the_same_about_an_exchange_as_its_page() -> None:
    row = a_row()
    page = render(Found(row, AT))
    line = summary(row, AT)
    assert {name: page[name] for name in line if name != "member"} == {n: v for n, v in line.items() if n != "member"}
    assert page["member"]["id"] == line["member"]["id"]


ASKED = SourceAsked(
    "x-1", "ehr", "m-1", is_live=True, is_essential=True, state="late", reason="source.late", attempts=1
)
TOLD = {
    "sources": [
        {"source": "claims", "state": "answered", "essential": True, "types": {"ExplanationOfBenefit": 212},
         "data_as_of": "2026-11-21T03:00:00Z", "freshness": "fresh"},
        {"source": "ehr", "state": "late", "essential": True, "reason": "source.late", "types": {}},
    ],
    "gaps": [{"kind": "late", "source": "ehr", "reason": "source.late"}],
    "stale": 1,
}  # fmt: skip


def a_contradiction(kind: str = "Coverage", element: str = "period.end") -> dict[str, Any]:
    values = [{"value": "2025-12-31", "source": "834"}, {"value": "2026-01-31", "source": "claims"}]
    return {
        "record_id": "r-1", "type": kind, "element": element, "rule": "enrollment outranks claims",
        "rules_version": "precedence@1", "told": {"values": values, "chosen": "2025-12-31"},
    }  # fmt: skip


def an_answer(*contradictions: dict[str, Any], **more: Any) -> dict[str, Any]:
    row = a_row(role="responder", state="released", answer="partial", details=TOLD)
    return render(Found(row, AT, contradictions=contradictions, **more))


def test_each_source_is_told_with_what_it_said_and_what_came_since() -> None:
    later = replace(ASKED, state="answered", reason=None, types={"Condition": 2})
    told = an_answer(sources=[later])
    claims, ehr = told["sources"]
    assert claims["types"] == {"ExplanationOfBenefit": 212}
    assert (ehr["state"], ehr["since_then"]) == ("late", {"state": "answered", "types": {"Condition": 2}})
    assert (told["gaps"], told["stale"]) == (TOLD["gaps"], 1)


def test_before_there_is_an_answer_the_sources_stand_as_they_are_asked() -> None:
    row = a_row(role="responder", state="gathering", answer=None)
    (ehr,) = render(Found(row, AT, sources=[ASKED]))["sources"]
    assert (ehr["source"], ehr["state"]) == ("ehr", "late")


def test_a_contradiction_shows_both_values_and_the_rule() -> None:
    (conflict,) = an_answer(a_contradiction())["conflicting"]
    assert conflict["values"][1] == {"value": "2026-01-31", "source": "claims"}
    assert (conflict["chosen"], conflict["rule"]) == ("2025-12-31", "enrollment outranks claims")
    assert an_answer(a_contradiction())["conflicts"] == 1


@pytest.mark.parametrize(("kind", "element"), [("Patient", "birthDate"), ("Observation", "valueQuantity")])
def test_what_would_tell_of_a_person_is_masked(kind: str, element: str) -> None:
    (conflict,) = an_answer(a_contradiction(kind, element))["conflicting"]
    assert {v["value"] for v in conflict["values"]} | {conflict["chosen"]} == {"masked"}
    assert [v["source"] for v in conflict["values"]] == ["834", "claims"]


def test_the_answer_in_words() -> None:
    later = replace(ASKED, state="answered", reason=None)
    assert answer_in_words(an_answer(a_contradiction(), sources=[later])) == [
        "Partial: a required source did not say all that it has, or something could not be used.",
        "claims (required) answered: 212 ExplanationOfBenefit; as of 2026-11-21 03:00 UTC (fresh).",
        "ehr (required) did not answer in time. Since then it answered.",
        "Missing: Something of ehr: the source did not answer in time; the rest may follow (source.late).",
        "Conflict: Coverage period.end: 834 says 2025-12-31, claims says 2026-01-31; 2025-12-31 stands: "
        "enrollment outranks claims.",
    ]
    asked = [event("request.sent", 1), event("partner.answered", 3)]
    assert answer_in_words(render(Found(a_row(), AT, events=asked)))[1] == "p-1 answered."
