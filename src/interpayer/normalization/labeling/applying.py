"""Labels onto what leaves: found in the resource, said in its `meta.security`, and named beside it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from interpayer.model.sensitivity import NEVER_RELEASED, Category
from interpayer.normalization.labeling.finding import labels_of, minors_own
from interpayer.normalization.labeling.security import labeled_meta
from interpayer.normalization.labeling.sets import Sets
from interpayer.normalization.references import Resource

SESSION_NOTES = "record.excluded_session_notes"


@dataclass(frozen=True, slots=True)
class Labeled:
    """A resource as it leaves (None: under no consent), its labels, and the bytes."""

    body: bytes | None
    labels: frozenset[str]


def labeled(
    released: Resource, sets: Sets, *, served_on: Collection[date], born_on: Callable[[], date | None]
) -> Labeled:
    """The resource with its labels; the given one is not changed. ``served_on``: first and last day of the service.

    ``born_on`` is asked only where the age at the service matters.
    """
    body = orjson.dumps(released)
    labels = labels_of(released, body, sets)
    if not labels:
        return Labeled(body, labels)
    if not labels.isdisjoint(sets.minor_from):
        born = born_on()
        if any(minors_own(labels, sets, served_on=day, born_on=born) for day in served_on):
            labels |= {Category.MINOR_OWN.value}
    if not NEVER_RELEASED.isdisjoint(labels):
        return Labeled(None, labels)
    meta = released.get("meta")
    said: dict[str, Any] = labeled_meta(meta if isinstance(meta, dict) else {}, labels)
    return Labeled(orjson.dumps({**released, "meta": said}) if said != meta else body, labels)


def nobody(_member_id: str) -> date | None:
    """Where nobody's birth date is known."""
    return None
