"""An X12 archive is taken in: enrollment makes the members, decisions find their claims, later claims take the place of
former ones."""

from datetime import date
from pathlib import Path
from typing import Any

import orjson

from interpayer.adapters.declaration import parse_declaration
from interpayer.exchange.tools import Tools
from interpayer.operations.sourcing import loading
from interpayer.operations.sourcing.loading import LoadReport
from interpayer.records.codec import plain_of
from interpayer.records.export import Selection, export_lines
from tests.store.operations.test_source_loading import ACTOR
from tests.support.x12 import a_claim, a_payment, a_subscriber, claim_set, interchange

ENROLLED = [
    "BGN*00*E1*20240101*0915****2", "N1*P5*OWN EMPLOYER*FI*999888777", "N1*IN*OWN PLAN*FI*654456654",
    "INS*Y*18*021*20*A***FT", "REF*0F*OWN0007", "REF*1L*POL-1", "NM1*IL*1*ROE*RITA*M***34*111223333",
    "N3*9 ELM ST", "N4*SMALLTOWN*OH*43001", "DMG*D8*19910402*F", "HD*021**HLT*GOLD PPO", "DTP*348*D8*20240101",
    "INS*N*19*021*20*A", "REF*0F*OWN0007", "NM1*IL*1*ROE*TIM", "DMG*D8*20150607*M", "HD*021**HLT*GOLD PPO",
    "DTP*348*D8*20240101",
]  # fmt: skip
CHILD = [
    "HL*?*1*22*1", "SBR*P**GRP7******CI", "NM1*IL*1*ROE*RITA****MI*OWN0007", "NM1*PR*2*OWN PLAN*****PI*OP1",
    "HL*3*2*23*0", "PAT*19", "NM1*QC*1*ROE*TIM", "DMG*D8*20150607*M", *a_claim("K-1"),
]  # fmt: skip


def load(tools: Tools, folder: Path, name: str, raw: bytes) -> LoadReport:
    """Put a file into the archive and take the archive in."""
    (folder / "archive").mkdir(exist_ok=True)
    (folder / "archive" / name).write_bytes(raw)
    declared = parse_declaration(
        b"source: x12-archive\nkind: x12\nwhere: {path: archive}\n", folder=folder, file="S.yaml"
    )
    return loading.load(tools, declared, actor=ACTOR)


def goes_out(tools: Tools, kind: str) -> list[dict[str, Any]]:
    """What would be sent of this type, of everybody."""
    with tools.database.transaction() as conn:
        members = tuple(row["member_id"] for row in conn.execute("select member_id from identity.member").fetchall())
        selection = Selection(member_ids=members, as_of=date(2026, 11, 21))
        lines = [n for block in export_lines(conn, tools.codec, selection) for n in plain_of(block).splitlines()]
    return [one for one in map(orjson.loads, lines) if one["resourceType"] == kind]


def numbers(claims: list[dict[str, Any]]) -> list[str]:
    return [claim["identifier"][0]["value"] for claim in claims]


def test_a_claim_is_submitted_decided_replaced_and_voided(tools: Tools, tmp_path: Path) -> None:
    report = load(tools, tmp_path, "1.834", interchange("834", ENROLLED, day="20240101"))
    assert report.members_made == 2
    load(tools, tmp_path, "2.837", interchange("837P", claim_set(a_subscriber(a_claim()))))
    (submitted,) = goes_out(tools, "ExplanationOfBenefit")
    assert (submitted["outcome"], numbers([submitted])) == ("queued", ["1234567893-C-1"])

    load(tools, tmp_path, "3.835", interchange("835", a_payment(), day="20240401"))
    (decided,) = goes_out(tools, "ExplanationOfBenefit")
    assert (decided["outcome"], numbers([decided]), decided["id"]) == ("complete", ["P-1"], submitted["id"])

    replacing = a_claim("C-9", frequency="7", original="P-1")
    load(tools, tmp_path, "4.837", interchange("837P", claim_set(a_subscriber(replacing)), day="20240502"))
    assert numbers(goes_out(tools, "ExplanationOfBenefit")) == ["1234567893-C-9-7-P-1"]

    load(tools, tmp_path, "5.835", interchange("835", a_payment("C-9", number="P-2"), day="20240510"))
    void = a_claim("C-9", frequency="8", original="P-2")
    load(tools, tmp_path, "6.837", interchange("837P", claim_set(a_subscriber(void)), day="20240601"))
    assert [claim for claim in goes_out(tools, "ExplanationOfBenefit") if claim["status"] == "active"] == []


def test_a_replacement_with_the_number_of_the_former_claim_is_a_claim_of_its_own(tools: Tools, tmp_path: Path) -> None:
    load(tools, tmp_path, "1.834", interchange("834", ENROLLED, day="20240101"))
    load(tools, tmp_path, "2.837", interchange("837P", claim_set(a_subscriber(a_claim()))))
    load(tools, tmp_path, "3.835", interchange("835", a_payment(), day="20240401"))
    replacing = a_claim(frequency="7", original="P-1")
    load(tools, tmp_path, "4.837", interchange("837P", claim_set(a_subscriber(replacing)), day="20240502"))
    again = interchange("835", a_payment(status="22", charge="-100"), a_payment(number="P-2"), day="20240510")
    load(tools, tmp_path, "5.835", again)
    claims = goes_out(tools, "ExplanationOfBenefit")
    assert [(n, c["status"]) for n, c in zip(numbers(claims), claims, strict=True)] == [("P-2", "active")]


def test_a_decision_that_comes_from_another_feed_completes_its_claim(tools: Tools, tmp_path: Path) -> None:
    load(tools, tmp_path, "1.834", interchange("834", ENROLLED, day="20240101"))
    load(tools, tmp_path, "2.837", interchange("837P", claim_set(a_subscriber(a_claim()))))
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "1.835").write_bytes(interchange("835", a_payment(), day="20240401"))
    declared = parse_declaration(b"source: bank\nkind: x12\nwhere: {path: bank}\n", folder=tmp_path, file="S.yaml")
    loading.load(tools, declared, actor=ACTOR)
    (claim,) = goes_out(tools, "ExplanationOfBenefit")
    assert claim["outcome"] == "complete"
    assert claim["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]["code"] == "J06.9"


def test_a_child_is_a_member_of_their_own(tools: Tools, tmp_path: Path) -> None:
    load(tools, tmp_path, "1.834", interchange("834", ENROLLED, day="20240101"))
    load(tools, tmp_path, "2.837", interchange("837P", claim_set(CHILD)))
    (claim,) = goes_out(tools, "ExplanationOfBenefit")
    patients = {one["id"]: one["name"][0]["given"] for one in goes_out(tools, "Patient")}
    assert patients[claim["patient"]["reference"].removeprefix("Patient/")] == ["TIM"]


def test_the_same_archive_twice_changes_nothing(tools: Tools, tmp_path: Path) -> None:
    load(tools, tmp_path, "1.834", interchange("834", ENROLLED, day="20240101"))
    raw = interchange("837P", claim_set(a_subscriber(a_claim())))
    load(tools, tmp_path, "2.837", raw)
    again = load(tools, tmp_path, "2.837", raw)
    assert (again.saved.new, again.saved.changed) == (0, 0)
