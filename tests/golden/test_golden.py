"""Known faults and what became of them: one folder per case, named for the fault.

A case holds `in.<reader>.json`, or `in.sources.yaml` and the files that it declares, and `out.json`. `make golden`
writes `out.json` anew, and a person reads the difference.
"""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.exchange.member_bundle import read_single, shortcomings
from interpayer.identity.reading import read_patient
from interpayer.identity.standardize import as_document, standardize
from interpayer.model.reason import Refusal
from tests.support import source_outcomes

CASES = sorted(
    path for path in Path(__file__).parent.iterdir() if (path / "out.json").exists() or any(path.glob("in.*"))
)
REWRITE = os.environ.get("REWRITE_GOLDEN") == "1"
READABLE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def _member_match(body: Any) -> dict[str, Any]:
    bundle = read_single(body)
    parts = {name: part for name, part in bundle.as_json().items() if part is not None}
    about = {name: part.get("beneficiary", part.get("patient")) for name, part in parts.items()}
    return {"about": about, "repairs": bundle.repairs, "shortcomings": shortcomings(bundle, today=date(2026, 11, 21))}


def _person(patient: Any) -> dict[str, Any]:
    return {"standard": as_document(standardize(read_patient(patient)))}


READERS: dict[str, Callable[[Any], dict[str, Any]]] = {"member-match": _member_match, "person": _person}


def _outcome(source: Path) -> bytes:
    kind = source.name.split(".")[1]
    try:
        if kind == "sources":
            outcome = source_outcomes.outcome_of(source)
        else:
            outcome = READERS[kind](orjson.loads(source.read_bytes()))
    except Refusal as refusal:
        outcome = {"refusal": refusal.reason, "detail": refusal.detail}
    return orjson.dumps(outcome, option=READABLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_known_fault_ends_as_it_always_did(case: Path) -> None:
    (source,) = case.glob("in.*")
    outcome = _outcome(source)
    if REWRITE:
        (case / "out.json").write_bytes(outcome)
    assert (case / "out.json").read_bytes() == outcome, "read the difference; if it is meant, `make golden`"


def test_there_are_cases() -> None:
    assert len(CASES) >= 8
