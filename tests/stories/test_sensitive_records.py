"""A consent for regular data: the partner's bytes have the same shape with and without sensitive records.

Two members of one plan have the same ordinary history; one of them has sensitive records besides. What a partner sees
of both differs in nothing but who they are: match, groups, manifest, files, `$everything`, refusals.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from interpayer.consent.reading import POLICY
from interpayer.delivery.notice import RULE, WORDS
from interpayer.exchange.match_answer import read_groups
from interpayer.simulation.installation import Installation
from tests.support.histories import Human, history, write_history
from tests.support.outsider import Outsider, parameters
from tests.support.town import Town, enroll

pytestmark = [pytest.mark.xdist_group("sensitive_records")]

QUIET, OTHER = Human("Aldous", "Petra", "1971-03-04"), Human("Barlow", "Renata", "1972-04-05")
NUMBERS = {"quiet": "Q-1000001", "other": "Q-1000002"}
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
IDS = re.compile(r"[a-z]-[a-z2-7]{26}")
TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT")
Json = dict[str, Any]


@dataclass
class Street:
    """The payer that is asked, and the partner that asks."""

    plan: Installation
    partner: Outsider

    def match(self, who: str, *, word: str = "regular", bulk: bool = False, **changed: str) -> Any:
        """The answer to a match request for one of the two, under a consent with this word."""
        human = QUIET if who == "quiet" else OTHER
        parts = self.partner.match_parts(human.row(NUMBERS[who]) | changed)
        consent = next(part["resource"] for part in parts if part["name"] == "Consent")
        consent["policy"] = [{"uri": f"{POLICY}{word}"}]
        if bulk:
            return self.partner.post("/Group/$bulk-member-match", parameters(parts, bulk=True))
        return self.partner.post("/Patient/$member-match", parameters(parts), Prefer="")

    def patient(self, who: str, *, word: str = "regular") -> str:
        """Our Patient id of one of the two, as the partner learns it."""
        answer = self.match(who, word=word)
        assert answer.status_code == 200, answer.text
        told = {one["name"]: one for one in answer.json()["parameter"]}
        return str(told["MemberId"]["valueReference"]["reference"]).rpartition("/")[2]

    def exported(self, who: str, *, word: str = "regular", **asked: str) -> tuple[Json, list[Json]]:
        """The manifest of an export for one of the two, and every line of its files."""
        outcome = self.partner.result(self.match(who, word=word, bulk=True))
        groups = [
            line for one in outcome["output"] if one["type"] == "Group" for line in self.partner.lines(one["url"])
        ]
        (matched,) = [group for group in groups if read_groups([group])[0].kind == "match"]
        wanted = [
            {"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"},
            *({"name": name, "valueString": value} for name, value in asked.items()),
        ]
        kicked_off = self.partner.post(f"/Group/{matched['id']}/$davinci-data-export", parameters(wanted))
        manifest = self.partner.result(kicked_off)
        return manifest, [line for one in manifest["output"] for line in self.partner.lines(one["url"])]


@pytest.fixture(scope="module")
def street(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("sensitive")
    plan = town.open("lantern-health")
    partner = Outsider("quay-plan", plan, town.authority)
    enroll(plan, folder, [QUIET.row(NUMBERS["quiet"]), OTHER.row(NUMBERS["other"])])
    resources = [*history(QUIET, NUMBERS["quiet"]), *history(OTHER, NUMBERS["other"]), *_sensitive(NUMBERS["quiet"])]
    plan.command("load", "fhir", str(write_history(folder / "records", resources)))
    yield Street(plan, partner)
    partner.http.close()
    town.shut(plan.name)


def _sensitive(key: str) -> list[Json]:
    """A stay for alcohol, what was found and billed there, and pages that nobody reads."""
    owner, stay = {"reference": f"Patient/{key}"}, {"reference": f"Encounter/{key}-stay"}
    drink = {"coding": [{"system": ICD10, "code": "F10.20", "display": "Alcohol dependence"}]}
    claim = next(one for one in history(QUIET, key, prefix="s-") if one["resourceType"] == "ExplanationOfBenefit")
    return [
        {"resourceType": "Encounter", "id": f"{key}-stay", "status": "finished", "class": {"code": "IMP"},
         "subject": owner, "period": {"start": "2026-03-01", "end": "2026-03-09"}, "reasonCode": [drink]},
        {"resourceType": "Condition", "id": f"{key}-drink", "subject": owner, "encounter": stay, "code": drink},
        {"resourceType": "Observation", "id": f"{key}-weight", "status": "final", "subject": owner, "encounter": stay,
         "code": {"text": "Body weight"}, "valueQuantity": {"value": 71.50, "unit": "kg"}},
        {**claim, "id": f"{key}-claim-stay", "patient": owner, "item": [{"sequence": 1, "encounter": [stay],
         "productOrService": {"text": "a stay"}}]},
        {"resourceType": "DocumentReference", "id": f"{key}-pages", "status": "current", "subject": owner,
         "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0="}}]},
    ]  # fmt: skip


def shape(told: object) -> str:
    """What is told, without who it is about, which ids were given, and when."""
    text = json.dumps(told, sort_keys=True)
    for human, number in ((QUIET, NUMBERS["quiet"]), (OTHER, NUMBERS["other"])):
        for word in (number, human.family, human.given, human.born):
            text = text.replace(word, "WHO")
    return TIMES.sub("WHEN", IDS.sub("ID", text))


def lines_shape(lines: list[Json]) -> list[str]:
    """The shapes of files or entries, whatever their order."""
    return sorted(shape({**line, "target": len(line["target"])} if "target" in line else line) for line in lines)


def test_a_match_tells_nothing_of_what_is_sensitive(street: Street) -> None:
    quiet, other = (street.match(who) for who in ("quiet", "other"))
    assert quiet.status_code == other.status_code == 200
    assert shape(quiet.json()) == shape(other.json())
    assert set(quiet.headers) == set(other.headers)


def test_everything_has_the_same_shape_with_and_without_sensitive_records(street: Street) -> None:
    answers = [street.partner.get(f"/Patient/{street.patient(who)}/$everything") for who in ("quiet", "other")]
    assert [answer.status_code for answer in answers] == [200, 200]
    quiet, other = (answer.json() for answer in answers)
    assert quiet["total"] == other["total"] == 8
    assert lines_shape([e["resource"] for e in quiet["entry"]]) == lines_shape([e["resource"] for e in other["entry"]])
    assert set(quiet) == set(other)
    assert not re.search(r"F10|alcohol|stay|security|71\.5|JVBER", answers[0].text, re.IGNORECASE)
    # we ourselves know what stayed here, and why
    known = [street.plan.api("GET", f"/exchanges/{one['exchange']}") for one in street.plan.exchanges()[:2]]
    kept = [found["permission"]["withheld"] for _, found in known]
    assert sorted(kept, key=len) == [[], [{"reason": "record.withheld_label", "count": 5}]]


def test_manifest_and_files_have_the_same_shape(street: Street) -> None:
    (quiet, its), (other, theirs) = (street.exported(who) for who in ("quiet", "other"))
    assert [(o["type"], o["count"]) for o in quiet["output"]] == [(o["type"], o["count"]) for o in other["output"]]
    assert {k: shape(v) for k, v in quiet.items() if k not in ("output", "extension", "request")} == {
        k: shape(v) for k, v in other.items() if k not in ("output", "extension", "request")
    }
    assert lines_shape(its) == lines_shape(theirs)
    assert {line["resourceType"] for line in its} == {
        "Patient", "Encounter", "Condition", "ExplanationOfBenefit", "Provenance",
    }  # fmt: skip


def test_asked_for_what_only_is_sensitive_there_is_as_little_as_for_somebody_without(street: Street) -> None:
    (quiet, its), (other, theirs) = (street.exported(who, _type="DocumentReference") for who in ("quiet", "other"))
    assert its == theirs == [] and shape(quiet["error"]) == shape(other["error"])
    assert quiet["output"] == other["output"] == []


def test_refusals_tell_no_more_of_the_one_than_of_the_other(street: Street) -> None:
    for changed in ({"birth_date": "1960-01-01"}, {"member_id": "Q-9999999"}):
        quiet, other = (street.match(who, **changed) for who in ("quiet", "other"))
        assert quiet.status_code == other.status_code == 422
        assert shape(quiet.json()) == shape(other.json())


def test_under_a_consent_for_all_data_the_notice_goes_with_what_the_member_allowed(street: Street) -> None:
    _, lines = street.exported("quiet", word="sensitive")
    by_kind: dict[str, list[Json]] = {}
    for line in lines:
        by_kind.setdefault(line["resourceType"], []).append(line)
    drink = next(one for one in by_kind["Condition"] if "F10.20" in json.dumps(one))
    assert {coding["code"] for coding in drink["meta"]["security"]} == {"R", "SUD", "42CFRPart2"}
    (handed_on,) = by_kind["Provenance"]
    (reason,) = handed_on["reason"]
    assert (handed_on["policy"], reason["text"]) == ([RULE], WORDS)
    consent = next(one for one in handed_on["contained"] if one["resourceType"] == "Consent")
    assert consent["policy"] == [{"uri": f"{POLICY}sensitive"}] and consent["provision"]["period"]["end"]
    assert any(entity["what"].get("reference") == "#consent" for entity in handed_on["entity"])
    _, ordinary = street.exported("other", word="sensitive")
    assert "42 CFR" not in json.dumps(ordinary) and "42CFR" not in json.dumps(ordinary)
