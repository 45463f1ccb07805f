"""Ids: the letter, 26 characters, valid for FHIR, not ordered by time."""

import re

from interpayer.system.clock import now
from interpayer.system.ids import new_id


def test_ids_have_the_agreed_shape() -> None:
    ids = [new_id("x") for _ in range(1000)]
    assert all(re.fullmatch(r"x-[a-z2-7]{26}", one) for one in ids)
    assert len(set(ids)) == 1000
    assert ids != sorted(ids)


def test_the_clock_is_aware_and_in_utc() -> None:
    offset = now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0
