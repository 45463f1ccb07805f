"""The examples that the guides publish are valid; those that are not are named one by one, with what they break."""

from pathlib import Path

import orjson
import pytest

from interpayer.validation.packages import read_library
from interpayer.validation.profiles import Profiles
from tests.support.definitions import example_files

NPI = {"us-core-16", "us-core-17"}
# What these examples claim and do not keep; everything else must be without an error.
BROKEN = {
    # "NPIs" of six or nine digits, where US Core asks for ten with a check digit.
    "pdex-2.0.0/Organization-Payer1.json": NPI,
    "pdex-2.0.0/Organization-Payer1-1.json": NPI,
    "pdex-2.0.0/Organization-Payer2.json": NPI,
    "pdex-2.0.0/Organization-Payer2-2.json": NPI,
    "pdex-2.0.0/Organization-ProviderOrg1.json": NPI,
    "pdex-2.0.0/Organization-ProviderOrg2.json": NPI,
    "pdex-2.0.0/Practitioner-4.json": NPI,
    # Coverages that claim HRex's profile, which asks for the relationship and for a member id.
    "pdex-2.0.0/Coverage-883210.json": {"required"},
    "pdex-2.0.0/Coverage-Coverage1.json": {"required", "us-core-15"},
}


@pytest.fixture(scope="module")
def profiles(test_data: Path) -> Profiles:
    return Profiles(read_library(test_data / "fhir-packages"))


def test_no_error_is_false(test_data: Path, profiles: Profiles) -> None:
    found = example_files(test_data)
    errors = {}
    for name, path in found.items():
        verdict = profiles.check(orjson.loads(path.read_bytes()))
        rules = {issue.rule for issue in verdict.issues if issue.severity == "error"}
        assert verdict.is_valid is not bool(rules)
        if rules:
            errors[name] = rules
    assert len(found) >= 330
    assert errors == BROKEN


def test_what_is_not_evaluated_is_terminology_or_a_guide_that_is_not_at_hand(
    test_data: Path, profiles: Profiles
) -> None:
    """Every invariant of every profile claimed is asked, but for value sets and profiles of other publishers."""
    known = (
        "binding of", "targets of", "profile http",
        "slice ExplanationOfBenefit.adjudication:denialreason", "closed slices of ExplanationOfBenefit.adjudication:",
    )  # fmt: skip
    invariants = {"EOB-careteam-qualification", "adjudication-has-amount-type-slice"}
    for path in example_files(test_data).values():
        for note in profiles.check(orjson.loads(path.read_bytes())).not_evaluated:
            assert note.startswith(known) or note.partition(":")[0] in invariants, note
