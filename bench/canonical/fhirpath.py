"""Compiled FHIRPath against fhirpathpy, compiled too, on the same parsed resources in the same run; ratios count.

python -m bench.canonical.fhirpath [--data DIR] [--rounds 7] [--json]

The expressions are the five that the design measured, and invariants of the kinds that guides write. Both get the same
dict; results are compared before anything is timed.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

from interpayer.validation.fhirpath.compile import compile_expression
from interpayer.validation.fhirpath.model import TypeModel
from interpayer.validation.packages import Package, read_package

DEFAULT_DATA = os.environ.get("INTERPAYER_TEST_DATA", "../shared")
TYPES = "http://hl7.org/fhir/StructureDefinition/"
EOB, PATIENT, OBSERVATION = "ExplanationOfBenefit", "Patient", "Observation"
FILES = {
    EOB: "carin-bb-2.0.0/ExplanationOfBenefit-EOBInpatient1.json",
    PATIENT: "us-core-6.1.0/Patient-example.json",
    OBSERVATION: "us-core-6.1.0/Observation-*.json",
}
# The five of the design, then invariants of the kinds that guides write.
EXPRESSIONS = [
    (EOB, "adjudication.category.coding.code"),
    (EOB, "supportingInfo.where(category.coding.code = 'typeofbill').code.coding.code"),
    (EOB, "adjudication.exists() != item.adjudication.exists()"),
    (PATIENT, "name.where(use='old').given.first()"),
    (OBSERVATION, "category.coding.where(system='http://terminology.hl7.org/CodeSystem/observation-category').code"),
    (EOB, "item.all(adjudication.category.coding.exists())"),
    (EOB, "(status = 'active') implies (insurance.where(focus = true).count() = 1)"),
    (PATIENT, "name.exists() or identifier.exists()"),
    (PATIENT, "telecom.all(system.exists() and value.exists())"),
    (OBSERVATION, "(component.empty() and hasMember.empty()) implies (dataAbsentReason.exists() or value.exists())"),
    (OBSERVATION, "dataAbsentReason.empty() or value.empty()"),
    (OBSERVATION, "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [_race(kind, text, given.data, given.rounds) for kind, text in EXPRESSIONS]
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    for row in rows:
        sys.stdout.write(f"{row['ours']:>12,.0f}/s {row['fhirpathpy']:>9,.0f}/s  x{row['ratio']:<5.0f} {row['text']}\n")
    ratios = [float(row["ratio"]) for row in rows]
    sys.stdout.write(f"ours / fhirpathpy: median x{statistics.median(ratios):.0f}, least x{min(ratios):.0f}\n")


def _race(kind: str, text: str, folder: Path, rounds: int) -> dict[str, Any]:
    resource = _resource(folder, kind)
    compiled = compile_expression(text, model=_model(folder), context=kind)
    theirs = fhirpathpy.compile(text, model=models["r4"])
    ours = partial(compiled.values, resource, resource, resource)
    baseline = partial(theirs, resource, {"resource": resource})
    if ours() != baseline():
        raise SystemExit(f"different results: {text}")
    times: dict[str, list[float]] = {"ours": [], "fhirpathpy": []}
    for _ in range(rounds):
        times["ours"].append(_per_second(ours, 4_000))
        times["fhirpathpy"].append(_per_second(baseline, 60))
    # The best round of each: what a busy machine takes away is nobody's speed.
    rates = {name: max(found) for name, found in times.items()}
    return {"text": text, "type": kind, **rates, "ratio": rates["ours"] / rates["fhirpathpy"]}


def _per_second(function: Callable[[], Any], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        function()
    return times / (time.perf_counter() - start)


def _resource(folder: Path, kind: str) -> dict[str, Any]:
    found = sorted((folder / "sample-data" / "fhir" / "ig-examples").glob(FILES[kind]))
    if not found:
        raise SystemExit(f"no example of {kind} below {folder}; name the folder of test data with --data")
    content: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return content


@cache
def _model(folder: Path) -> TypeModel:
    core: Package = read_package(next((folder / "fhir-packages").glob("hl7.fhir.r4.core-*.tgz")))
    entries = core.entries
    return TypeModel(lambda name: core.read(entries[TYPES + name]) if TYPES + name in entries else None)


if __name__ == "__main__":
    main()
