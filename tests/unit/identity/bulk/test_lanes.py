"""Several processes: order kept, each lane for itself, what breaks there is told here."""

import pytest

from interpayer.identity.bulk.lanes import open_lanes, processors
from interpayer.model.reason import Fault, FaultKind

SEEN = []


def begin(word):
    SEEN[:] = [word]


def note(number):
    SEEN.append(number)
    return number * 2


def breaks(number):
    raise Fault(FaultKind.CONDITIONAL, "system.index_stale", detail="as told")


def seen():
    return list(SEEN)


def test_pieces_come_back_in_order_and_stay_in_their_lanes():
    with open_lanes(2, begin, "hello") as lanes:
        assert list(lanes.run(note, ((n % 2, n) for n in range(9)))) == [n * 2 for n in range(9)]
        assert lanes.each(seen) == [["hello", 0, 2, 4, 6, 8], ["hello", 1, 3, 5, 7]]
        with pytest.raises(Fault) as broken:
            list(lanes.run(breaks, [(0, 1)]))
    assert (broken.value.kind, broken.value.reason, broken.value.detail) == (
        FaultKind.CONDITIONAL,
        "system.index_stale",
        "as told",
    )
    assert processors() >= 1
