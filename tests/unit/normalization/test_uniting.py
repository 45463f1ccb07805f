"""One record of what two sources say: filled up, contradictions kept with the rule, the same in any order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interpayer.normalization.precedence import BY_NAME, NEWER, default_precedence, read_precedence
from interpayer.normalization.uniting import Contribution, United, unite

AT = datetime(2026, 1, 1, tzinfo=UTC)


def said(source: str, role: str, resource: dict[str, Any], *, days: int = 0) -> Contribution:
    return Contribution(f"r-{source}", source, role, AT + timedelta(days=days), resource)


def both(first: Contribution, second: Contribution) -> United:
    united = unite([first, second], default_precedence())
    assert unite([second, first], default_precedence()) == united
    return united


def a_coverage(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Coverage", "id": "x", "status": "active", **more}


def test_enrollment_outranks_claims_and_both_values_are_kept() -> None:
    claims = said("csv", "claims", a_coverage(period={"start": "2025-01-01", "end": "2026-01-31"}), days=9)
    card = said("834", "enrollment", a_coverage(period={"start": "2025-01-01", "end": "2025-12-31"}))
    united = both(claims, card)
    assert united.resource["period"] == {"start": "2025-01-01", "end": "2025-12-31"}
    (conflict,) = united.conflicts
    assert (conflict.element, conflict.chosen) == ("period.end", "2025-12-31")
    assert conflict.rule == "enrollment outranks claims"
    assert [(v.value, v.source) for v in conflict.values] == [("2025-12-31", "834"), ("2026-01-31", "csv")]
    assert united.record_ids == ("r-834", "r-csv")


def test_what_only_one_has_fills_up_without_a_conflict() -> None:
    united = both(
        said("834", "enrollment", a_coverage(subscriberId="W1")), said("csv", "claims", a_coverage(dependent="01"))
    )
    assert (united.resource["subscriberId"], united.resource["dependent"]) == ("W1", "01")
    assert united.conflicts == ()


def test_between_equals_the_newer_word_stands_then_the_name() -> None:
    old = said("a", "claims", a_coverage(status="active"))
    new = said("b", "claims", a_coverage(status="cancelled"), days=1)
    assert (both(old, new).resource["status"], both(old, new).conflicts[0].rule) == ("cancelled", NEWER)
    same_day = said("b", "claims", a_coverage(status="cancelled"))
    assert (both(old, same_day).resource["status"], both(old, same_day).conflicts[0].rule) == ("active", BY_NAME)


@pytest.mark.parametrize(
    ("one", "other", "stands"),
    [
        ("2025-05-05", "2025-05-05T00:00:00-05:00", "2025-05-05"),
        ("2025-05-05", "2025-05-05T10:30:00-05:00", "2025-05-05T10:30:00-05:00"),
        ("2025-05", "2025-05-05", "2025-05-05"),
        ("2025-05-05T15:00:00Z", "2025-05-05T10:00:00-05:00", None),
    ],
)
def test_times_that_mean_the_same_are_no_conflict(one: str, other: str, stands: str | None) -> None:
    made = [{"resourceType": "Observation", "status": "final", "effectiveDateTime": time} for time in (one, other)]
    united = both(said("v2", "clinical", made[0]), said("fhir", "clinical", made[1]))
    assert united.conflicts == ()
    if stands:
        assert united.resource["effectiveDateTime"] == stands


def test_one_kind_of_a_choice_stands() -> None:
    point = {"resourceType": "Observation", "effectiveDateTime": "2025-05-05"}
    span = {"resourceType": "Observation", "effectivePeriod": {"start": "2025-05-05"}}
    united = both(said("v2", "clinical", point, days=1), said("fhir", "clinical", span))
    assert [name for name in united.resource if name.startswith("effective")] == ["effectiveDateTime"]


def test_concepts_with_a_common_code_are_put_together() -> None:
    plain = {"resourceType": "Immunization", "vaccineCode": {"coding": [{"system": "cvx", "code": "208"}]}}
    ndc = {"resourceType": "Immunization", "vaccineCode": {"coding": [{"code": "208"}, {"system": "ndc", "code": "5"}]}}
    united = both(said("v2", "clinical", plain), said("fhir", "clinical", ndc))
    assert {c["code"] for c in united.resource["vaccineCode"]["coding"]} == {"208", "5"}
    assert united.conflicts == ()


def test_the_numbered_parts_of_a_claim_come_from_one_source() -> None:
    def claim(codes: list[str], **more: Any) -> dict[str, Any]:
        items = [{"sequence": n, "productOrService": {"coding": [{"code": c}]}} for n, c in enumerate(codes, 1)]
        return {"resourceType": "ExplanationOfBenefit", "item": items, **more}

    team = [{"sequence": 1, "provider": {"reference": "Practitioner/r-1"}}]
    warehouse = said("csv", "claims", claim(["99213"]), days=1)
    archive = said("x12", "claims", claim(["99213", "80053"], careTeam=team))
    united = both(warehouse, archive)
    assert len(united.resource["item"]) == 1
    assert united.resource["careTeam"] == team, "the services do not point at it, so it may be taken over"
    assert [(c.element, c.chosen) for c in united.conflicts] == [("item", ["99213"])]


def test_a_part_that_the_services_point_at_is_not_taken_from_elsewhere() -> None:
    item = {"sequence": 1, "careTeamSequence": [1], "productOrService": {"coding": [{"code": "1"}]}}
    pointing = said("a", "claims", {"resourceType": "ExplanationOfBenefit", "item": [item]}, days=1)
    team = said("b", "claims", {"resourceType": "ExplanationOfBenefit", "careTeam": [{"sequence": 1}]})
    assert "careTeam" not in both(pointing, team).resource


def test_names_of_places_are_no_contradiction_and_labels_are_never_lost() -> None:
    one = a_coverage(payor=[{"reference": "Organization/r-1"}], meta={"security": [{"code": "R"}]})
    other = a_coverage(payor=[{"display": "Our Plan"}], meta={"security": [{"code": "PSY"}], "source": "s"})
    united = both(said("834", "enrollment", one), said("csv", "claims", other))
    assert united.conflicts == ()
    assert united.resource["payor"] == [{"reference": "Organization/r-1"}]
    assert united.resource["meta"] == {"security": [{"code": "R"}, {"code": "PSY"}]}


def test_identifiers_are_put_together_once() -> None:
    one = a_coverage(identifier=[{"system": "s", "value": "A1"}])
    other = a_coverage(identifier=[{"system": "s", "value": "a1 ".strip()}, {"system": "t", "value": "B"}])
    united = both(said("834", "enrollment", one), said("csv", "claims", other))
    assert [i["value"] for i in united.resource["identifier"]] == ["A1", "B"]


def test_a_table_of_another_shape_is_refused_and_the_version_follows_the_text() -> None:
    with pytest.raises(ValueError, match="precedence"):
        read_precedence("rules: []")
    assert read_precedence("default: [claims]").version != read_precedence("default: [clinical]").version
