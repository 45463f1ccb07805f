"""Files are read as they are: one resource after the other, problems named, bytes kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.fhir_files import parse, read_lines, read_path


def write(folder: Path, name: str, content: Any) -> Path:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def a_patient(number: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": number}


def test_ndjson_with_blank_and_broken_lines(tmp_path: Path) -> None:
    lines = (
        b'{"resourceType":"Patient","id":"1"}\r\n\n{"resourceType":"Pat\n[1]\n"x"\n{"resourceType":"Patient","id":"2"}'
    )
    found = list(read_path(write(tmp_path, "Patient.ndjson", lines)))
    assert [(f.position, f.problem) for f in found] == [
        (1, None), (3, "record.invalid"), (4, "record.invalid"), (5, "record.invalid"), (6, None),
    ]  # fmt: skip
    assert found[0].raw == b'{"resourceType":"Patient","id":"1"}'
    assert found[1].raw == b'{"resourceType":"Pat'


def test_a_folder_is_read_in_order_with_its_subfolders_and_gzip(tmp_path: Path) -> None:
    write(tmp_path, "b.ndjson.gz", b'{"resourceType":"Patient","id":"3"}\n')
    write(tmp_path, "a/one.json", a_patient("1"))
    write(tmp_path, "a/two.json.gz", b"\xef\xbb\xbf" + json.dumps(a_patient("2")).encode())
    write(tmp_path, "README.md", b"# not data")
    found = list(read_path(tmp_path))
    assert [f.content and f.content["id"] for f in found] == ["1", "2", "3"]
    assert [f.file for f in found] == ["a/one.json", "a/two.json.gz", "b.ndjson.gz"]


@pytest.mark.parametrize("kind", ["collection", "searchset", "transaction"])
def test_a_bundle_gives_its_entries_with_local_references(tmp_path: Path, kind: str) -> None:
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    seen = {"resourceType": "Encounter", "id": "e", "subject": {"reference": urn}}
    bundle = {
        "resourceType": "Bundle", "type": kind,
        "entry": [
            {"fullUrl": urn, "resource": {"resourceType": "Patient"}}, {"resource": seen},
            {"request": {}}, {"resource": 3},
        ],
    }  # fmt: skip
    patient, encounter, broken = read_path(write(tmp_path, "b.json", bundle))
    assert patient.content == {"resourceType": "Patient", "id": "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}
    assert encounter.content is not None
    assert encounter.content["subject"] == {"reference": f"Patient/{patient.content['id']}"}
    assert orjson.loads(encounter.raw) == seen
    assert broken.problem == "record.invalid"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b'{"a":1}', b'{"resourceType":7}']
    + [
        b'{"resourceType":"X","v":%s}' % value
        for value in (b"NaN", b"-Infinity", b'"\\ud800"', b'"\xff"', b"9" * 30, b"[" * 5000 + b"]" * 5000)
    ],
)
def test_what_is_no_resource_or_could_not_be_written_again_is_none(raw: bytes) -> None:
    assert parse(raw) is None


def test_decimals_are_written_with_their_digits() -> None:
    raw = b'{"resourceType":"X","a":72.50,"b":[1.0,1e-7],"c":5}'
    assert orjson.dumps(parse(raw)) == raw


def test_lines_of_any_origin_are_read_the_same_way() -> None:
    found = list(read_lines(iter([b'{"resourceType":"Patient","id":"1"}\n', b"\n", b"x"]), "Patient.ndjson"))
    assert [(f.position, f.problem) for f in found] == [(1, None), (3, "record.invalid")]
