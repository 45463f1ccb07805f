"""The guides' own request examples at the real door: accepted, repaired with a warning, or refused as they say."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interpayer.exchange.match_answer import PARAMETERS_URL, read_groups
from interpayer.simulation.installation import Installation
from interpayer.system.clock import now
from tests.support.histories import Human, history, write_history
from tests.support.outsider import Outsider, parameters
from tests.support.town import Town, enroll, events, ledger

pytestmark = [pytest.mark.xdist_group("official_examples")]

NPI = "http://hl7.org/fhir/sid/us-npi"
HREX = "http://hl7.org/fhir/us/davinci-hrex"
PDEX = "http://hl7.org/fhir/us/davinci-pdex"
RESULT = f"{PDEX}/CodeSystem/PdexMultiMemberMatchResultCS"
REPAIRED = ["CoverageToMatch.beneficiary", "CoverageToLink.beneficiary", "Consent.patient"]
PATRICIA = Human("Person", "Patricia", "1974-12-25")
ROBERT = Human("Johnson", "Robert", "1965-08-15", "male")
Json = dict[str, Any]


@dataclass
class Meeting:
    """The payer that the examples are sent to, and the payer that sends them."""

    town: Town
    old: Installation
    new: Outsider
    examples: Path

    def example(self, name: str) -> Json:
        """An example as it is printed."""
        return dict(json.loads((self.examples / name).read_text(encoding="utf-8")))

    def latest(self) -> Json:
        """The newest exchange at the old payer."""
        return self.old.exchanges()[0]

    def repaired(self, exchange: Mapping[str, Any]) -> list[Json]:
        """The audited warnings about one exchange."""
        return [e for e in events(self.old, exchange["exchange"]) if e["name"] == "request.repaired"]


@pytest.fixture(scope="module")
def meeting(town: Town, test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    examples = test_data / "fhir-examples"
    if not examples.is_dir():
        pytest.skip(f"no official examples in {examples}")
    folder = tmp_path_factory.mktemp("official")
    old = town.open("old-health-plan", also_known_as=[f"{NPI}|9876543210"])
    new = Outsider("new-health-plan", old, town.authority, also_known_as=[f"{NPI}|0123456789"])
    enroll(
        old,
        folder,
        [
            PATRICIA.row("DH10001235", coverage_start="2011-05-23", coverage_end="2012-05-23"),
            ROBERT.row(
                "RJ-1001",
                middle="Michael",
                subscriber_id="12345678",
                coverage_start="2023-01-01",
                coverage_end="2023-12-31",
            ),
        ],
    )
    old.command("load", "fhir", str(write_history(folder / "records", history(PATRICIA, "DH10001235"))))
    yield Meeting(town, old, new, examples)
    new.http.close()
    town.shut(old.name)


def test_the_example_as_printed_is_repaired_and_refused_for_its_consent_is_over(meeting: Meeting) -> None:
    answer = meeting.new.post("/Patient/$member-match", meeting.example("hrex-1.2.0/Parameters-member-match-in.json"))
    # a unique match whose consent cannot be met: 422, and no patient identifier at all
    assert answer.status_code == 422
    assert _codes(answer.json()) == ["not-found"], "policy hides the difference, it would show who is a member"
    assert not re.search(r"Patient/|UMB|m-", answer.text)
    exchange = meeting.latest()
    assert (exchange["state"], exchange["reason"]) == ("blocked", "consent.expired")
    (warning,) = meeting.repaired(exchange)
    assert warning["facts"]["elements"] == REPAIRED
    assert warning["reason"] == "request.references_repaired"


def test_regular_is_accepted_since_sensitive_records_can_be_told_apart(meeting: Meeting) -> None:
    answer = meeting.new.post("/Patient/$member-match", _living(_single(meeting), scope="regular"))
    assert answer.status_code == 200
    (granted,) = [e for e in events(meeting.old, meeting.latest()["exchange"]) if e["name"].startswith("permission.")]
    assert (granted["name"], granted["reason"]) == ("permission.narrowed", "policy.narrowed")


def test_with_a_living_consent_for_all_data_the_example_is_accepted(meeting: Meeting) -> None:
    request = _living(_single(meeting), scope="sensitive")
    answers = [meeting.new.post("/Patient/$member-match", request) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200], answers[0].text
    out = [_read_out(meeting, a.json()) for a in answers]
    assert out[0] == out[1], "the unique member number is stable"
    (warning,) = meeting.repaired(meeting.latest())
    assert warning["facts"]["elements"] == REPAIRED
    everything = meeting.new.get(f"/Patient/{out[0][1]}/$everything")
    assert everything.status_code == 200
    kinds = Counter(entry["resource"]["resourceType"] for entry in everything.json()["entry"])
    assert kinds == {"Patient": 1, "Encounter": 2, "Condition": 2, "ExplanationOfBenefit": 2, "Provenance": 1}


def test_our_answer_has_the_shape_of_the_official_answer(meeting: Meeting) -> None:
    ours = meeting.new.post("/Patient/$member-match", _living(_single(meeting), scope="sensitive")).json()
    theirs = meeting.example("hrex-1.2.0/Parameters-member-match-out.json")
    assert ours["meta"]["profile"] == theirs["meta"]["profile"]
    assert [p["name"] for p in ours["parameter"]] == [p["name"] for p in theirs["parameter"]]
    for mine, printed in zip(ours["parameter"], theirs["parameter"], strict=True):
        assert {k for k in mine if k.startswith("value")} == {k for k in printed if k.startswith("value")}
    assert ours["parameter"][0]["valueIdentifier"]["type"] == theirs["parameter"][0]["valueIdentifier"]["type"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda p: p["parameter"].append({"name": "Extra", "valueString": "x"}), 400, "not-supported"),
        (lambda p: p["parameter"].append(p["parameter"][0]), 400, "invalid"),
        (lambda p: p["parameter"].pop(3), 422, "required"),
        (lambda p: p["parameter"].pop(0), 422, "required"),
        (lambda p: p["parameter"].pop(2), 422, "required"),
        (lambda p: p["parameter"][0]["resource"].pop("birthDate"), 422, "invalid"),
        (lambda p: p["parameter"][0]["resource"].update(birthDate="1951-03-08"), 422, "not-found"),
        (lambda p: p["parameter"][1]["resource"]["identifier"][0].update(value="DH99999999"), 422, "not-found"),
    ],
    ids=["closed", "twice", "no consent", "no patient", "no attestation", "no birth date", "other day", "other card"],
)
def test_a_changed_example_is_refused_as_the_guide_says(meeting: Meeting, change: Any, status: int, code: str) -> None:
    request = _living(_single(meeting), scope="sensitive")
    change(request)
    answer = meeting.new.post("/Patient/$member-match", request)
    assert (answer.status_code, _codes(answer.json())) == (status, [code]), answer.text
    assert "1974" not in answer.text and "Patricia" not in answer.text


def test_the_bulk_answer_puts_every_member_of_one_call_into_its_group(meeting: Meeting) -> None:
    living = _living(_single(meeting), scope="sensitive")["parameter"]
    unknown = _living(_single(meeting), scope="sensitive")["parameter"]
    unknown[0]["resource"]["birthDate"] = "1990-01-01"
    over = _single(meeting)["parameter"]
    # all three name the Patient id 1: the answer must still be unambiguous
    request = {"resourceType": "Parameters", "parameter": [_bundle(p) for p in (living, unknown, over)]}
    manifest = meeting.new.result(meeting.new.post("/Group/$bulk-member-match", request))
    _assert_manifest(manifest, meeting)
    groups = _groups(meeting, manifest)
    assert {code: group["quantity"] for code, group in groups.items()} == {
        "match": 1,
        "nomatch": 1,
        "consentconstraint": 1,
    }
    for code, group in groups.items():
        _assert_group(group, code, {"living": living, "unknown": unknown, "over": over})
    assert _submitted(groups["match"]) == _demographics(living)
    assert _submitted(groups["nomatch"]) == _demographics(unknown)
    assert _submitted(groups["consentconstraint"]) == _demographics(over)
    (printed,) = [line for o in manifest["output"] if o["type"] == "Parameters" for line in meeting.new.lines(o["url"])]
    assert [p["name"] for p in printed["parameter"]] == [
        "MatchedMembers",
        "NonMatchedMembers",
        "ConsentConstrainedMembers",
    ]
    assert {json.dumps(p["resource"], sort_keys=True) for p in printed["parameter"]} == {
        json.dumps(g, sort_keys=True) for g in groups.values()
    }


def test_the_matched_group_is_found_and_exported(meeting: Meeting) -> None:
    living = _living(_single(meeting), scope="sensitive")["parameter"]
    manifest = meeting.new.result(meeting.new.post("/Group/$multi-member-match", parameters(living, bulk=True)))
    group = _groups(meeting, manifest)["match"]
    assert meeting.new.get(f"/Group/{group['id']}").json() == group
    found = meeting.new.get("/Group?code=match").json()
    assert group["id"] in {entry["resource"]["id"] for entry in found["entry"]}
    asked = [
        {"name": "patient", "valueReference": {"reference": group["member"][0]["entity"]["reference"]}},
        {"name": "patient", "valueReference": {"reference": "Patient/stranger"}},
        {"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"},
        {"name": "_type", "valueString": "Encounter,ExplanationOfBenefit"},
    ]
    export = meeting.new.post(f"/Group/{group['id']}/$davinci-data-export", parameters(asked))
    manifest = meeting.new.result(export)
    _assert_manifest(manifest, meeting)
    assert {o["type"]: o["count"] for o in manifest["output"]} == {"Encounter": 2, "ExplanationOfBenefit": 2}
    assert {r["resourceType"] for o in manifest["output"] for r in meeting.new.lines(o["url"])} == {
        "Encounter",
        "ExplanationOfBenefit",
    }
    (outcome,) = meeting.new.lines(manifest["error"][0]["url"])
    assert outcome["resourceType"] == "OperationOutcome" and "stranger" not in json.dumps(outcome)


def test_the_providers_example_names_no_payer_that_vouches(meeting: Meeting) -> None:
    request = meeting.example("pdex-2.2.0/Parameters-provider-member-match-request-001.json")
    manifest = meeting.new.result(meeting.new.post("/Group/$bulk-member-match", request))
    groups = _groups(meeting, manifest)
    # that example belongs to the provider's door: no CoverageToLink, so nobody says that the member is enrolled
    assert {code: group["quantity"] for code, group in groups.items()} == {"match": 0, "nomatch": 2}
    reasons = Counter(e["reason"] for e in ledger(meeting.town, meeting.old, "exchange.incomplete"))
    assert reasons["request.missing_attestation"] >= 2


def test_the_providers_consent_is_no_consent_to_a_payer(meeting: Meeting) -> None:
    request = meeting.example("pdex-2.2.0/Parameters-provider-member-match-request-001.json")
    robert = request["parameter"][0]["part"]
    robert.append({"name": "CoverageToLink", "resource": _single(meeting)["parameter"][2]["resource"]})
    manifest = meeting.new.result(meeting.new.post("/Group/$bulk-member-match", parameters(robert, bulk=True)))
    groups = _groups(meeting, manifest)
    assert (meeting.latest()["state"], meeting.latest()["reason"]) == ("incomplete", "consent.malformed")
    # who is meant is not even looked up, so this says nothing about who is a member
    assert {code: group["quantity"] for code, group in groups.items()} == {"match": 0, "nomatch": 1}
    assert "consent" not in json.dumps(groups["nomatch"]["contained"]).lower()


def test_a_bulk_request_that_may_not_wait_is_refused(meeting: Meeting) -> None:
    living = _living(_single(meeting), scope="sensitive")["parameter"]
    answer = meeting.new.post("/Group/$bulk-member-match", parameters(living, bulk=True), Prefer="")
    assert (answer.status_code, _codes(answer.json())) == (400, ["invalid"])


def test_the_official_answers_are_read_by_our_requester(test_data: Path) -> None:
    examples = test_data / "fhir-examples" / "pdex-2.2.0"
    if not examples.is_dir():
        pytest.skip(f"no official examples in {examples}")
    names = ("Parameters-payer-multi-member-match-out", "Group-07e72a15407547bf9d03f522aa536a72.1")
    for name in names:
        outcomes = read_groups([json.loads((examples / f"{name}.json").read_text(encoding="utf-8"))])
        matched = {(o.submitted_id, o.partner_member) for o in outcomes if o.kind == "match"}
        assert matched == {("1", "1001"), ("2", "2002")}, name
    no_match = json.loads((examples / "Group-example-pdex-member-no-match-group.json").read_text(encoding="utf-8"))
    outcomes = read_groups([no_match])
    assert outcomes and {(o.kind, o.partner_member) for o in outcomes} <= {
        ("nomatch", None),
        ("consentconstraint", None),
    }


def _single(meeting: Meeting) -> Json:
    return meeting.example("hrex-1.2.0/Parameters-member-match-in.json")


def _living(request: Json, *, scope: str) -> Json:
    """The example with a consent that holds today; nothing else is changed."""
    consent = next(p["resource"] for p in request["parameter"] if p["name"] == "Consent")
    today = now().date()
    consent["provision"]["period"] = {
        "start": (today - timedelta(days=10)).isoformat(),
        "end": (today + timedelta(days=10)).isoformat(),
    }
    consent["policy"] = [{"uri": f"{HREX}/StructureDefinition-hrex-consent.html#{scope}"}]
    return request


def _bundle(parts: list[Json]) -> Json:
    return {"name": "MemberBundle", "part": parts}


def _codes(outcome: Json) -> list[str]:
    assert outcome["resourceType"] == "OperationOutcome"
    return [issue["code"] for issue in outcome["issue"]]


def _read_out(meeting: Meeting, out: Json) -> tuple[str, str]:
    """HRex 1.2 `member-match-out`, closed: the unique member number, and the Patient as a RESTful reference."""
    assert out["resourceType"] == "Parameters"
    found = {p["name"]: p for p in out["parameter"]}
    assert set(found) == {"MemberIdentifier", "MemberId"} and len(out["parameter"]) == 2
    number = found["MemberIdentifier"]["valueIdentifier"]
    assert number["type"]["coding"] == [{"system": f"{HREX}/CodeSystem/hrex-temp", "code": "UMB"}]
    reference = found["MemberId"]["valueReference"]["reference"]
    base, _, patient_id = reference.rpartition("/")
    assert base == f"{meeting.old.base_url}/fhir/Patient"
    return number["value"], patient_id


def _assert_manifest(manifest: Json, meeting: Meeting) -> None:
    """Bulk Data 2.0, section 4.3 of the standards."""
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= manifest.keys()
    assert manifest["requiresAccessToken"] is True
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", manifest["transactionTime"])
    assert manifest["request"].startswith(f"{meeting.old.base_url}/fhir/Group/")
    assert len({o["type"] for o in manifest["output"]}) == len(manifest["output"]), "one type per file"
    for output in manifest["output"]:
        assert output["url"].startswith("https://") and output["count"] >= 1
        lines = meeting.new.lines(output["url"])
        assert len(lines) == output["count"] and {line["resourceType"] for line in lines} == {output["type"]}


def _groups(meeting: Meeting, manifest: Json) -> dict[str, Json]:
    """The Groups of a match answer by their code; the client prefers them to the Parameters."""
    (output,) = [o for o in manifest["output"] if o["type"] == "Group"]
    groups = meeting.new.lines(output["url"])
    assert len({g["id"] for g in groups}) == len(groups)
    return {group["code"]["coding"][0]["code"]: group for group in groups}


def _assert_group(group: Json, code: str, asked: Mapping[str, Any]) -> None:
    """PDex 2.2 pdex-member-match-group and pdex-member-no-match-group (standards, section 2.4)."""
    assert (group["type"], group["actual"]) == ("person", True)
    assert group["code"]["coding"] == [{"system": RESULT, "code": code}]
    profile = "pdex-member-match-group" if code == "match" else "pdex-member-no-match-group"
    assert group["meta"]["profile"] == [f"{PDEX}/StructureDefinition/{profile}"]
    assert group["managingEntity"]["identifier"]["value"] and group["identifier"][0]["value"]
    assert ("characteristic" in group) == (code == "match")
    contained = {resource["id"]: resource for resource in group["contained"]}
    assert len(contained) == len(group["contained"])
    for member in group["member"]:
        entity = member["entity"]
        (submitted,) = [e["valueReference"] for e in entity["extension"] if e["url"] == PARAMETERS_URL]
        assert contained[submitted["reference"].lstrip("#")]["resourceType"] == "Patient"
        assert entity["reference"].startswith("Patient/") == (code == "match")
        assert entity["reference"].startswith("#") == (code != "match")


def _submitted(group: Json) -> Json:
    """The one Patient as it was submitted, without its id."""
    (patient,) = [r for r in group["contained"] if r["resourceType"] == "Patient"]
    return {k: v for k, v in patient.items() if k != "id"}


def _demographics(parts: list[Json]) -> Json:
    return {k: v for k, v in parts[0]["resource"].items() if k not in ("id", "meta", "text")}
