"""A read leaves every record somewhere: in a type's file, kept apart, or left out, and the account adds up."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import Checked
from interpayer.operations.sourcing.reading import Reading, read_into, reading_of
from tests.support.sources import a_declaration, a_workshop

PATIENT = '{"resourceType":"Patient","id":"1","multipleBirthInteger":2.50}'
DECLARED = "source: mine\nkind: fhir_files\nwhere: {path: in}\nentities: {Basic: {out_of_scope: nobody reads it}}"
STU3 = '{"resourceType":"ExplanationOfBenefit","id":"4","status":"active","information":[]}'


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def a_reading(folder: Path) -> Reading:
    return reading_of(a_workshop(), a_declaration(folder, DECLARED))


def read(tmp_path: Path, **files: str) -> tuple[Account, Path]:
    (tmp_path / "in").mkdir()
    for name, text in files.items():
        (tmp_path / "in" / f"{name}.ndjson").write_text(text)
    (tmp_path / "in" / "notes.txt").write_text("not read")
    reading = a_reading(tmp_path)
    return read_into(tmp_path / "out", reading), tmp_path / "out"


def test_every_record_is_somewhere(tmp_path: Path) -> None:
    broken = '{"resourceType":"Coverage","id":"2","status":"active"}'
    basic = '{"resourceType":"Basic","id":"3","code":{}}'
    account, out = read(tmp_path, a=f"{PATIENT}\n{broken}\nnonsense\n", b=f"{basic}\n{STU3}\n")
    assert account.numbers() == {"read": 5, "mapped": 1, "quarantined": 3, "out_of_scope": 1, "partly": 0}
    told = json.loads((out / "account.json").read_text())
    assert told["read"] == told["mapped"] + told["quarantined"] + told["out_of_scope"]
    assert [(row["file"], row["read"], row["quarantined"]) for row in told["files"]] == [
        ("a.ndjson", 3, 2), ("b.ndjson", 2, 1),
    ]  # fmt: skip
    assert {row["reason"] for row in told["reasons"]["quarantined"]} == {
        "record.invalid", "record.unsupported_version",
    }  # fmt: skip
    assert told["reasons"]["out_of_scope"][0]["detail"] == "nobody reads it"
    assert (told["files_read"], told["files_passed_over"]) == (["a.ndjson", "b.ndjson"], ["notes.txt"])
    # as it came, digit by digit
    assert (out / "Patient.ndjson").read_text() == PATIENT + "\n"
    apart = lines(out / "quarantine.ndjson")
    assert [(row["file"], row["position"]) for row in apart] == [("a.ndjson", 2), ("a.ndjson", 3), ("b.ndjson", 2)]
    assert base64.b64decode(apart[0]["content"]).decode() == broken
    assert {issue["expression"][0] for issue in apart[0]["outcome"]["issue"]} == {"beneficiary", "payor"}
    assert [row["key"] for row in lines(out / "out_of_scope.ndjson")] == ["3"]
    assert lines(out / "lineage.ndjson")[0] == {
        "type": "Patient", "id": "1", "source": "mine", "entity": "Patient", "file": "a.ndjson", "position": 1,
        "key": "1", "mapping": "",
    }  # fmt: skip


def test_a_damaged_file_does_not_end_the_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson.gz").write_bytes(b"no gzip at all")
    (tmp_path / "in" / "b.ndjson").write_text(PATIENT)
    account = read_into(tmp_path / "out", a_reading(tmp_path))
    assert account.numbers() == {"read": 2, "mapped": 1, "quarantined": 1, "out_of_scope": 0, "partly": 0}
    assert account.as_json()["reasons"]["quarantined"][0]["reason"] == "source.invalid"
    assert not account.is_whole


def test_a_fault_of_ours_keeps_one_record_apart(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson").write_text(f"{PATIENT}\n{PATIENT.replace('1', '2')}\n")
    reading = a_reading(tmp_path)

    def stumble(resource: Mapping[str, Any], _raw: bytes) -> Checked:
        return Checked() if resource["id"] == "1" else Checked(1 / 0)  # type: ignore[arg-type]

    stumbling = replace(reading, refinery=replace(reading.refinery, check=stumble))
    account = read_into(tmp_path / "out", stumbling)
    assert account.numbers() == {"read": 2, "mapped": 1, "quarantined": 1, "out_of_scope": 0, "partly": 0}
    (reason,) = account.as_json()["reasons"]["quarantined"]
    assert (reason["reason"], reason["detail"]) == ("system.bug", "a fault of ours (ZeroDivisionError)")
