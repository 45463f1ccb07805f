"""Every transform of the closed list: what it gives, and what it cannot read."""

import re
from typing import Any

import orjson
import pytest

from interpayer.normalization.mapping.times import read_datetime, zone_of
from interpayer.normalization.mapping.transforms import KINDS
from tests.architecture.tree import DOCS

GIVES: list[tuple[str, Any, str, Any]] = [
    ("trim", None, "  a b ", "a b"),
    ("upper", None, "aß", "ASS"),
    ("lower", None, "AB", "ab"),
    ("digits", None, "(555) 01-2", "555012"),
    ("strip_zeros", None, "0070", "70"),
    ("strip_zeros", None, "000", "0"),
    ("pad", "11", "42", "00000000042"),
    ("split", {"by": "^", "at": 1}, "a^b", "b"),
    ("split", {"by": "^", "at": 5}, "a^b", ""),
    ("slice", "0:5", "123456789", "12345"),
    ("slice", "3:", "12345", "45"),
    ("prefix", "x-", "1", "x-1"),
    ("suffix", "-x", "1", "1-x"),
    ("replace", {"-": "", "a": "b"}, "a-a", "bb"),
    ("integer", None, " 007 ", 7),
    ("integer", None, "3.0", 3),
    ("integer", None, "-3", -3),
    ("integer", None, "3.5", None),
    ("integer", None, "x", None),
    ("integer", None, "", None),
    ("integer", None, "²", None),
    ("integer", None, "2147483648", None),
    ("integer", None, "9" * 5000, None),
    ("decimal", None, "9" * 30, float("9" * 30)),
    ("decimal", None, "0072.50", 72.50),
    ("decimal", None, "+.5", 0.5),
    ("decimal", None, "-0", 0),
    ("decimal", None, "1e-3", 0.001),
    ("decimal", None, "1,5", None),
    ("decimal", None, ".", None),
    ("boolean", None, "y", True),
    ("boolean", None, "0", False),
    ("boolean", None, "maybe", None),
    ("date", None, "2024-02-29", "2024-02-29"),
    ("date", None, "20230229", None),
    ("date", None, "2024-02-29T10:00:00Z", "2024-02-29"),
    ("date", None, "99991231", ""),
    ("date", "DD-MON-YYYY", "7-oct-1999", "1999-10-07"),
    ("date", "DD-MON-YYYY", "07-XXX-1999", None),
    ("date", ["MM/DD/YYYY", "YYYYMMDD"], "1/31/2024", "2024-01-31"),
    ("date", ["MM/DD/YYYY", "YYYYMMDD"], "20240131", "2024-01-31"),
    ("date", "YYYYMMDD", "2024-01-31", None),
    ("icd10cm", None, "a0221", "A02.21"),
    ("icd10cm", None, "A02.21", "A02.21"),
    ("icd10cm", None, "A02", "A02"),
    ("icd10cm", None, "25000", None),
    ("icd9cm", None, "25000", "250.00"),
    ("icd9cm", None, "V222", "V22.2"),
    ("icd9cm", None, "E8490", "E849.0"),
    ("icd10pcs", None, "0dtj4zz", "0DTJ4ZZ"),
    ("icd10pcs", None, "0DTI4ZZ", None),
    ("icd9pcs", None, "4709", "47.09"),
    ("ndc11", None, "0002-1433-80", "00002143380"),
    ("ndc11", None, "50242-040-62", "50242004062"),
    ("ndc11", None, "60505-0015-2", "60505001502"),
    ("ndc11", None, "00002143380", "00002143380"),
    ("ndc11", None, "0002143380", None),
    ("npi", None, "1234567893", "1234567893"),
    ("npi", None, "1234567890", None),
    ("npi", None, "123456789", None),
    ("id", None, " a.B-1 ", "a.B-1"),
    ("reference", "Patient", "x-y", {"reference": "Patient/x-y"}),
]
WRONG_ARGUMENTS = [
    ("trim", "x"),
    ("pad", None),
    ("pad", "many"),
    ("split", "x"),
    ("replace", "x"),
    ("reference", "patient"),
    ("date", "YYYYMM"),
    ("date", "YYMMDD"),
]


@pytest.mark.parametrize(("name", "argument", "text", "value"), GIVES)
def test_a_transform(name: str, argument: Any, text: str, value: Any) -> None:
    given = KINDS[name].make(argument)(text)
    assert (orjson.loads(orjson.dumps(given)) if isinstance(given, orjson.Fragment) else given) == value


def test_every_transform_is_tried_and_on_the_page() -> None:
    tried = {name for name, *_ in GIVES} | {"join", "dateTime", "instant"}
    assert tried == set(KINDS)
    page = (DOCS / "reference" / "mapping-language.md").read_text("utf-8")
    missing = [name for name in KINDS if not re.search(rf"`(\{{)?{name}\b", page)]
    assert not missing


@pytest.mark.parametrize(("name", "argument"), WRONG_ARGUMENTS)
def test_a_wrong_argument_is_refused(name: str, argument: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        KINDS[name].make(argument)


def test_decimals_keep_their_digits() -> None:
    make = KINDS["decimal"].make(None)
    assert [orjson.dumps(make(one)) for one in ("72.50", "007", "-.50", "1.00")] == [b"72.50", b"7", b"-0.50", b"1.00"]


def test_ids_stay_different_whatever_they_may_not_hold() -> None:
    make, refer = KINDS["id"].make(None), KINDS["reference"].make("Patient")
    texts = ["a" * 70, "a" * 69 + "b", "a b", "a/b", "a-b", "a_b", "\u00e9", "\u00e8", "^"]
    ids = [make(text) for text in texts]
    assert len(set(ids)) == len(texts), "two people must never become one by their ids"
    assert all(re.fullmatch(r"[A-Za-z0-9.-]{1,64}", one) for one in ids)
    assert [refer(text)["reference"] for text in texts] == [f"Patient/{one}" for one in ids]
    assert [make(one) for one in ids] == ids


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024", "2024"), ("202401", "2024-01"), ("20240131", "2024-01-31"), ("2024-01-31", "2024-01-31"),
        ("20240131103045.1234-0500", "2024-01-31T10:30:45.1234-05:00"),
        ("2024-01-31T10:30:45Z", "2024-01-31T10:30:45Z"),
        ("2024-01-31 10:30:45", "2024-01-31T10:30:45Z"), ("20240131 1030", "2024-01-31T10:30:00Z"),
        ("20241301", None), ("202401312500", None), ("yesterday", None), ("9999-12-31 00:00:00", ""),
    ],
)  # fmt: skip
def test_a_time_is_as_exact_as_it_was(text: str, value: str | None) -> None:
    assert read_datetime(text, zone_of("UTC")) == value
