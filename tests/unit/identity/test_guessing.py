"""What looks like guessing and what does not, as tables; and that nothing a partner sees tells of our members."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpayer.identity.guessing import (
    Level,
    Limits,
    Steps,
    Tally,
    Trail,
    Verdict,
    anchors,
    is_near,
    judge_tally,
    judge_trail,
    strictest,
)
from interpayer.identity.standardize import standardize
from interpayer.model.member import Name
from interpayer.model.reason import REASONS
from tests.support.people import PAYER, a_coverage, a_person

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIMITS = Limits(
    person=Steps(4, 6, 10),
    name=Steps(8, 12, 24),
    card=Steps(8, 12, 24),
    near=Steps(30, 60, 120),
    misses=Steps(500, 1000, 3000),
    near_share=0.3,
    misses_share=0.9,
    window=timedelta(days=30),
    span=timedelta(hours=24),
    remembered=timedelta(days=400),
    rest=timedelta(hours=24),
    slow_s=30,
    slow_most_s=900,
)


def held_fast(*given_names: str, card: str | None = "W255048371-00", **person: object) -> set[tuple[str, str]]:
    """What a request for this person could be holding fast."""
    standard = standardize(a_person(*given_names, **person), [a_coverage(card)], payer=PAYER)
    return {tuple(anchor) for anchor in anchors(standard)}


def shared_kinds(one: set[tuple[str, str]], two: set[tuple[str, str]]) -> set[str]:
    return {kind for kind, _ in one & two}


BASE = held_fast()


@pytest.mark.parametrize(
    ("changed", "still_shared", "why"),
    [
        ({"card": "X999999999-00"}, {"card", "person", "name"}, "a guessed member id: the subscriber id stays"),
        ({"born": "1953-02-18"}, {"card", "name"}, "a guessed birth date"),
        ({"family": "Hortan"}, {"card", "person"}, "a spelling tried out"),
        ({"address": ("9 Elm Street", "10001")}, {"card", "person"}, "a guessed address"),
        ({"sex": "male"}, {"card", "person", "name"}, "a guessed sex"),
        ({"ssn4": "1234"}, {"card", "person", "name"}, "guessed last four digits"),
        ({"family": "Zimmer", "born": "2001-01-01"}, {"card"}, "somebody else of the household"),
    ],
)
def test_what_is_held_fast_while_the_rest_is_varied(changed, still_shared, why):
    assert shared_kinds(BASE, held_fast(**changed)) == still_shared, why


def test_all_varied_shares_nothing():
    stranger = standardize(
        a_person("Noah", family="Zimmer", born="2001-01-01", address=("1 Elm", "10001")), payer=PAYER
    )
    assert not BASE & {tuple(anchor) for anchor in anchors(stranger)}


@pytest.mark.parametrize(
    ("person", "kinds", "why"),
    [
        ({"born": None}, {"name"}, "no birth date"),
        ({"born": "1900-01-01"}, {"name"}, "a filler is no birth date"),
        ({"address": None}, {"person"}, "a name alone is many people's"),
        ({"family": "UNKNOWN"}, set(), "a filler is no name"),
    ],
)
def test_what_is_missing_holds_nothing_fast(person, kinds, why):
    standard = standardize(a_person(**person), payer=PAYER)
    assert {anchor.kind for anchor in anchors(standard)} == kinds, why


def test_many_former_names_do_not_make_many_anchors():
    names = tuple(Name(f"{chr(65 + n)}amily", (f"{chr(65 + m)}iven",)) for n in range(26) for m in range(26))
    standard = standardize(replace(a_person(), names=names), payer=PAYER)
    assert 1 <= len(anchors(standard)) <= 40


TRAILS = [
    # kind, tries, minutes since the last one, level, whether one more has to wait, why
    ("person", 0, None, Level.QUIET, False, "the first request"),
    ("person", 3, 0, Level.QUIET, False, "several cards of one person are usual"),
    ("person", 4, 0, Level.NOTICED, False, "noticed, and answered still"),
    ("person", 6, 0, Level.SLOWED, True, "the next has to wait"),
    ("person", 6, 1, Level.SLOWED, False, "half a minute later it need not"),
    ("person", 9, 5, Level.SLOWED, True, "with each try the pause grows"),
    ("person", 9, 15, Level.SLOWED, False, "up to a quarter of an hour"),
    ("person", 10, 23 * 60, Level.REFUSED, True, "refused for a day"),
    ("person", 10, 25 * 60, Level.REFUSED, False, "then one more may come"),
    ("card", 7, 0, Level.QUIET, False, "a household shares a card"),
    ("card", 12, 0, Level.SLOWED, True, "no household is that large"),
    ("name", 7, 0, Level.QUIET, False, "some names are frequent"),
]


@pytest.mark.parametrize(("kind", "tries", "minutes", "level", "waits", "why"), TRAILS)
def test_tries_under_one_anchor(kind, tries, minutes, level, waits, why):
    last_at = None if minutes is None else AT - timedelta(minutes=minutes)
    verdict = judge_trail(kind, Trail(tries, last_at), LIMITS, at=AT)
    assert (verdict.level, verdict.wait_s > 0) == (level, waits), why


TALLIES = [
    # asked, misses, near, level, pattern, why
    (
        100_000,
        20_000,
        1_000,
        Level.QUIET,
        "",
        "a large partner: one in a hundred is near, one in five unknown",
    ),
    (40, 12, 12, Level.QUIET, "", "few, however near"),
    (60, 40, 40, Level.NOTICED, "near", "most of what it asks is near somebody"),
    (120, 95, 95, Level.SLOWED, "near", "and it goes on"),
    (300, 200, 200, Level.REFUSED, "near", "and on"),
    (200, 200, 0, Level.QUIET, "", "a first batch with the wrong payer's ids"),
    (700, 690, 0, Level.NOTICED, "misses", "nearly nothing is found"),
    (3_100, 3_000, 3, Level.REFUSED, "misses", "somebody walks through names"),
]


@pytest.mark.parametrize(("asked", "misses", "near", "level", "pattern", "why"), TALLIES)
def test_the_sum_of_a_partners_requests(asked, misses, near, level, pattern, why):
    verdict = judge_tally(Tally(asked, misses, near, AT), LIMITS, at=AT, drift=0.0)
    assert (verdict.level, verdict.pattern) == (level, pattern), why


@given(drift=st.floats(0, 1), near=st.integers(0, 400))
def test_the_drift_raises_the_steps_and_never_by_more_than_half(drift, near):
    tally = Tally(400, 400, near, AT)
    limits = replace(LIMITS, misses_share=1.0, misses=Steps(10_000, 20_000, 30_000))
    level = judge_tally(tally, limits, at=AT, drift=drift).level
    assert (
        judge_tally(tally, limits, at=AT, drift=1.0).level
        <= level
        <= judge_tally(tally, limits, at=AT, drift=0.0).level
    )


@given(near=st.integers(90, 119), more=st.integers(1, 10))
def test_the_pause_does_not_tell_how_many_were_near(near, more):
    """Otherwise each answer would show by the next pause whether a guess had come near a member."""
    one = judge_tally(Tally(300, 300, near, AT), LIMITS, at=AT, drift=0.9)
    two = judge_tally(Tally(300, 300, near + more, AT), LIMITS, at=AT, drift=0.9)
    assert one.level is Level.SLOWED
    assert one.wait_s == two.wait_s == LIMITS.slow_most_s


@given(tries=st.integers(0, 40), seconds=st.integers(0, 100_000))
def test_more_tries_never_wait_less_and_time_never_makes_it_worse(tries, seconds):
    last_at = AT - timedelta(seconds=seconds)
    verdict = judge_trail("person", Trail(tries, last_at), LIMITS, at=AT)
    assert verdict.wait_s <= judge_trail("person", Trail(tries + 1, last_at), LIMITS, at=AT).wait_s
    later = judge_trail("person", Trail(tries, last_at), LIMITS, at=AT + timedelta(seconds=30))
    assert later.wait_s <= verdict.wait_s
    assert later.level is verdict.level


def test_a_clock_that_went_back_does_not_lengthen_the_pause():
    verdict = judge_trail("person", Trail(6, AT + timedelta(hours=3)), LIMITS, at=AT)
    assert verdict.wait_s == LIMITS.slow_s


def test_the_longest_pause_counts():
    slowed, refused = Verdict(Level.SLOWED, "card", 12, 30.0), Verdict(Level.REFUSED, "person", 10, 60.0)
    assert strictest([slowed, refused, Verdict()]) is refused
    assert strictest([]) == Verdict()


@pytest.mark.parametrize(
    ("reason", "near"),
    [
        ("identity.not_enrolled", False),
        ("identity.certain", False),
        ("consent.expired", False),
        ("caller.guessing", False),
        (None, False),
        ("identity.household_only", True),
        ("identity.conflict_birth_date", True),
        ("identity.ambiguous", True),
    ],
)
def test_which_no_was_near_somebody(reason, near):
    assert reason is None or reason in REASONS
    assert is_near(reason) is near
