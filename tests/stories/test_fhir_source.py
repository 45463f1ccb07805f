"""A FHIR server as a source: what it promises is asked and no more, and each of its bad days has its name."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.base import Asked, Found
from interpayer.model.reason import Fault
from interpayer.operations.sourcing.checking import check_source
from interpayer.system.clock import now
from tests.support.fhir_server import FhirServerForTests
from tests.support.sources import a_declaration, calling

SYSTEM = "https://plan.example/member"


def a_resource(kind: str, name: str, key: str = "subject", patient: str = "p1", **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, key: {"reference": f"Patient/{patient}"}, **more}


RESOURCES = [
    {"resourceType": "Patient", "id": "p1", "identifier": [{"system": SYSTEM, "value": "M-1"}]},
    {"resourceType": "Patient", "id": "p2", "identifier": [{"system": SYSTEM, "value": "M-2"}]},
    *(a_resource("Observation", f"o{n}", valueQuantity={"value": 72.5}) for n in range(5)),
    a_resource("Condition", "c1"),
    a_resource("Condition", "c2", patient="p2"),
    a_resource("Immunization", "i1", "patient"),
    {"resourceType": "Provenance", "id": "v1", "target": [{"reference": "Condition/c1"}]},
]
ALL = {"Patient": 1, "Observation": 5, "Condition": 1, "Immunization": 1, "Provenance": 1}


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[FhirServerForTests]:
    with FhirServerForTests(tmp_path / "clinic", RESOURCES) as server:
        yield server


def ask(
    server: FhirServerForTests, *, seconds: float = 5, more: str = "", types: str = "", **where: str
) -> list[Found]:
    declaration = a_declaration(server.ca.parent, server.declaration(more=more, **where))
    asked = Asked(((SYSTEM, "M-1"),), tuple(types.split()), (None, None), until=now() + timedelta(seconds=seconds))
    with calling(server.ca.parent) as workshop:
        return list(workshop.live(declaration).read_member(asked))


def read_all(server: FhirServerForTests, *, more: str = "", **where: str) -> list[Found]:
    declaration = a_declaration(server.ca.parent, server.declaration(more=more, **where))
    with calling(server.ca.parent) as workshop:
        return list(workshop.source(declaration).read())


def kinds(found: list[Found]) -> dict[str, int]:
    return dict(Counter(one.entity for one in found if one.content is not None))


def problems(found: list[Found]) -> dict[str, str | None]:
    return {one.entity: one.problem for one in found if one.content is None}


def test_one_member_page_by_page_with_provenance(clinic: FhirServerForTests) -> None:
    found = ask(clinic)
    assert kinds(found) == ALL
    assert problems(found) == {}
    # whoever is asked for stands in no address, and another's records are not asked for
    assert not any("M-1" in path for path in clinic.seen.paths)
    assert clinic.seen.forms[0]["identifier"] == [f"{SYSTEM}|M-1"]
    assert orjson.loads(next(one.raw for one in found if one.entity == "Observation"))["valueQuantity"] == {
        "value": 72.5
    }


def test_the_first_question_is_what_it_can_do(clinic: FhirServerForTests) -> None:
    clinic.manners.leaves_out = ("Immunization",)
    found = ask(clinic, more="types: [Condition, Immunization]\n")
    assert clinic.seen.paths[0] == "/fhir/metadata"
    assert kinds(found) == {"Patient": 1, "Condition": 1, "Provenance": 1}
    assert problems(found) == {"Immunization": "source.refused"}
    assert not any("Immunization" in path for path in clinic.seen.paths)


def test_only_the_types_that_are_asked_for(clinic: FhirServerForTests) -> None:
    assert kinds(ask(clinic, types="Condition")) == {"Patient": 1, "Condition": 1, "Provenance": 1}


def test_everything_in_one_question(clinic: FhirServerForTests) -> None:
    assert kinds(ask(clinic, by="everything")) == {k: n for k, n in ALL.items() if k != "Provenance"}
    assert sum("$everything" in path for path in clinic.seen.paths) == 4


def test_nobody_is_found_where_the_server_does_not_know_the_member(clinic: FhirServerForTests) -> None:
    clinic.resources[:] = clinic.resources[1:]
    assert ask(clinic) == []


def test_a_token_is_asked_for_and_asked_for_again(clinic: FhirServerForTests) -> None:
    clinic.manners.needs_token = True
    declaration = a_declaration(clinic.ca.parent, clinic.declaration(client_id="us"))
    asked = Asked(((SYSTEM, "M-1"),), ("Condition",), (None, None), now() + timedelta(seconds=5))
    with calling(clinic.ca.parent) as workshop:
        source = workshop.live(declaration)
        assert kinds(list(source.read_member(asked)))["Condition"] == 1
        assert clinic.seen.tokens == 1
        clinic.seen.tokens += 1  # the server forgets the token
        assert kinds(list(source.read_member(asked)))["Condition"] == 1
    assert clinic.seen.tokens == 3


@pytest.mark.parametrize(
    ("bad_day", "reason"),
    [
        ({"delay_s": 3.0}, "source.late"),
        ({"trickle": True}, "source.late"),
        ({"status": 503}, "source.unreachable"),
        ({"status": 403}, "source.refused"),
        ({"status": 429, "retry_after": "60"}, "source.late"),
        ({"garbage": True}, "source.invalid"),
        ({"fhir_version": "3.0.2"}, "source.invalid"),
        ({"ignores_search": True}, "source.invalid"),
    ],
    ids=lambda value: str(value),
)
def test_a_bad_day_has_its_name(clinic: FhirServerForTests, bad_day: dict[str, Any], reason: str) -> None:
    for name, value in bad_day.items():
        setattr(clinic.manners, name, value)
    began = now()
    with pytest.raises(Fault) as fault:
        ask(clinic, seconds=1)
    assert fault.value.reason == reason
    assert (now() - began).total_seconds() < 2.5


def test_a_stopped_server_is_unreachable(clinic: FhirServerForTests) -> None:
    clinic.stop()
    with pytest.raises(Fault) as fault:
        ask(clinic)
    assert fault.value.reason == "source.unreachable"


def test_a_bad_type_leaves_a_gap_and_no_more(clinic: FhirServerForTests) -> None:
    clinic.manners.endless = "Observation"
    found = ask(clinic, types="Condition Observation")
    # what came before the page that came again holds
    assert problems(found) == {"Observation": "source.invalid"}
    assert kinds(found) == {"Patient": 1, "Condition": 1, "Provenance": 1, "Observation": 2}


@pytest.mark.parametrize("elsewhere", ["https://127.0.0.1:1/fhir", "https://other.example/fhir"])
def test_a_page_elsewhere_is_not_followed(clinic: FhirServerForTests, elsewhere: str) -> None:
    clinic.manners.elsewhere = elsewhere
    found = ask(clinic, types="Observation")
    assert problems(found) == {"Observation": "source.invalid"}


def test_a_bulk_export_is_fetched_whole(clinic: FhirServerForTests) -> None:
    found = read_all(clinic, by="bulk")
    assert len(found) == len(RESOURCES)
    assert all(one.problem is None for one in found)
    assert clinic.seen.deleted == ["/fhir/job/1?" + clinic.seen.deleted[0].partition("?")[2]]


def test_a_bulk_file_with_too_few_lines_is_told(clinic: FhirServerForTests) -> None:
    clinic.manners.wrong_count = True
    found = read_all(clinic, by="bulk")
    assert {one.problem for one in found if one.content is None} == {"source.invalid"}
    assert sum(one.content is None for one in found) == 5


def test_the_whole_server_type_by_type(clinic: FhirServerForTests) -> None:
    found = read_all(clinic, more="types: [Patient, Condition]\n")
    assert kinds(found) == {"Patient": 2, "Condition": 2}


def test_a_mature_server_scores_more_than_one_that_breaks_its_promises(clinic: FhirServerForTests) -> None:
    declaration = a_declaration(clinic.ca.parent, clinic.declaration(more="types: [Condition, Immunization]\n"))
    with calling(clinic.ca.parent) as workshop:
        good = check_source(workshop, declaration)
    assert good.can_be_used
    assert good.maturity is not None
    assert good.maturity.broken_promises == ()
    clinic.manners.ignores_search = True
    clinic.manners.leaves_out = ("Immunization",)
    other = a_declaration(clinic.ca.parent, clinic.declaration("production", more="types: [Condition, Immunization]\n"))
    with calling(clinic.ca.parent) as workshop:
        bad = check_source(workshop, other, against=declaration)
    assert bad.maturity is not None
    assert bad.maturity.broken_promises == ("finds nobody for an unknown identifier",)
    assert bad.maturity.score < good.maturity.score
    assert bad.differences == []


def test_a_server_that_lets_anybody_read_is_named(clinic: FhirServerForTests) -> None:
    declaration = a_declaration(clinic.ca.parent, clinic.declaration(client_id="us"))
    scores = {}
    for clinic.manners.needs_token in (False, True):
        with calling(clinic.ca.parent) as workshop:
            maturity = check_source(workshop, declaration).maturity
        assert maturity is not None
        (finding,) = [one for one in maturity.findings if one.name == "refuses whoever has no token"]
        assert finding.happened is clinic.manners.needs_token
        scores[clinic.manners.needs_token] = maturity.score
    assert scores[True] > scores[False]


def test_a_server_that_does_not_answer_cannot_be_used(clinic: FhirServerForTests) -> None:
    clinic.manners.status = 503
    with calling(clinic.ca.parent) as workshop:
        report = check_source(workshop, a_declaration(clinic.ca.parent, clinic.declaration()))
    assert [look.what for look in report.looks if look.state == "bad"] == ["answers"]


def test_test_and_production_are_compared(clinic: FhirServerForTests, tmp_path: Path) -> None:
    with FhirServerForTests(tmp_path / "other", RESOURCES) as production, calling(tmp_path) as workshop:
        production.manners.leaves_out = ("Immunization",)
        first = a_declaration(tmp_path, clinic.declaration("test"))
        second = a_declaration(tmp_path, production.declaration("production"))
        assert check_source(workshop, first, against=second).differences == ["Immunization is not there"]
