"""One spelling per code; what may be two codes is none."""

import pytest

from interpayer.terminology.forms import (
    ICD9CM,
    ICD10CM,
    ICD10PCS,
    LICENSED,
    NDC,
    PLACE_OF_SERVICE,
    SYSTEMS,
    TYPE_OF_BILL,
    canonical,
    system_named,
)
from interpayer.terminology.translate import Code


@pytest.mark.parametrize(
    ("system", "text", "spelled"),
    [
        (ICD10CM, "E119", "E11.9"),
        (ICD10CM, "e11.9", "E11.9"),
        (ICD10CM, "S060X1A", "S06.0X1A"),
        (ICD10CM, "I10", "I10"),
        (ICD10CM, "U071", "U07.1"),
        (ICD10CM, "E1.19", None),
        (ICD10CM, "E11.", None),
        (ICD10CM, "25000", None),
        (ICD10PCS, "0DTJ4ZZ", "0DTJ4ZZ"),
        (ICD10PCS, "0DTO4ZZ", None),
        (ICD9CM, "25000", "250.00"),
        (ICD9CM, "401", "401"),
        (ICD9CM, "401.9", "401.9"),
        (ICD9CM, "E8490", "E849.0"),
        (ICD9CM, "V5869", "V58.69"),
        (ICD9CM, "25.000", None),
        (ICD9CM, "E84.90", None),
        (NDC, "00002143380", "00002143380"),
        (NDC, "0002-1433-80", "00002143380"),
        (NDC, "50242-040-62", "50242004062"),
        (NDC, "60505-0065-1", "60505006501"),
        (NDC, "49281-0215-88", "49281021588"),
        (NDC, "0002143380", None),
        (NDC, "0002-143-80", None),
        (PLACE_OF_SERVICE, "3", "03"),
        (PLACE_OF_SERVICE, "11", "11"),
        (PLACE_OF_SERVICE, "111", None),
        (TYPE_OF_BILL, "131", "0131"),
        (TYPE_OF_BILL, "0131", "0131"),
        (TYPE_OF_BILL, "13", None),
        ("http://loinc.org", "2345-7", "2345-7"),
        ("urn:of-the-plan", " x ", " x "),
    ],
)
def test_a_code_has_one_spelling(system: str, text: str, spelled: str | None) -> None:
    assert canonical(Code(system, text)) == (Code(system, spelled) if spelled else None)


def test_the_spelling_of_a_spelled_code_is_itself() -> None:
    for system, text in ((ICD10CM, "E119"), (NDC, "0002-1433-80"), (TYPE_OF_BILL, "131"), (ICD9CM, "V5869")):
        once = canonical(Code(system, text))
        assert once is not None
        assert canonical(once) == once


def test_short_names_are_systems_and_other_names_are_themselves() -> None:
    assert system_named("LOINC") == "http://loinc.org"
    assert system_named("https://plan.example/lab") == "https://plan.example/lab"
    assert {SYSTEMS["cpt"], SYSTEMS["cdt"], TYPE_OF_BILL} < LICENSED
