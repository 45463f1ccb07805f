"""Whose a document is and what it is; its bytes stay what they were."""

import base64
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.documents import reading
from interpayer.adapters.documents.reading import join_documents, read_document
from interpayer.adapters.files import files_below, read_files

PDF = b"%PDF-1.4 something"
CDA = b"""<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2.3" extension="D-1"/>
  <code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summary"/>
  <title>A <b>summary</b></title>
  <effectiveTime value="20260301101500-0600"/>
  <confidentialityCode code="R"/>
  <recordTarget><patientRole>
    <id root="2.16.840.1.113883.4.1" extension="000-00-0000"/>
    <id root="1.2.4" nullFlavor="UNK"/>
    <id root="1.2.4" extension="77012"/>
  </patientRole></recordTarget>
  <author><assignedAuthor><assignedPerson><name><family>Okafor</family><given>Ada</given></name></assignedPerson>
  </assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><name>Lakeside</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <documentationOf><serviceEvent><effectiveTime><low value="20260101"/><high value="20260228"/></effectiveTime>
  </serviceEvent></documentationOf>
  <relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3" extension="D-0"/></parentDocument></relatedDocument>
  <component><structuredBody/></component>
</ClinicalDocument>"""


def _one(raw: bytes, file: str = "77012/x.bin") -> Found:
    (found,) = read_document(BytesIO(raw), file)
    return found


def test_a_clinical_document_says_itself_what_it_is() -> None:
    found = _one(CDA, "any.xml")
    assert (found.problem, found.key) == (None, "1.2.3|D-1")
    assert found.content is not None
    assert (found.content["member"], found.content["folder"]) == ("", "")
    assert found.content["header"] == {
        "ids": [{"root": "1.2.3", "extension": "D-1"}],
        "patient_ids": [{"root": "1.2.4", "extension": "77012"}],
        "type": {"code": "34133-9", "system": "2.16.840.1.113883.6.1", "display": "Summary"},
        "title": "A summary",
        "created_at": "20260301101500-0600",
        "confidentiality": "R",
        "author": "Ada Okafor",
        "custodian": "Lakeside",
        "service_from": "20260101",
        "service_to": "20260228",
        "replaces": {"root": "1.2.3", "extension": "D-0"},
        "is_structured": True,
    }


@pytest.mark.parametrize(
    ("raw", "kind", "media_type"),
    [
        (PDF, "pdf", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n...", "image", "image/png"),
        (b"\xff\xd8\xff\xe0..", "image", "image/jpeg"),
        (b"GIF89a..", "image", "image/gif"),
        (b"II*\x00..", "image", "image/tiff"),
        (b"\x00" * 128 + b"DICM..", "image", "application/dicom"),
        (b"{\\rtf1 words}", "text", "application/rtf"),
        ("José feels better.\n".encode(), "text", "text/plain; charset=utf-8"),
        (b"<!DOCTYPE html><p>words", "text", "text/html"),
    ],
)
def test_the_bytes_say_what_a_file_is_and_stay_as_they_are(raw: bytes, kind: str, media_type: str) -> None:
    content = _one(raw).content
    assert content is not None
    assert (content["kind"], content["media_type"], content["folder"]) == (kind, media_type, "77012")
    assert base64.b64decode(content["base64"]) == raw
    assert content["size"] == len(raw)


def test_a_text_is_never_read_into() -> None:
    content = _one(b"Diagnosis: E11.9. Medication: metformin.").content
    assert content is not None
    assert content["header"] == {}
    assert content["told"] == {}


@pytest.mark.parametrize(
    ("raw", "file", "problem", "words"),
    [
        (b"PK\x03\x04zip", "77012/x.zip", "record.out_of_scope", "neither C-CDA"),
        (b"", "77012/empty", "record.out_of_scope", "neither C-CDA"),
        (b"Jos\xe9", "77012/latin.txt", "record.out_of_scope", "neither C-CDA"),
        (b"<other/>", "77012/x.xml", "record.out_of_scope", "neither C-CDA"),
        (PDF, "loose.pdf", "record.unattributed", "whose it is"),
        (CDA.replace(b'extension="77012"', b""), "88/x.xml", "record.unattributed", "whose it is"),
        (CDA[:200], "x.xml", "record.invalid", "no well-formed XML"),
        (CDA.replace(b"urn:hl7-org:v3", b"urn:other"), "x.xml", "record.invalid", "no ClinicalDocument"),
        (CDA.replace(b"<Clin", b'<!DOCTYPE a [<!ENTITY x "y">]><Clin', 1), "x.xml", "record.invalid", "document type"),
    ],
)
def test_what_cannot_be_passed_on_says_why(raw: bytes, file: str, problem: str, words: str) -> None:
    found = _one(raw, file)
    assert found.problem == problem
    assert words in found.detail
    assert found.content is None


def test_no_entity_is_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not read me")
    attack = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><Clin'.encode()
    found = _one(CDA.replace(b"<Clin", attack, 1).replace(b"A <b>", b"&x; <b>"), "x.xml")
    assert found.problem == "record.invalid"
    assert "do not read me" not in repr(found.content)


def test_what_is_too_large_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 10)
    found = _one(PDF)
    assert (found.problem, found.raw) == ("record.invalid", b"")


@pytest.fixture
def store(tmp_path: Path) -> Callable[[str], list[Found]]:
    """A document store with this index."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.pdf").write_bytes(PDF)
    (tmp_path / "cda.xml").write_bytes(CDA)

    def read(index: str) -> list[Found]:
        (tmp_path / "index.csv").write_text(index)
        return list(join_documents(partial(read_files, files_below(tmp_path))))

    return read


def test_the_index_outranks_the_folder_and_the_document(store: Callable[[str], list[Found]]) -> None:
    found = store("File,member,id,type,title,date\nletters/a.pdf,88,L-1,34109-9,A letter,2026-03-01\ncda.xml,99,,,,\n")
    cda, letter = found
    assert cda.content is not None
    assert letter.content is not None
    assert (cda.content["member"], cda.key) == ("99", "1.2.3|D-1")
    assert (letter.content["member"], letter.key) == ("88", "L-1")
    assert letter.content["told"] == {"type": "34109-9", "title": "A letter", "date": "2026-03-01"}


@pytest.mark.parametrize(
    ("index", "position", "words"),
    [
        ("file,member\ncda.xml,1\nletters/b.pdf,2\n", 2, "not there"),
        ("file,member\n,1\n", 1, "names no file"),
        ("name,member\nx,1\n", 1, "no column file"),
    ],
)
def test_a_line_of_the_index_that_cannot_be_used_is_reported(
    store: Callable[[str], list[Found]], index: str, position: int, words: str
) -> None:
    last = store(index)[-1]
    assert (last.file, last.position, last.problem) == ("index.csv", position, "record.invalid")
    assert words in last.detail
