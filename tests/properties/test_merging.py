"""Laws of merging: the order in which sources come changes nothing, and nothing that anybody said is lost silently."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.normalization.grouping import Seen, group
from interpayer.normalization.precedence import default_precedence
from interpayer.normalization.uniting import Contribution, unite

KEYS = st.frozensets(st.sampled_from("abcde"), max_size=2)
SEEN = st.builds(
    Seen,
    record_id=st.sampled_from([f"r{n}" for n in range(6)]),
    source=st.sampled_from(["csv", "x12", "fhir"]),
    unique=st.frozensets(st.sampled_from("fgh"), max_size=1),
    identifiers=KEYS,
    likeness=KEYS,
    systems=st.frozensets(st.sampled_from("st"), max_size=1),
)
DAY = st.sampled_from(["2025-12-31", "2025-12-31T00:00:00-05:00", "2026-01-31", "2026-01", "2025"])
COVERAGE = st.fixed_dictionaries(
    {"resourceType": st.just("Coverage"), "status": st.sampled_from(["active", "cancelled"])},
    optional={
        "subscriberId": st.sampled_from(["W1", "w1", "W2"]),
        "period": st.fixed_dictionaries({}, optional={"start": DAY, "end": DAY}),
        "identifier": st.lists(
            st.fixed_dictionaries({"value": st.sampled_from(["1", "2"])}), min_size=1, max_size=2, unique_by=str
        ),
        "order": st.integers(1, 2),
    },
)


@st.composite
def contributions(draw: st.DrawFn) -> list[Contribution]:
    """What up to four sources say of one coverage."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        role = draw(st.sampled_from(["enrollment", "claims", "clinical", ""]))
        said_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 2)))
        made.append(Contribution(f"r{number}", f"source{number % 3}", role, said_at, draw(COVERAGE)))
    return made


@given(st.lists(SEEN, max_size=6, unique_by=lambda one: one.record_id), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_groups_do_not_depend_on_the_order(seen: list[Seen], random: Any) -> None:
    shuffled = list(seen)
    random.shuffle(shuffled)
    groups = group(seen)
    assert group(shuffled) == groups
    assert sorted(i for part in groups for i in part) == sorted(one.record_id for one in seen)


@given(contributions())
@settings(max_examples=150, deadline=None)
def test_the_one_record_does_not_depend_on_the_order(said: list[Contribution]) -> None:
    united = unite(said, default_precedence())
    assert all(unite(order, default_precedence()) == united for order in permutations(said))


@given(contributions())
@settings(max_examples=150, deadline=None)
def test_what_does_not_stand_is_a_conflict_or_means_the_same(said: list[Contribution]) -> None:
    united = unite(said, default_precedence())
    told = {c.element for c in united.conflicts}
    for name in ("status", "order"):
        values = {one.resource[name] for one in said if name in one.resource}
        assert (name in told) == (len(values) > 1)
        if values:
            assert united.resource[name] in values
    for conflict in united.conflicts:
        assert conflict.chosen == conflict.values[0].value
        assert len(conflict.values) > 1


@given(contributions())
@settings(max_examples=100, deadline=None)
def test_merging_with_itself_changes_nothing(said: list[Contribution]) -> None:
    (first, *_) = said
    united = unite(
        [first, Contribution("rz", "sourcez", first.role, first.said_at, first.resource)], default_precedence()
    )
    assert united.conflicts == ()
    assert {k: v for k, v in united.resource.items() if k != "meta"} == first.resource
