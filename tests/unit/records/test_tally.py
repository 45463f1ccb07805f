"""What several batches did is one account: every number and every counter is summed, nothing is lost."""

from collections import Counter
from dataclasses import fields

from interpayer.records.loading import SaveReport, Tally


def test_a_batch_is_counted_in_with_every_number() -> None:
    told = Tally()
    for number in (1, 2):
        counts = {one.name: number for one in fields(Tally) if one.type == "int" or one.type is int}
        told.add(SaveReport(**counts, types=Counter(Patient=number), removed=Counter({f"rule {number}": 1})))
    assert told.numbers() == {
        **dict.fromkeys(("new", "same", "changed", "older", "echoes", "conflicts"), 3),
        "types": {"Patient": 3},
        "excluded": {},
        "removed": {"rule 1": 1, "rule 2": 1},
    }
