"""Which content stands does not depend on the order in which contents arrive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from interpayer.model.record import Origin, Record
from interpayer.records.versions import Held, Outcome, confirm, decide, held_of

START = datetime(2026, 1, 1, tzinfo=UTC)
AUTHOR = "https://a.example/fhir"


def a_record(
    *, source: str = AUTHOR, sender: str | None = "pa-1", digest: str = "d", hours: int | None = 0, received: int = 0
) -> Record:
    updated = START + timedelta(hours=hours) if hours is not None else None
    return Record(
        id="r-1", type="Encounter", member_id="m-1", origin=Origin(AUTHOR, "e1", source, "x-1", sender), original=b"",
        released=b"", excluded=None, removed={}, digest=digest, service_from=None, service_to=None, status=None,
        references=(), available_at=START + timedelta(days=1, hours=received), updated_at=updated,
    )  # fmt: skip


def settle(records: tuple[Record, ...]) -> str:
    held: Held | None = None
    for record in records:
        outcome = decide(held, record)
        if outcome.is_content:
            held = held_of(record)
        elif outcome is Outcome.SAME:
            assert held is not None
            held = confirm(held, record)
    assert held is not None
    return held.digest


arrivals = st.builds(
    a_record,
    source=st.sampled_from([AUTHOR, "https://b.example/fhir", "https://c.example/fhir"]),
    digest=st.sampled_from("abc"),
    hours=st.one_of(st.none(), st.integers(0, 3)),
    received=st.integers(0, 3),
)


@given(st.lists(arrivals, min_size=2, max_size=4))
def test_the_order_of_arrivals_does_not_matter(records: list[Record]) -> None:
    assert len({settle(order) for order in permutations(records)}) == 1


@given(arrivals, arrivals)
def test_the_same_arrival_again_changes_nothing(first: Record, second: Record) -> None:
    held = held_of(first)
    again = decide(held, first)
    assert again is Outcome.SAME
    if decide(held, second) is Outcome.CHANGED:
        assert decide(held_of(second), first) is Outcome.OLDER


def test_between_equals_the_author_s_own_word_stands() -> None:
    direct, relayed = a_record(digest="a"), a_record(digest="z", source="https://b.example/fhir")
    assert decide(held_of(relayed), direct) is Outcome.CHANGED
    assert decide(held_of(direct), relayed) is Outcome.OLDER


def test_our_own_feed_s_last_word_stands_unless_it_says_that_it_is_older() -> None:
    own = a_record(sender=None, hours=2, digest="a")
    assert decide(held_of(own), replace(own, digest="b", updated_at=None)) is Outcome.CHANGED
    assert decide(held_of(own), replace(own, digest="b", updated_at=START)) is Outcome.OLDER


def test_echoes_and_changes_of_hands_are_recognized() -> None:
    record = a_record()
    assert decide(None, replace(record, is_echo=True)) is Outcome.ECHO
    assert decide(held_of(record), replace(record, member_id="m-2")) is Outcome.CONFLICT


def test_a_reference_that_changed_counts_within_one_source_only() -> None:
    record = a_record()
    assert decide(held_of(record), replace(record, references=("r-2",))) is not Outcome.SAME
    other = replace(record, references=("r-2",), origin=Origin(AUTHOR, "e1", "https://b.example/fhir", "x", "pa"))
    assert decide(held_of(record), other) is Outcome.SAME
