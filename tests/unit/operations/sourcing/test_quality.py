"""The report of a source counts what is missing, comes twice or is of the future, and names its worst records."""

from pathlib import Path
from typing import Any

import orjson

from interpayer.operations.sourcing.checking import BAD, DOUBTFUL, GOOD, check_source
from interpayer.operations.sourcing.quality import measure
from interpayer.operations.sourcing.reading import reading_of
from tests.support.sources import a_declaration, a_workshop


def an_observation(name: str, day: str = "2024-01-02", **more: Any) -> dict[str, Any]:
    code = {"coding": [{"code": "718-7"}]}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": code, "effectiveDateTime": day} | more


def declared(folder: Path, *resources: dict[str, Any], more: str = "") -> Any:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "a.ndjson").write_bytes(b"\n".join(map(orjson.dumps, resources)) + b"\nnonsense\n")
    return a_declaration(folder, f"source: labs\nkind: fhir_files\nwhere: {{path: in}}\n{more}")


def test_what_the_report_counts(tmp_path: Path) -> None:
    one = an_observation("1", valueQuantity={"value": 1}, subject={"reference": "Patient/p"})
    told = declared(
        tmp_path, one, one, {**one, "id": "2"}, an_observation("1"), an_observation("3", day="2999-01-01"),
        {"resourceType": "Observation", "id": "4"},
    )  # fmt: skip
    quality = measure(reading_of(a_workshop(), told)).as_json()
    assert quality["records"] == {"read": 7, "mapped": 5, "quarantined": 2, "out_of_scope": 0, "partly": 0}
    assert quality["resources"] == {"Observation": 4}
    assert quality["completeness"]["Observation"]["value[x]"] == 0.5
    assert quality["completeness"]["Observation"]["effective[x]"] == 1.0
    assert quality["completeness"]["Observation"]["performer"] == 0.0
    assert quality["duplicates"] == {"same_content": {"Observation": 1}, "same_id_other_content": {"Observation": 1}}
    assert quality["codes_without_system"] == {"Observation": 4}
    assert quality["dates"]["in_future"] == {"Observation": 1}
    assert quality["dates"]["oldest"] == "2024-01-02"
    assert [(row["position"], row["flaws"]) for row in quality["worst"]] == [(6, 2), (7, 1)]
    assert quality["broken_rules"]["required at status"] == 1


def test_a_source_is_looked_at_before_it_is_used(tmp_path: Path) -> None:
    good = declared(tmp_path, an_observation("1"), more="as_of: 2020-01-01\nfresh_within: 1d\n")
    report = check_source(a_workshop(), good)
    assert {look.what: look.state for look in report.looks} == {
        "mappings": GOOD, "files": GOOD, "sample": DOUBTFUL, "freshness": DOUBTFUL,
    }  # fmt: skip
    assert report.can_be_used
    (tmp_path / "in" / "a.ndjson").write_text("nonsense")
    assert [look.what for look in check_source(a_workshop(), good).looks if look.state == BAD] == ["sample"]
    (tmp_path / "in" / "a.ndjson").unlink()
    assert not check_source(a_workshop(), good).can_be_used
