"""Claims rows to stored, validated EOBs, against the validator's own speed over the same EOBs in the same run.

python -m bench.canonical.claims [--data DIR] [--rows 2000,10000] [--json]

Measured is all of it, as `interpayer source load` does it: rows read, mapped, checked against the built-in contract and
CARIN's profiles, attributed, canonical, kept apart from money, packed, sealed, kept, recognized in each other, stamped.
The rows are those of the sample under claim numbers and members of their own. Memory is the peak of the process so far.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.app.build import build
from interpayer.exchange.sources.checking import Contract, contract_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.operations.sourcing.loading import load
from interpayer.system.database import connect
from interpayer.system.migrate import migrate
from interpayer.system.postgres import EmbeddedPostgres
from interpayer.system.settings import read_settings

DEFAULT_DATA = os.environ.get("INTERPAYER_TEST_DATA", "../shared")
STATIC = "sample-data/claims-rif/static"
CLAIMS_OF_A_MEMBER = 10
GOAL = 0.6
# So many EOBs show the speed of the validator.
ENOUGH = 2000
DECLARATION = """
source: claims
kind: tables
role: claims
where: {path: .}
entities:
  person: {mapping: rif/beneficiary, role: enrollment, file: "people.txt", delimiter: "|", extra: keep, key: BENE_ID}
  claim: {mapping: rif/carrier, file: "claims.txt", delimiter: "|", extra: keep, group_by: CLM_ID}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: how fast rows became stored EOBs, as a share of the validator's own speed, and the memory it took."""

    rows: int
    rows_per_s: int
    validated_per_s: int
    ratio: float
    peak_mib: int


def write_rows(folder: Path, data: Path, *, first: int, count: int) -> Declaration:
    """Rows of the sample with claim numbers and members of their own, as files of a declared source."""
    folder.mkdir()
    head, row, *_ = (data / STATIC / "sample-a-bcarrier.txt").read_text("utf-8").splitlines()
    people_head, person, *_ = (data / STATIC / "sample-a-beneficiaries.txt").read_text("utf-8").splitlines()
    members = range(first // CLAIMS_OF_A_MEMBER, (first + count) // CLAIMS_OF_A_MEMBER + 1)
    with (folder / "claims.txt").open("w", encoding="utf-8") as file:
        file.write(f"{head}\n")
        for number in range(first, first + count):
            changes = {"CLM_ID": f"-{9_000_000_000 + number}", "BENE_ID": f"-{100 + number // CLAIMS_OF_A_MEMBER}"}
            file.write(f"{_changed(head, row, changes)}\n")
    with (folder / "people.txt").open("w", encoding="utf-8") as file:
        file.write(f"{people_head}\n")
        for number in members:
            changes = {"BENE_ID": f"-{100 + number}", "BENE_CRNT_HIC_NUM": f"H{number:09}", "MBI_NUM": f"M{number:09}"}
            file.write(f"{_changed(people_head, person, changes)}\n")
    return parse_declaration(DECLARATION.encode(), folder=folder, file="SOURCE.yaml")


def _changed(head: str, row: str, changes: dict[str, str]) -> str:
    return "|".join(changes.get(n, v) for n, v in zip(head.split("|"), row.split("|"), strict=False))


def validated_per_s(tools: Tools, declaration: Declaration, contract: Contract) -> int:
    """How many of these EOBs the validator alone does in a second, bytes in, verdict out."""
    assert contract.profiles is not None
    refinery = tools.workshop.refinery(declaration)
    eobs: list[bytes] = []
    for refined in refinery.refine_all(tools.workshop.source(declaration).read()):
        eobs += [one.raw for one in refined.kept if one.resource["resourceType"] == "ExplanationOfBenefit"]
        if len(eobs) >= ENOUGH:
            break
    start = time.perf_counter()
    for raw in eobs:
        contract.profiles.check(orjson.loads(raw))
    return round(len(eobs) / (time.perf_counter() - start))


def measure(data: Path, sizes: list[int]) -> Iterator[Measured]:
    contract = contract_of(data / "fhir-packages")
    with _tools(data) as (tools, folder):
        first = 0
        # the first rows pay for what is compiled once
        load(tools, write_rows(folder / "warm", data, first=10_000_000, count=50), actor=Actor("process", "bench"))
        for size in sizes:
            declaration = write_rows(folder / f"rows-{size}", data, first=first, count=size)
            first += size
            alone = validated_per_s(tools, declaration, contract)
            start = time.perf_counter()
            report = load(tools, declaration, actor=Actor("process", "bench"))
            speed = size / (time.perf_counter() - start)
            assert report.saved.types["ExplanationOfBenefit"] == size, report.counts()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            yield Measured(size, round(speed), alone, round(speed / alone, 3), peak)


@contextmanager
def _tools(data: Path) -> Iterator[tuple[Tools, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        environ = {"INTERPAYER_HOME": str(folder / "home"), "INTERPAYER_FHIR_PACKAGES": str(data / "fhir-packages")}
        settings = read_settings(environ)
        with EmbeddedPostgres(settings.home, settings.run_as) as server:
            with connect(server.url("owner"), autocommit=True) as conn:
                migrate(conn)
            application = build(settings)
            try:
                yield application.tools("operator"), folder
            finally:
                application.close()


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.canonical.claims", description=(__doc__ or "").splitlines()[0]
    )
    options.add_argument("--data", type=Path, default=Path(DEFAULT_DATA))
    options.add_argument("--rows", default="2000,10000", help="sizes, one after the other")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    rows: list[dict[str, Any]] = []
    for one in measure(given.data, [int(size) for size in given.rows.split(",")]):
        rows.append(asdict(one))
        if not given.json:
            sys.stdout.write(
                f"{one.rows:>9,} rows: {one.rows_per_s:>6,}/s stored, validator alone {one.validated_per_s:>7,}/s, "
                f"ratio {one.ratio:.2f} (goal {GOAL}), peak memory {one.peak_mib} MiB\n"
            )
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
