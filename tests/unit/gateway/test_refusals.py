"""Refusals become events, floods become counts, and none is lost."""

from datetime import UTC, datetime, timedelta

import pytest

from interpayer.gateway.refusals import SINGLE_PER_MINUTE, Refusals, Refused
from interpayer.model.event import Event

AT = datetime(2026, 11, 21, 23, 59, 30, tzinfo=UTC)


def refused(seconds: float = 0, **changes: object) -> Refused:
    given: dict[str, object] = {
        "reason": "caller.unknown",
        "route": "POST /token",
        "at": AT + timedelta(seconds=seconds),
    }
    return Refused(**{**given, **changes})  # type: ignore[arg-type]


def total(events: list[Event]) -> int:
    return sum(int(str(event.facts.get("count", 1))) for event in events)


def test_a_refusal_is_an_event_in_its_chain() -> None:
    events: list[Event] = []
    Refusals(events.append).note(refused())
    Refusals(events.append).note(refused(partner_id="p-1", reason="request.malformed", trace_id="t"))
    assert [(event.chain, event.name, event.outcome) for event in events] == [
        ("day:2026-11-21", "caller.refused", "refused"),
        ("partner:p-1", "request.refused", "refused"),
    ]
    assert events[1].trace_id == "t"


def test_a_flood_becomes_a_count() -> None:
    events: list[Event] = []
    refusals = Refusals(events.append)
    for number in range(350):
        refusals.note(refused(number / 20 - 60))
    assert len(events) == SINGLE_PER_MINUTE
    refusals.note(refused(1))
    assert total(events) == 351
    assert len(events) == SINGLE_PER_MINUTE + 2


def test_a_flood_of_one_does_not_hide_another() -> None:
    events: list[Event] = []
    refusals = Refusals(events.append)
    for _ in range(500):
        refusals.note(refused())
    refusals.note(refused(partner_id="p-1"))
    assert events[-1].chain == "partner:p-1"


def test_counts_keep_reasons_and_routes_apart_and_are_flushed() -> None:
    events: list[Event] = []
    refusals = Refusals(events.append)
    for _ in range(SINGLE_PER_MINUTE):
        refusals.note(refused())
    for _ in range(5):
        refusals.note(refused(reason="caller.replayed"))
    refusals.note(refused(route="GET /Group/{id}"))
    refusals.flush(AT + timedelta(seconds=59))
    assert len(events) == SINGLE_PER_MINUTE
    refusals.flush(AT + timedelta(seconds=60))
    assert {(event.reason, event.facts["count"]) for event in events[SINGLE_PER_MINUTE:]} == {
        ("caller.replayed", 5),
        ("caller.unknown", 1),
    }
    refusals.flush(AT + timedelta(seconds=600))
    assert len(events) == SINGLE_PER_MINUTE + 2


def test_a_minute_over_midnight_stays_with_its_day() -> None:
    events: list[Event] = []
    refusals = Refusals(events.append)
    for number in range(SINGLE_PER_MINUTE + 50):
        refusals.note(refused(number / 10))
    refusals.note(refused(40))
    refusals.flush(AT + timedelta(hours=1))
    assert {event.chain for event in events} == {"day:2026-11-21", "day:2026-11-22"}
    assert total(events) == SINGLE_PER_MINUTE + 51


def test_what_the_ledger_could_not_take_is_counted_and_written_later() -> None:
    events: list[Event] = []
    away = [True]

    def record(event: Event) -> None:
        if away[0]:
            raise ConnectionError
        events.append(event)

    refusals = Refusals(record)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            refusals.note(refused())
    away[0] = False
    refusals.flush(AT + timedelta(minutes=2))
    assert total(events) == 3


def test_counts_that_could_not_be_flushed_are_not_lost() -> None:
    events: list[Event] = []
    away = [False]

    def record(event: Event) -> None:
        if away[0]:
            raise ConnectionError
        events.append(event)

    refusals = Refusals(record)
    for _ in range(SINGLE_PER_MINUTE + 7):
        refusals.note(refused())
    away[0] = True
    with pytest.raises(ConnectionError):
        refusals.flush(AT + timedelta(minutes=2))
    away[0] = False
    refusals.flush(AT + timedelta(minutes=4))
    assert total(events) == SINGLE_PER_MINUTE + 7
