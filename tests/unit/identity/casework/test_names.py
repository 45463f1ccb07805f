"""Four eyes are two names: who spoke, and what holds after each word."""

import pytest

from interpayer.identity.casework.names import Settled, Voice, candidate_scores, needs_two, settle
from interpayer.model.match import Candidate, Disposition, Match

A_SAME, B_SAME, C_SAME = (Voice(name, "same", "m-1") for name in ("Ann", "Bob", "Cid"))
B_OTHER = Voice("Bob", "same", "m-2")
A_NO, B_NO = Voice("Ann", "different"), Voice("Bob", "different")


@pytest.mark.parametrize(
    ("voices", "two", "expected"),
    [
        ([A_SAME], False, ("same", "m-1", ("Ann",))),
        ([A_SAME], True, None),
        ([A_SAME, Voice(" ann ", "same", "m-1")], True, None),
        ([A_SAME, B_SAME], True, ("same", "m-1", ("Ann", "Bob"))),
        ([A_SAME, B_OTHER], True, None),
        ([A_SAME, B_OTHER, C_SAME], True, ("same", "m-1", ("Ann", "Cid"))),
        ([A_NO], True, ("different", None, ("Ann",))),
        ([A_SAME, B_NO], True, None),
        ([A_SAME, B_NO, Voice("Cid", "different")], True, ("different", None, ("Bob", "Cid"))),
        ([A_SAME, A_NO], True, ("different", None, ("Ann",))),
        ([A_NO, A_SAME, B_SAME], True, ("same", "m-1", ("Ann", "Bob"))),
        ([], False, None),
    ],
    ids=[
        "one name is enough", "one name waits", "the same name twice is one name", "two names agree",
        "two names, two members", "a third name settles it", "a no releases nothing: one name",
        "who says no to a same needs a second", "two who say no", "a same taken back",
        "the latest word counts", "nobody",
    ],
)  # fmt: skip
def test_what_holds_after_the_latest_word(voices, two, expected):
    found = settle(voices, needs_two=two)
    assert found == (Settled(*expected) if expected else None)


def a_match(*weights, score=None, margin=None, runner_up=None):
    candidates = tuple(Candidate(f"m-{n}", None, (), weight) for n, weight in enumerate(weights, 1))
    numbers = {"score": score, "margin": margin, "runner_up": runner_up}
    return Match(Disposition.REVIEW, "identity.weak", None, "e-1", None, "r-1", candidates, **numbers)


def test_a_score_is_the_weight_less_what_everybody_else_weighs():
    found = candidate_scores(a_match(30.0, 22.5, score=20.0, margin=7.5, runner_up="m-2"))
    assert found == {"m-1": 20.0, "m-2": 12.5}


def test_a_vetoed_heavier_candidate_is_not_the_best():
    # The heaviest is a relative and out: the margin is negative, and the score is the other one's.
    found = candidate_scores(a_match(25.0, 30.0, score=15.0, margin=-5.0, runner_up="m-2"))
    assert found == {"m-1": 15.0, "m-2": 20.0}


def test_without_weights_there_is_no_score():
    assert candidate_scores(a_match(None, None)) == {}


@pytest.mark.parametrize(
    ("below", "member", "expected"),
    [(24.0, "m-1", False), (24.0, "m-2", True), (None, "m-2", False), (24.0, None, False), (26.0, None, True)],
)
def test_two_names_are_needed_below_the_limit_only(below, member, expected):
    candidates = [{"member_id": "m-1", "score": 25.0}, {"member_id": "m-2", "score": 12.0}]
    assert needs_two(candidates, member, below=below) is expected


def test_who_was_never_weighed_needs_one_name():
    assert needs_two([{"member_id": "m-1", "score": None}], "m-1", below=24.0) is False
