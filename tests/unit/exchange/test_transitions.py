"""The states and the moves between them, as data."""

import pytest

from interpayer.model.event import EVENTS
from interpayer.model.exchange import FINAL, TRANSITIONS, State


def test_every_move_writes_an_event_of_the_catalog():
    assert {t.event for t in TRANSITIONS.values()} <= set(EVENTS)


def test_every_state_can_be_reached_from_received():
    reached, frontier = {State.RECEIVED}, [State.RECEIVED]
    while frontier:
        here = frontier.pop()
        for source, target in TRANSITIONS:
            if source is here and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(State)


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_no_state_is_a_trap(state: State):
    """From every state that is not final, the end can be reached without a person."""
    reached, frontier = {state}, [state]
    while frontier:
        here = frontier.pop()
        for (source, target), move in TRANSITIONS.items():
            if source is here and target not in reached and "process" in move.actors:
                reached.add(target)
                frontier.append(target)
    assert reached & FINAL


def test_what_is_final_is_left_only_by_replay_recall_or_archive():
    leaving = {(s, t) for s, t in TRANSITIONS if s in FINAL}
    assert leaving == {
        (State.FAILED, State.RECEIVED),
        (State.COMPLETED, State.RECALLED),
        (State.COMPLETED, State.ARCHIVED),
        (State.ARCHIVED, State.RECALLED),
    }


def test_a_failed_exchange_is_replayed_only_by_a_named_person_or_own_system():
    assert TRANSITIONS[State.FAILED, State.RECEIVED].actors == {"person", "system"}


def test_nothing_is_sent_or_released_that_was_not_permitted_before():
    """Every way from `identified` to `sent` or `released` leads through `permitted`."""
    for goal in (State.SENT, State.RELEASED):
        reached, frontier = {State.IDENTIFIED}, [State.IDENTIFIED]
        while frontier:
            here = frontier.pop()
            found = {target for source, target in TRANSITIONS if source is here} - reached - {State.PERMITTED}
            reached |= found
            frontier += found
        assert goal not in reached
