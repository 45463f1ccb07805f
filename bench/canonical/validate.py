"""Validation against orjson.loads of the same bytes in the same run; the multiples count.

python -m bench.canonical.validate [--data DIR] [--rounds 9] [--json]

Validated is everything: structure, slices, bindings, references and all invariants, with the verdict as any caller gets
it (`Profiles.check`). The goal is 10 times `orjson.loads` for a claim of CARIN; narratives are left out.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from interpayer.validation.packages import read_library
from interpayer.validation.profiles import Profiles

DEFAULT_DATA = os.environ.get("INTERPAYER_TEST_DATA", "../shared")
FILES = (
    "sample-data/fhir/ig-examples/carin-bb-2.0.0/ExplanationOfBenefit-EOBInpatient1.json",
    "sample-data/fhir/ig-examples/carin-bb-2.0.0/ExplanationOfBenefit-EOBProfessional1.json",
    "sample-data/fhir/ig-examples/carin-bb-2.0.0/ExplanationOfBenefit-EOBPharmacy1.json",
    "fhir-examples/carin-bb-2.2.0/ExplanationOfBenefit-BB-EOBInpatient1-nonfinancial.json",
    "sample-data/fhir/ig-examples/us-core-6.1.0/Patient-example.json",
    "sample-data/fhir/ig-examples/us-core-6.1.0/Observation-serum-glucose.json",
)
GOAL = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--narrative", action="store_true", help="keep narratives")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    profiles = Profiles(read_library(given.data / "fhir-packages"))
    rows = [_race(profiles, given.data / name, given.rounds, keep=given.narrative) for name in FILES]
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    for row in rows:
        sys.stdout.write(
            f"{row['file']:<60} {row['bytes']:>6} B  loads {row['loads']:>8,.0f}/s  valid {row['check']:>7,.0f}/s"
            f"  x{row['multiple']:<5.1f} compiled in {row['compile_ms']:.0f} ms\n"
        )
    claims = [row["multiple"] for row in rows if row["file"].startswith("ExplanationOfBenefit")]
    sys.stdout.write(f"claims: at most x{max(claims):.1f} of orjson.loads (goal x{GOAL:.0f})\n")


def _race(profiles: Profiles, path: Path, rounds: int, *, keep: bool) -> dict[str, Any]:
    resource = json.loads(path.read_text(encoding="utf-8"))
    if not keep:
        resource.pop("text", None)
    packed = orjson.dumps(resource)
    resource = orjson.loads(packed)
    start = time.perf_counter()
    verdict = profiles.check(resource)
    compile_ms = (time.perf_counter() - start) * 1000
    if not verdict.is_valid:
        raise SystemExit(f"{path.name} is not valid: {verdict.issues}")
    loads, check = partial(orjson.loads, packed), partial(profiles.check, resource)
    times = [(_seconds(loads, 4000), _seconds(check, 400)) for _ in range(rounds)]
    return {
        "file": path.name,
        "bytes": len(packed),
        "loads": 1 / statistics.median(one for one, _ in times),
        "check": 1 / statistics.median(one for _, one in times),
        "multiple": statistics.median(ours / theirs for theirs, ours in times),
        "compile_ms": compile_ms,
    }


def _seconds(function: Callable[[], Any], times: int) -> float:
    """Processor time of one call: other processes of a busy machine do not count."""
    start = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - start) / times


if __name__ == "__main__":
    main()
