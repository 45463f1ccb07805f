"""Plain lists as content: CSV, pipe and tab files of codes or of pairs of codes, with the columns the caller names."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from interpayer.terminology.content import (
    CodeSystem,
    Concept,
    ConceptMap,
    Content,
    ContentFault,
    Inclusion,
    Target,
    ValueSet,
)

EQUIVALENCES = frozenset(
    "relatedto equivalent equal wider subsumes narrower specializes inexact unmatched disjoint".split()  # noqa: SIM905
)
COLUMNS = {
    "code_system": ("code", "display", "valid_from", "valid_to", "active"),
    "value_set": ("system", "code"),
    "concept_map": ("from_code", "to_code", "equivalence", "from_system", "to_system", "to_display"),
}
_NEEDED = {"code_system": "code", "value_set": "code", "concept_map": "from_code"}
_DATES = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%Y/%m/%d")
_SPAN = re.compile(r"([1-9][0-9]{0,4})-([0-9]{0,5})", re.ASCII)
_NO = frozenset({"0", "n", "no", "false", "inactive", "retired", "d"})
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class ListSpec:
    """What a list is. ``columns``: which is which, by header; without one by number from 1, or by places (7-13)."""

    kind: str
    url: str
    version: str = ""
    from_system: str = ""
    to_system: str = ""
    delimiter: str = ","
    columns: tuple[tuple[str, str], ...] = ()
    is_complete: bool = True


def read_list(lines: Iterable[str], spec: ListSpec, *, name: str) -> Content:
    """The list as content. Raises ContentFault with the line and the column that cannot be read."""
    if not spec.url:
        raise ContentFault("a list says not which system it is: name it")
    if len(spec.delimiter) != 1:
        raise ContentFault("the delimiter is one character")
    try:
        made = tuple(_made(*_rows_of(lines, spec), _ROWS[spec.kind](spec)))
    except csv.Error as error:
        raise ContentFault(f"is no list of this delimiter: {error}") from None
    if not made:
        raise ContentFault("no line holds a code")
    return _content(made, spec, name)


def _rows_of(lines: Iterable[str], spec: ListSpec) -> tuple[Iterator[Sequence[str]], dict[str, int]]:
    """The rows, and which column of ours stands where in them. Raises ContentFault."""
    spans = {column: found for column, text in spec.columns if (found := _SPAN.fullmatch(text))}
    if spans and len(spans) == len(spec.columns):
        cuts = [slice(int(found[1]) - 1, int(found[2]) if found[2] else None) for found in spans.values()]
        rows = ([line.rstrip("\r\n")[cut] for cut in cuts] for line in lines)
        return rows, {column: place for place, column in enumerate(spans)}
    if spec.delimiter == ",":
        read = csv.reader(lines)
    else:
        read = csv.reader(lines, delimiter=spec.delimiter, quotechar=None, quoting=csv.QUOTE_NONE)
    return read, _places(read, spec)


def _places(rows: Iterator[Sequence[str]], spec: ListSpec) -> dict[str, int]:
    """Which column of ours stands where. Raises ContentFault."""
    known = COLUMNS[spec.kind]
    named = dict(spec.columns)
    if strange := sorted(set(named) - set(known)):
        raise ContentFault(f"there is no column {strange[0]}; known are {', '.join(known)}")
    if named and all(text.isdigit() for text in named.values()):
        return {column: int(text) - 1 for column, text in named.items()}
    header = [cell.strip() for cell in next(rows, [])]
    lower = [cell.lower() for cell in header]
    wanted = {column: named.get(column, column) for column in known if column in named or column in lower}
    missing = [text for text in wanted.values() if text not in header and text.lower() not in lower]
    if _NEEDED[spec.kind] not in wanted or missing:
        raise ContentFault(f"line 1: no column {missing[0] if missing else _NEEDED[spec.kind]}")
    return {c: header.index(text) if text in header else lower.index(text.lower()) for c, text in wanted.items()}


def _made(
    rows: Iterator[Sequence[str]], places: Mapping[str, int], make: Callable[[dict[str, str]], _Made]
) -> Iterator[_Made]:
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        cells = {column: row[place].strip() if place < len(row) else "" for column, place in places.items()}
        try:
            yield make(cells)
        except ContentFault as fault:
            raise ContentFault(f"row {number}: {fault}") from None


def _concept_of(spec: ListSpec) -> Callable[[dict[str, str]], Concept]:
    def make(cells: dict[str, str]) -> Concept:
        is_active = cells.get("active", "").lower() not in _NO
        dates = _date(cells, "valid_from"), _date(cells, "valid_to")
        return Concept(_needed(cells, "code"), cells.get("display") or None, *dates, is_active)

    return make


def _inclusion_of(spec: ListSpec) -> Callable[[dict[str, str]], Inclusion]:
    def make(cells: dict[str, str]) -> Inclusion:
        return Inclusion(cells.get("system") or spec.from_system or _lacks("system"), _needed(cells, "code"))

    return make


def _target_of(spec: ListSpec) -> Callable[[dict[str, str]], Target]:
    def make(cells: dict[str, str]) -> Target:
        code = cells.get("to_code") or None
        equivalence = cells.get("equivalence", "").lower() or ("relatedto" if code else "unmatched")
        if equivalence not in EQUIVALENCES:
            raise ContentFault(f"equivalence is none of {', '.join(sorted(EQUIVALENCES))}")
        from_system = cells.get("from_system") or spec.from_system or _lacks("from_system")
        to_system = cells.get("to_system") or spec.to_system or _lacks("to_system")
        found = None if equivalence in ("unmatched", "disjoint") else code
        return Target(from_system, _needed(cells, "from_code"), to_system, found, equivalence, cells.get("to_display"))

    return make


_ROWS: Mapping[str, Callable[[ListSpec], Callable[[dict[str, str]], Concept | Inclusion | Target]]] = {
    "code_system": _concept_of,
    "value_set": _inclusion_of,
    "concept_map": _target_of,
}


def _needed(cells: Mapping[str, str], column: str) -> str:
    return cells.get(column) or _lacks(column)


def _lacks(column: str) -> str:
    raise ContentFault(f"{column} is empty")


def _date(cells: Mapping[str, str], column: str) -> date | None:
    text = cells.get(column, "")
    for form in _DATES if text else ():
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    if text:
        raise ContentFault(f"{column} is no date")
    return None


def _content(made: Sequence[Concept | Inclusion | Target], spec: ListSpec, name: str) -> Content:
    if spec.kind == "code_system":
        found = {concept.code: concept for concept in made if isinstance(concept, Concept)}
        return CodeSystem(spec.url, spec.version, name, tuple(found.values()), spec.is_complete)
    if spec.kind == "value_set":
        inclusions = dict.fromkeys(entry for entry in made if isinstance(entry, Inclusion))
        return ValueSet(spec.url, spec.version, name, tuple(inclusions))
    targets = dict.fromkeys(entry for entry in made if isinstance(entry, Target))
    return ConceptMap(spec.url, spec.version, name, tuple(targets))
