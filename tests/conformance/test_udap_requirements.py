"""Each requirement of the UDAP sheet is shown by a test that exists, or has a written reason why it does not apply."""

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "udap-conformance.md"
ROW = re.compile(r"^\| (?P<numbers>[\d–, ]+) \| (?P<rest>.+) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)(?:\[(.+?)\])?`")
BINDING = frozenset({"SHALL", "SHALL NOT"})


@cache
def rows() -> tuple[tuple[tuple[int, ...], str, bool], ...]:
    """Numbers, the rest of the row, and whether it is one of those that do not apply."""
    shown, _, not_for_us = PAGE.read_text("utf-8").partition("## Does not apply")
    parts = ((shown, False), (not_for_us, True))
    return tuple(
        (numbers_of(row["numbers"]), row["rest"], is_out) for text, is_out in parts for row in ROW.finditer(text)
    )


def numbers_of(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("–")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


@cache
def sheet(test_data: Path) -> dict[int, dict[str, str]]:
    with (test_data / "udap" / "requirements.csv").open(encoding="utf-8-sig", newline="") as file:
        return {int(row["ID"]): row for row in csv.DictReader(file)}


def test_each_number_stands_on_the_page_once(test_data: Path) -> None:
    counted = Counter(number for numbers, _, _ in rows() for number in numbers)
    assert not [number for number, times in counted.items() if times > 1]
    assert set(counted) == set(sheet(test_data))


def test_whatever_binds_is_shown_by_a_test_or_has_a_reason(test_data: Path) -> None:
    lacking = [
        number
        for numbers, rest, is_out in rows()
        for number in numbers
        if sheet(test_data)[number]["Conformance"] in BINDING and not is_out and not TEST.search(rest)
    ]
    assert not lacking
    assert all(len(rest) > 20 for _, rest, is_out in rows() if is_out)


def test_withdrawn_rows_are_said_to_be_so(test_data: Path) -> None:
    withdrawn = {number for number, row in sheet(test_data).items() if row["Conformance"] == "DEPRECATED"}
    said = {number for numbers, rest, is_out in rows() if is_out and "Withdrawn" in rest for number in numbers}
    assert withdrawn == said


def test_every_test_that_is_named_exists() -> None:
    named = {found for _, rest, _ in rows() for found in TEST.findall(rest)}
    gone = [f"{path}::{name}[{case}]" for path, name, case in sorted(named) if not exists(path, name, case)]
    assert len(named) > 60 and not gone


def exists(path: str, name: str, case: str) -> bool:
    file = ROOT / path
    text = file.read_text("utf-8") if file.is_file() else ""
    return f"def {name}(" in text and (not case or f'"{case}"' in text)


@pytest.mark.parametrize(
    ("path", "name", "case"),
    [
        ("tests/nowhere.py", "test_x", ""),
        ("tests/conformance/test_udap_requirements.py", "test_gone", ""),
        ("tests/store/gateway/test_udap_tokens.py", "test_a_form_that_does_not_fit_gets_no_token", "gone"),
    ],
)
def test_a_test_that_is_gone_would_be_found(path: str, name: str, case: str) -> None:
    assert not exists(path, name, case)


def test_the_page_is_in_our_own_words(test_data: Path) -> None:
    """No run of eight words is the sheet's."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z0-9]+", text.lower())
        return {tuple(words[start : start + 8]) for start in range(len(words) - 7)}

    theirs = {run for row in sheet(test_data).values() for run in runs(row["Requirement"])}
    ours = runs(TEST.sub("", PAGE.read_text("utf-8")))
    assert theirs and not theirs & ours
