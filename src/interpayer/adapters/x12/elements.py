"""One segment as named elements: components, repetitions and dates taken apart as tables/elements.yaml says."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from interpayer.adapters.x12.envelope import read_day
from interpayer.adapters.x12.splitting import Delimiters

Elements: TypeAlias = dict[str, Any]
# More elements than any segment of the guides has.
MOST_ELEMENTS = 99
LONGEST_PERIOD = len("20240305-20240306")
# What a qualifier may be to become part of a name (REF_D9); anything else makes its segment a damaged one.
_QUALIFIER = re.compile(r"[A-Z0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the elements of one segment are read; plain when only ``names`` count."""

    tag: str
    names: tuple[str, ...]
    # Elements that are taken apart: number, name, whether they repeat.
    parted: tuple[tuple[int, str, bool], ...] = ()
    dates: tuple[int, int] | None = None
    least: int = 0
    unfold: str = ""
    composed: tuple[tuple[int, int], ...] = ()
    is_plain: bool = field(default=True)


def shapes(table: Mapping[str, Any], tags: Sequence[str]) -> dict[str, Shape]:
    """The shape of each tag by the table of elements."""
    return {tag: _shape(table, tag) for tag in tags}


def _shape(table: Mapping[str, Any], tag: str) -> Shape:
    repeats = frozenset(table["repeats"].get(tag, ()))
    apart = sorted(repeats | frozenset(table["composites"].get(tag, ())))
    dates = table["dates"].get(tag)
    unfold = "each" if tag in table["each"] else "triplets" if tag in table["triplets"] else ""
    return Shape(
        tag=tag,
        names=tuple(f"{tag}{number:02}" for number in range(1, MOST_ELEMENTS + 1)),
        parted=tuple((number, f"{tag}{number:02}", number in repeats) for number in apart),
        dates=(dates[0], dates[1]) if dates else None,
        least=table["least"].get(tag, 0),
        unfold=unfold,
        composed=tuple(table["composed"].get(tag, {}).items()),
        is_plain=not (apart or dates or unfold),
    )


def read_segment(shape: Shape, elements: Sequence[str], delimiters: Delimiters) -> Elements:
    """The elements that are there, by name; ``elements`` begins with the tag."""
    named: Elements = {name: value for name, value in zip(shape.names, elements[1:], strict=False) if value}
    if shape.is_plain:
        return named
    for _, name, is_repeated in shape.parted:
        if (value := named.get(name)) is None:
            continue
        if is_repeated:
            named[name] = [_components(name, one, delimiters) for one in _repetitions(value, delimiters)]
        else:
            del named[name]
            named.update(_components(name, value, delimiters))
    if shape.dates:
        named.update(_dates(shape, elements))
    return named


def read_entries(shape: Shape, elements: Sequence[str], delimiters: Delimiters) -> list[Elements]:
    """The entries of a segment that says the same kind of thing several times (HI, CAS)."""
    if shape.unfold == "each":
        return [_coded(shape.tag, text, delimiters) for text in elements[1:] if text]
    group = elements[1] if len(elements) > 1 else ""
    return [
        {name: value for name, value in zip(shape.names, (group, *elements[at : at + 3]), strict=False) if value}
        for at in range(2, len(elements), 3)
        if any(elements[at : at + 3])
    ]


def _coded(tag: str, text: str, delimiters: Delimiters) -> Elements:
    entry = _components(tag, text, delimiters)
    entry.update(read_period(tag, entry.get(f"{tag}_3", ""), entry.get(f"{tag}_4", "")))
    return entry


def uncomposed(shape: Shape, elements: Sequence[str], separator: str) -> list[tuple[int, str]]:
    """The elements (number and value) that have fewer components than they must have to mean anything."""
    return [
        (number, elements[number])
        for number, least in shape.composed
        if len(elements) > number and elements[number] and elements[number].count(separator) < least - 1
    ]


def _components(name: str, text: str, delimiters: Delimiters) -> Elements:
    if delimiters.component not in text:
        return {f"{name}_1": text} if text else {}
    parts = text.split(delimiters.component, MOST_ELEMENTS)
    return {f"{name}_{number}": part for number, part in enumerate(parts, start=1) if part}


def _repetitions(text: str, delimiters: Delimiters) -> list[str]:
    return text.split(delimiters.repetition) if delimiters.repetition else [text]


def _dates(shape: Shape, elements: Sequence[str]) -> Elements:
    assert shape.dates is not None
    form_at, value_at = shape.dates
    form = "D8" if form_at == 0 else elements[form_at] if len(elements) > form_at else ""
    return read_period(shape.tag, form, elements[value_at]) if len(elements) > value_at else {}


def read_period(tag: str, form: str, text: str) -> Elements:
    """`<tag>_from` and `<tag>_to`, ISO dates, of a day (D8), a moment (DT) or a period (RD8); empty when it is none."""
    return _period(tag, form, text) if form in _FORMS and len(text) <= LONGEST_PERIOD else {}


@lru_cache(maxsize=8192)
def _period(tag: str, form: str, text: str) -> Elements:
    """The days of a feed are few: read once. What is given is shared, so it is copied and never changed."""
    days = _FORMS[form](text)
    return {f"{tag}_from": days[0], f"{tag}_to": days[-1]} if all(days) and days[0] <= days[-1] else {}


_FORMS: Mapping[str, Callable[[str], list[str]]] = {
    "D8": lambda text: [read_day(text)],
    "DT": lambda text: [read_day(text[:8])],
    "RD8": lambda text: [read_day(part) for part in text.split("-", 2)],
}


def qualifier(elements: Sequence[str]) -> str | None:
    """What element 01 says the segment is about; None when it is no qualifier."""
    text = elements[1] if len(elements) > 1 else ""
    return text if _QUALIFIER.fullmatch(text) else None
