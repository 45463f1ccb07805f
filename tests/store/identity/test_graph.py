"""Members become one person and part again; nothing is erased."""

import pytest

from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.graph import (
    Grounds,
    lineage,
    merge_as_told,
    merge_members,
    person_members,
    split_members,
    survivor,
)
from interpayer.model.reason import Refusal
from interpayer.system.keys import Vault
from tests.support.people import a_coverage, a_person, a_row

VAULT = Vault(b"k" * 32, "test")
ANN, BOB = Grounds("Ann", "enrolled_twice", confidence=0.9), Grounds("Bob", "twin_or_namesake")


@pytest.fixture
def members(database):
    """Five members, each a person of its own."""
    rows = [a_row(a_person(f"P{n}"), a_coverage(f"W{n:06}"), row=n) for n in range(5)]
    with database.operator.transaction() as conn:
        return [outcome.member_id for outcome in upsert_enrollments(conn, VAULT, rows)]


@pytest.fixture
def conn(database, members):
    with database.operator.transaction() as conn:
        yield conn


def together(conn, member):
    return set(person_members(conn, [member])[member])


def test_a_merge_is_of_whole_persons(conn, members):
    a, b, c, d, _ = members
    merge_members(conn, a, b, grounds=ANN)
    merge_members(conn, c, d, grounds=ANN)
    assert set(merge_members(conn, a, c, grounds=ANN)) == {a, b, c, d}
    assert {survivor(conn, m) for m in (a, b, c, d)} == {d}


def test_a_split_takes_along_who_hangs_on_the_side(conn, members):
    a, b, c, d, _ = members
    for one, into in ((a, b), (c, d), (b, c)):
        merge_members(conn, one, into, grounds=ANN)
    parted = split_members(conn, c, b, grounds=BOB)
    assert (set(parted.stays), set(parted.left)) == ({c, d}, {a, b})
    assert (together(conn, a), together(conn, d)) == ({a, b}, {c, d})
    assert (survivor(conn, d), survivor(conn, a)) == (d, b)
    assert parted.edge.judged_by == "Ann"


def test_the_survivor_can_be_split_from_the_others(conn, members):
    a, b, *_ = members
    merge_members(conn, a, b, grounds=ANN)
    parted = split_members(conn, b, None, grounds=BOB)
    assert (parted.stays, parted.left) == ((b,), (a,))
    assert survivor(conn, a) == a


def test_who_was_joined_with_several_must_be_named(conn, members):
    a, b, c, *_ = members
    merge_members(conn, a, b, grounds=ANN)
    merge_members(conn, c, b, grounds=ANN)
    with pytest.raises(Refusal, match=r"request\.malformed"):
        split_members(conn, b, None, grounds=BOB)
    with pytest.raises(Refusal, match=r"request\.malformed"):
        split_members(conn, a, c, grounds=BOB)
    split_members(conn, b, c, grounds=BOB)
    assert (together(conn, a), together(conn, c)) == ({a, b}, {c})


def test_that_they_are_two_holds_against_a_merge_over_others(conn, members):
    a, b, c, *_ = members
    merge_members(conn, a, b, grounds=ANN)
    split_members(conn, a, b, grounds=BOB)
    merge_members(conn, c, b, grounds=ANN)
    with pytest.raises(Refusal) as refused:
        merge_members(conn, a, c, grounds=ANN)
    assert refused.value.reason == "request.wrong_state"
    assert together(conn, a) == {a}
    merge_members(conn, a, b, grounds=ANN)
    assert together(conn, a) == {a, b, c}, "who names the two themselves judges anew"


def test_a_feed_never_overrules_a_person(conn, members):
    a, b, c, *_ = members
    feed = Grounds("feed", "merged_into", source="enrollment")
    assert merge_as_told(conn, a, b, grounds=feed)
    assert not merge_as_told(conn, b, a, grounds=feed), "the same every night is nothing new"
    split_members(conn, a, b, grounds=BOB)
    assert merge_as_told(conn, c, b, grounds=feed)
    for one, into in ((a, b), (a, c), (c, a)):
        assert not merge_as_told(conn, one, into, grounds=feed)
    assert (together(conn, a), together(conn, b)) == ({a}, {b, c})
    assert {edge.source for edge in lineage(conn, c) if edge.decision == "same"} == {"enrollment"}


def test_everything_that_was_judged_can_be_read(conn, members):
    a, b, *_ = members
    merge_members(conn, a, b, grounds=ANN)
    split_members(conn, a, b, grounds=BOB)
    first, second = lineage(conn, b)
    assert (first.decision, first.judged_by, first.reason) == ("same", "Ann", "enrolled_twice")
    assert (first.confidence, first.source) == (pytest.approx(0.9), "person")
    assert first.effective_from is not None
    assert (first.superseded_by, first.superseded_why) == ("Bob", "twin_or_namesake")
    assert (second.decision, second.judged_by, second.superseded_at) == ("different", "Bob", None)
    assert lineage(conn, a) == lineage(conn, b)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [(0, 1, "request.wrong_state"), (0, 0, "request.wrong_state"), (0, None, "request.not_found")],
    ids=["one person already", "with itself", "unknown"],
)
def test_a_merge_that_makes_no_sense_is_refused(conn, members, one, other, reason):
    merge_members(conn, members[0], members[1], grounds=ANN)
    with pytest.raises(Refusal) as refused:
        merge_members(conn, members[one], "m-none" if other is None else members[other], grounds=ANN)
    assert refused.value.reason == reason


def test_who_was_never_joined_cannot_be_split(conn, members):
    with pytest.raises(Refusal, match=r"request\.wrong_state"):
        split_members(conn, members[4], None, grounds=BOB)
