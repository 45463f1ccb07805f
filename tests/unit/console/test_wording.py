"""The console's sentences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interpayer.console import wording
from interpayer.model.exchange import State

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def an_exchange(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "role": "requester", "state": "completed", "answer": "complete", "organization": "urn:payers|old",
        "clock": {"received_at": "2026-11-21T12:00:00Z"}, "records": {"Coverage": 2, "Claim": 3}, "receipt": None,
        "permission": {"withheld": []}, "gaps": [],
    }  # fmt: skip
    return {**given, **changes}


def test_every_state_has_words() -> None:
    assert all(wording.state(state.value) != state.value or state in ("cancelled", "recalled", "archived", "permitted")
               for state in State)  # fmt: skip


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(minutes=5), "5 min left"),
        (timedelta(hours=3, minutes=59), "3 h left"),
        (timedelta(days=2), "2 days left"),
        (timedelta(minutes=-90), "overdue by 1 h"),
        (timedelta(days=-3), "overdue by 3 days"),
    ],
)
def test_time_left_in_words(left: timedelta, words: str) -> None:
    assert wording.time_left(AT + left, AT) == words


def test_the_outcome_comes_first() -> None:
    assert wording.outcome(an_exchange(), "Plan A") == (
        "We were told on 2026-11-21 to ask Plan A for one member's history. "
        "The answer is complete: 5 records came. It stands at: done."
    )
    gaps = [{"count": 2}, {"count": None}]
    assert "; 2 could not be taken in." in wording.outcome(an_exchange(answer="partial", gaps=gaps), None)


def test_a_source_that_did_not_say_everything_is_named() -> None:
    gaps = [{"kind": "late", "source": "ehr", "reason": "source.late"}]
    assert "; not everything came from ehr." in wording.outcome(an_exchange(answer="partial", gaps=gaps), None)
    assert "urn:payers|old" in wording.outcome(an_exchange(), None)


def test_what_went_out_and_what_was_withheld() -> None:
    given = an_exchange(
        role="responder", state="released", records={}, receipt={"member": {"count": 9}},
        permission={"withheld": [{"reason": "x", "count": 3}]},
    )  # fmt: skip
    assert "Plan B asked us" in wording.outcome(given, "Plan B")
    assert "9 records can be fetched; 3 were withheld by rule." in wording.outcome(given, "Plan B")
    assert "9 records went out" in wording.outcome({**given, "state": "completed"}, "Plan B")


def test_without_an_answer_the_state_is_told() -> None:
    told = wording.outcome(an_exchange(answer=None, state="incomplete", organization=None), None)
    assert told.endswith("ask a payer that is not named yet for one member's history. It stands at: lacks something.")


def test_values_of_a_side_in_one_line() -> None:
    assert wording.shown([{"family": "A", "given": ["B", "C"], "suffix": None}]) == "family A, given B; C"
    assert wording.shown([]) == wording.shown(None) == wording.shown([{}]) == "–"
