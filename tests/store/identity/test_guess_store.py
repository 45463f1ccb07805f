"""What partners tried, as kept: the same request is one try, others' tries are others', pardons and time count."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from interpayer.identity import guess_store
from interpayer.identity.guess_store import Alarm, Key
from interpayer.identity.guessing import Level, Tally, Trail

AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
MONTH = timedelta(days=30)


def key(variant="v1", anchor="a1", kind="person"):
    return Key(kind, anchor, variant)


def trail_of(conn, asked, *, partner="p-1", at=AT):
    (found,) = guess_store.trails(conn, partner, [asked], since=at - MONTH).values()
    return found.trail.tries, found.is_known


def test_different_requests_count_and_a_repeat_does_not(database):
    with database.door.transaction() as conn:
        for day, variant in enumerate(["v1", "v2", "v1", "v1", "v3"]):
            guess_store.remember(conn, "p-1", [key(variant)], at=AT - timedelta(days=5 - day))
        assert trail_of(conn, key("v9")) == (3, False)
        assert trail_of(conn, key("v1")) == (3, True)
        assert trail_of(conn, key("v9", anchor="a2")) == (0, False)
        assert trail_of(conn, key("v9", kind="card")) == (0, False)
        assert trail_of(conn, key("v1"), partner="p-2") == (0, False), "what one partner tried is not another's fault"


def test_a_repeat_a_quarter_later_is_known_and_counts_no_more(database):
    with database.door.transaction() as conn:
        guess_store.remember(conn, "p-1", [key()], at=AT - timedelta(days=90))
        assert trail_of(conn, key()) == (0, True)
        guess_store.remember(conn, "p-1", [key()], at=AT)
        assert trail_of(conn, key("v2")) == (0, False), "the repeat did not bring the old try back"


def test_the_last_new_try_is_what_a_pause_begins_with(database):
    with database.door.transaction() as conn:
        guess_store.remember(conn, "p-1", [key("v1"), key("v2")], at=AT - timedelta(minutes=9))
        guess_store.remember(conn, "p-1", [key("v1")], at=AT)
        found = guess_store.trails(conn, "p-1", [key("v3")], since=AT - MONTH)
    assert found[key("v3")].trail == Trail(2, AT - timedelta(minutes=9))


def test_hours_add_up_over_the_span(database):
    with database.door.transaction() as conn:
        for hours, near in ((30, 7), (5, 1), (5, 2), (0, 4)):
            at = AT - timedelta(hours=hours)
            guess_store.count(conn, "p-1", Tally(10, 5, near, at), at=at)
        guess_store.count(conn, "p-2", Tally(1, 1, 1, AT), at=AT)
        guess_store.count(conn, "p-1", Tally(3), at=AT)
        assert guess_store.tally(conn, "p-1", since=AT - timedelta(hours=24)) == Tally(33, 15, 7, AT)
        assert guess_store.tally(conn, "p-3", since=AT - timedelta(hours=24)) == Tally()


def test_an_alarm_is_raised_once_per_level(database):
    def raised(level, *, at=AT, anchor="a1", partner="p-1"):
        alarm = Alarm(partner, "person", anchor, level, 4, "x-1", at)
        return bool(guess_store.raise_alarms(conn, [alarm], since=at - MONTH))

    with database.door.transaction() as conn:
        assert raised(Level.NOTICED)
        assert not raised(Level.NOTICED)
        assert raised(Level.REFUSED)
        assert not raised(Level.SLOWED), "less than what was said already"
        assert raised(Level.NOTICED, anchor="a2")
        assert raised(Level.NOTICED, partner="p-2")
        assert raised(Level.NOTICED, at=AT + timedelta(days=31)), "the old one is over"
        shown = guess_store.alarms(conn, since=AT - MONTH)
    assert len(shown) == 5
    assert not any("anchor" in row for row in shown)


def test_after_a_pardon_everything_begins_anew(database):
    with database.door.transaction() as conn:
        guess_store.remember(conn, "p-1", [key("v1"), key("v2")], at=AT)
        guess_store.count(conn, "p-1", Tally(5, 5, 5, AT), at=AT)
        assert guess_store.raise_alarms(conn, [Alarm("p-1", "near", "", Level.SLOWED, 5, None, AT)], since=AT - MONTH)
    pardoned_at = AT + timedelta(minutes=1)
    with database.operator.transaction() as conn:
        guess_store.pardon(conn, "p-1", person="Ann", reason="a feed with old ids", at=pardoned_at)
    later = AT + timedelta(hours=2)
    with database.door.transaction() as conn:
        assert trail_of(conn, key("v3"), at=later) == (0, False)
        assert trail_of(conn, key("v1"), at=later) == (0, True), "nothing is erased"
        assert guess_store.tally(conn, "p-1", since=AT - timedelta(hours=24)) == Tally()
        assert guess_store.alarms(conn, since=AT - MONTH) == []
        guess_store.remember(conn, "p-1", [key("v4")], at=later)
        guess_store.count(conn, "p-1", Tally(1, 1, 0, later), at=later)
        assert trail_of(conn, key("v3"), at=later) == (1, False)
        assert guess_store.tally(conn, "p-1", since=AT - timedelta(hours=24)).asked == 1
        again = Alarm("p-1", "near", "", Level.SLOWED, 5, None, later)
        assert guess_store.raise_alarms(conn, [again], since=later - MONTH) == [again]


def test_what_nobody_repeats_is_forgotten(database):
    with database.door.transaction() as conn:
        guess_store.remember(conn, "p-1", [key("old"), key("kept")], at=AT - timedelta(days=500))
        guess_store.remember(conn, "p-1", [key("kept")], at=AT - timedelta(days=90))
        guess_store.count(conn, "p-1", Tally(1), at=AT - timedelta(days=500))
    with database.worker.transaction() as conn:
        assert guess_store.forget(conn, before=AT - timedelta(days=400)) == 2
        assert trail_of(conn, key("kept")) == (0, True)
        assert trail_of(conn, key("old")) == (0, False)


def test_two_at_once_about_one_person_come_one_after_the_other(database):
    """Otherwise a hundred guesses at once would all see the count from before the first."""
    seen = []
    ready, door = threading.Barrier(5), database.door

    def ask(number):
        ready.wait()
        with door.transaction() as conn:
            asked = [key(f"v{number}"), key(f"v{number}", anchor="c", kind="card")]
            guess_store.hold(conn, "p-1", asked)
            seen.append(trail_of(conn, asked[0])[0])
            guess_store.remember(conn, "p-1", asked, at=AT)

    threads = [threading.Thread(target=ask, args=[n]) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_nobody_waits_for_long(database):
    with database.door.transaction() as conn:
        guess_store.hold(conn, "p-1", [key()])
        with pytest.raises(psycopg.errors.LockNotAvailable), database.worker.transaction() as other:
            guess_store.hold(other, "p-1", [key()])
        with database.worker.transaction() as other:
            guess_store.hold(other, "p-2", [key()])
            guess_store.hold(other, "p-1", [key(anchor="a2")])
            assert trail_of(other, key(anchor="a2")) == (0, False)
