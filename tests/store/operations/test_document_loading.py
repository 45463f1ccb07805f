"""A document is taken in with its member's records, and its address leads to what was kept."""

import base64
from datetime import date
from pathlib import Path

import orjson
import pytest

from interpayer.adapters.declaration import parse_declaration
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.operations.sourcing import loading
from interpayer.records import store as records_store
from interpayer.terminology import store as terminology_store
from interpayer.terminology.content import ConceptMap, Target
from tests.store.operations.test_source_loading import ACTOR, a_member, held
from tests.unit.adapters.documents.test_reading import CDA

LETTER = b"%PDF-1.4 a letter"


def test_a_letter_is_kept_with_its_member_and_its_address_is_ours(tools: Tools, tmp_path: Path) -> None:
    member, stranger = a_member(tools, "M-1001"), a_member(tools, "M-2002")
    for folder in ("M-1001", "M-9999"):
        (tmp_path / "archive" / folder).mkdir(parents=True)
        (tmp_path / "archive" / folder / "letter.pdf").write_bytes(LETTER)
    text = b"source: archive\nkind: documents\nwhere: {path: archive}\n"
    declared = parse_declaration(text, folder=tmp_path, file="S.yaml")
    report = loading.load(tools, declared, actor=ACTOR)
    assert held(tools, member) == {"Binary": 1, "DocumentReference": 1}
    assert held(tools, stranger) == {}
    assert dict(report.quarantined) == {"record.foreign_member": 2}
    with tools.database.transaction() as conn:
        rows = {row["type"]: row for row in records_store.records_of(conn, tools.codec, member)}
        document, binary = (orjson.loads(rows[kind]["released"]) for kind in ("DocumentReference", "Binary"))
    attachment = document["content"][0]["attachment"]
    assert attachment["url"] == f"Binary/{binary['id']}"
    assert attachment["size"] == len(LETTER)
    assert base64.b64decode(binary["data"]) == LETTER
    assert binary["securityContext"] == {"reference": f"Patient/{member}"}
    again = loading.load(tools, declared, actor=ACTOR)
    assert (again.saved.new, again.saved.changed) == (0, 0)


def test_a_document_and_its_content_are_of_the_same_days(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "cda.xml").write_bytes(CDA)
    (tmp_path / "archive" / "plain.xml").write_bytes(CDA.replace(b"serviceEvent", b"nothing").replace(b"D-1", b"D-2"))
    (tmp_path / "archive" / "letter.pdf").write_bytes(LETTER)
    index = "file,member,date\ncda.xml,M-1001,\nplain.xml,M-1001,\nletter.pdf,M-1001,2019-05-04\n"
    (tmp_path / "archive" / "index.csv").write_text(index)
    text = b"source: archive\nkind: documents\nwhere: {path: archive}\n"
    loading.load(tools, parse_declaration(text, folder=tmp_path, file="S.yaml"), actor=ACTOR)
    with tools.database.transaction() as conn:
        rows = list(records_store.records_of(conn, tools.codec, member))
    days = {kind: sorted((r["service_from"], r["service_to"]) for r in rows if r["type"] == kind) for kind in
            ("Binary", "DocumentReference")}  # fmt: skip
    assert days["Binary"] == days["DocumentReference"]
    letter, note = date(2019, 5, 4), date(2026, 3, 1)
    assert days["Binary"] == [(letter, letter), (date(2026, 1, 1), date(2026, 2, 28)), (note, note)]


def test_messages_of_a_laboratory_reach_the_member_whose_number_they_name(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    lines = [
        "MSH|^~\\&|LAB|LAKESIDE|||20260301083000-0600||ORU^R01|R1|P|2.5.1",
        "PID|1||M-1001^^^PLAN^MB||QUARREL^INES",
        "OBR|1||F-1|2345-7^Glucose^LN|||20260228071500-0600",
        "OBX|1|NM|2345-7^Glucose^LN||101|mg/dL|70-99|H|||P",
    ]
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "1.hl7").write_text("\r".join(lines))
    text = b"source: lab\nkind: hl7v2\nwhere: {path: feed}\n"
    declared = parse_declaration(text, folder=tmp_path, file="S.yaml")
    loading.load(tools, declared, actor=ACTOR)
    assert held(tools, member) == {"DiagnosticReport": 1, "Observation": 1}
    final = [line.replace("|||P", "|||F").replace("083000", "093000").replace("R1", "R2") for line in lines]
    (tmp_path / "feed" / "2.hl7").write_text("\r".join(final))
    loading.load(tools, declared, actor=ACTOR)
    with tools.database.transaction() as conn:
        rows = [r for r in records_store.records_of(conn, tools.codec, member) if r["type"] == "Observation"]
    assert [orjson.loads(row["released"])["status"] for row in rows] == ["final"]


def test_codes_of_a_source_are_translated_by_the_maps_it_names(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    (tmp_path / "feed").mkdir()
    values = ["OBX|1|NM|GLU^Sugar^99LAB||101|mg/dL|||||F", "OBX|2|NM|XYZ^Other^99LAB||7|mg/dL|||||F"]
    lines = ["MSH|^~\\&|LAB|LAKESIDE|||20260301083000-0600||ORU^R01|R1|P|2.5.1", "PID|1||M-1001^^^PLAN^MB",
             "OBR|1||F-1|PAN^Panel^99LAB|||20260228", *values]  # fmt: skip
    (tmp_path / "feed" / "1.hl7").write_text("\r".join(lines))
    text = b'source: lab\nkind: hl7v2\nwhere: {path: feed}\ntranslate: ["urn:map"]\n'
    declared = parse_declaration(text, folder=tmp_path, file="S.yaml")
    with pytest.raises(Refusal, match=r"request\.malformed"):
        loading.load(tools, declared, actor=ACTOR)
    ours = "urn:interpayer:source:lab:code:99LAB"
    target = Target(ours, "GLU", "http://loinc.org", "2345-7", "equivalent")
    with tools.database.transaction() as conn:
        terminology_store.save(conn, ConceptMap("urn:map", "1", "Lab", (target,)), by="ana")
    report = loading.load(tools, declared, actor=ACTOR)
    assert report.account.as_json()["unmapped"].keys() >= {"urn:map: XYZ", "urn:map: PAN"}
    with tools.database.transaction() as conn:
        rows = [r for r in records_store.records_of(conn, tools.codec, member) if r["type"] == "Observation"]
    codes = {tuple(c["code"] for c in orjson.loads(row["released"])["code"]["coding"]) for row in rows}
    assert codes == {("GLU", "2345-7"), ("XYZ",)}


@pytest.mark.parametrize(("given", "reaches"), [("", {}), ("context: {member_number: MR}\n", {"DiagnosticReport": 1})])
def test_a_hospital_s_number_that_looks_like_a_member_s_reaches_nobody_unless_declared(
    tools: Tools, tmp_path: Path, given: str, reaches: dict[str, int]
) -> None:
    member = a_member(tools, "1001")
    (tmp_path / "feed").mkdir()
    lines = ["MSH|^~\\&|LAB|LAKESIDE|||20260301083000-0600||ORU^R01|R1|P|2.5.1", "PID|1||1001^^^LAKESIDE^MR||OTHER^ANA",
             "OBR|1||F-1|2345-7^Glucose^LN|||20260228||||||||||||||||||F"]  # fmt: skip
    (tmp_path / "feed" / "1.hl7").write_text("\r".join(lines))
    text = f"source: lab\nkind: hl7v2\nwhere: {{path: feed}}\n{given}".encode()
    report = loading.load(tools, parse_declaration(text, folder=tmp_path, file="S.yaml"), actor=ACTOR)
    assert held(tools, member) == reaches
    assert report.account.numbers()["mapped"] == 1
    assert dict(report.quarantined) == ({} if reaches else {"record.foreign_member": 1})
