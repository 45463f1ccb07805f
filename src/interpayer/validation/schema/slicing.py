"""Slices of an array: which entry belongs to which, how many there must be, what each asks (R4 profiling, 5.1.0.13).

An entry belongs to a slice when it holds what the slice demands at the place of each discriminator.
"""

import re
from collections.abc import Callable, Iterator

from interpayer.validation.elements import Element
from interpayer.validation.schema import matching
from interpayer.validation.schema.primitives import Schema, because, in_array, join
from interpayer.validation.schema.sheet import Sheet


def slicing(sheet: Sheet, sliced: Element, *, narrow: Callable[[Sheet, Element, Element], Schema]) -> Schema:
    """What the slices of an element ask of its array; those that cannot be told apart are left out, and noted."""
    matches = dict(_matches(sheet, sliced, {}))
    entries: list[Schema] = []
    counts: list[Schema] = []
    for part, match in matches.items():
        then = narrow(sheet, part, sliced)
        if then:
            entries.append({"if": match, "then": then})
        if not sheet.advice:
            counts += _count(part, match)
    if not sheet.advice:
        entries += _closed(sheet, sliced, matches)
        _leave_out_order(sheet, sliced)
    return join(in_array(join(*entries)), *counts)


def _matches(sheet: Sheet, sliced: Element, above: Schema) -> Iterator[tuple[Element, Schema]]:
    """Each slice that can be recognized, with how; a slice of a slice is recognized by both."""
    rules = sliced.content.get("slicing") or {}
    for part in sliced.slices.values():
        found = [matching.demanded(sheet, part, sliced, discriminator=one) for one in rules.get("discriminator", ())]
        if not found or not all(found):
            sheet.leave_out(f"slice {part.label}: its entries cannot be told from others by what the profile says")
            continue
        match = join(above, *(one for one in found if one))
        yield part, match
        if part.slices:
            # A slice that names no discriminator of its own is sliced further by those above it.
            part.content.setdefault("slicing", rules)
            yield from _matches(sheet, part, match)


def _count(part: Element, match: Schema) -> Iterator[Schema]:
    """How many entries are of the slice: both limits at once, because each costs a look at every entry."""
    if part.min == 0 and part.max is None:
        return
    name = re.sub(r"^.*:", "", part.id)
    limits: Schema = {"contains": match, "minContains": part.min}
    limits |= {} if part.max is None else {"maxContains": part.max}
    counted = because(limits, "slice.min", f"slice {name}: at least {part.min} required", code="required")
    counted["x"]["most"] = f"slice {name}: at most {part.max} allowed"
    yield counted


def _closed(sheet: Sheet, sliced: Element, matches: dict[Element, Schema]) -> Iterator[Schema]:
    rules = (sliced.content.get("slicing") or {}).get("rules")
    if rules != "closed" or not sliced.slices:
        return
    if any(part not in matches for part in sliced.slices.values()):
        sheet.leave_out(f"closed slices of {sliced.label}: not all of them can be told from others")
        return
    text = "belongs to none of the slices, and others are not allowed"
    yield because({"anyOf": list(matches.values())}, "slice.closed", text, code="structure")


def _leave_out_order(sheet: Sheet, sliced: Element) -> None:
    rules = sliced.content.get("slicing") or {}
    if rules.get("ordered") or rules.get("rules") == "openAtEnd":
        sheet.leave_out(f"order of the slices of {sliced.label}")
