"""The enrollment feed: every row counted once, twice changes nothing, opt-ins and opt-outs take effect."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interpayer.audit.ledger import search
from interpayer.consent import store as consent_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import store as identity_store
from interpayer.model.member import Identifier, IdKind
from interpayer.operations import consents, enrollments, standing
from interpayer.operations.feed import COLUMNS, FeedFault

Feed = Callable[..., Path]

INES = {
    "member_id": "BL100001", "family": "Quarrel", "given": "Ines", "birth_date": "1980-02-03", "sex": "female",
    "coverage_start": "2026-06-01", "status": "active", "as_of": "2026-11-01",
}  # fmt: skip
OPTED_IN = {"opt_in": "yes", "opt_in_on": "2026-06-05", "opt_in_scope": "sensitive", "opt_in_proof": "doc-1"}
PRIOR = {"prior_payer": "payer-a", "prior_member_id": "A77001", "prior_relation": "previous"}


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    def feed(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
        path = tmp_path / "enrollments.csv"
        with path.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, columns)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return feed


def the_member(tools: Tools, number: str = "BL100001") -> str:
    with tools.database.transaction() as conn:
        (found,) = identity_store.find_member(
            conn, tools.vault, Identifier(IdKind.MEMBER, number, tools.entity.identifier)
        )
    return found


def active(tools: Tools) -> list[dict]:
    with tools.database.transaction() as conn:
        return standing.listed(conn, state="active")


def test_an_opt_in_becomes_a_consent_and_a_standing_request(tools: Tools, person: Actor, feed: Feed) -> None:
    report = enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    assert (report.rows, report.new, report.consents, report.standing_made, report.faults) == (1, 1, 1, 1, [])
    with tools.database.transaction() as conn:
        known, since = consents.listed(conn, the_member(tools))
    assert since is None
    (kept,) = known
    assert (kept.sources, kept.recipients, kept.proof) == (("payer-a",), ("payer-b",), "doc-1")
    assert kept.starts_at == datetime(2026, 6, 5, tzinfo=UTC)
    assert kept.ends_at == datetime(2031, 6, 6, tzinfo=UTC)
    (row,) = active(tools)
    assert (row["organization"], row["relation"], row["consent_id"]) == ("payer-a", "previous", kept.id)


def test_the_same_feed_twice_changes_nothing(tools: Tools, person: Actor, feed: Feed) -> None:
    path = feed(INES | OPTED_IN | PRIOR)
    enrollments.load(tools, path, actor=person)
    before = active(tools)
    again = enrollments.load(tools, path, actor=person)
    assert (again.unchanged, again.new, again.consents, again.standing_made) == (1, 0, 0, 0)
    assert active(tools)[0]["next_due_at"] == before[0]["next_due_at"]


def test_a_finished_standing_request_is_not_begun_again_by_the_feed(tools: Tools, person: Actor, feed: Feed) -> None:
    path = feed(INES | OPTED_IN | PRIOR)
    enrollments.load(tools, path, actor=person)
    with tools.database.transaction() as conn:
        conn.execute("update exchange.standing set state = 'stopped', stopped_reason = 'finished', next_due_at = null")
    again = enrollments.load(tools, path, actor=person)
    assert again.standing_made == 0
    assert active(tools) == []


def test_refused_rows_name_row_and_column_and_no_value(tools: Tools, person: Actor, feed: Feed) -> None:
    report = enrollments.load(
        tools,
        feed(
            INES | {"birth_date": "03.02.1980"},
            INES | {"member_id": ""},
            INES | OPTED_IN | PRIOR | {"member_id": "BL100002", "opt_in_on": ""},
            INES,
        ),
        actor=person,
    )
    assert [(fault.row, fault.column) for fault in report.faults] == [
        (2, "birth_date"),
        (3, "member_id"),
        (4, "opt_in_on"),
    ]
    assert "1980" not in str(report.faults)
    assert (report.rows, report.new, report.refused, report.consents) == (4, 2, 2, 0)
    assert report.new + report.changed + report.corrected + report.unchanged + report.refused == report.rows


def test_an_opt_out_beats_consents_and_ends_the_standing_request(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    gone = {"opt_in": "withdrawn", "opt_in_on": "2026-11-10", "as_of": "2026-11-11"}
    report = enrollments.load(tools, feed(INES | PRIOR | gone), actor=person)
    assert (report.withdrawals, report.standing_stopped) == (1, 1)
    member_id = the_member(tools)
    with tools.database.transaction() as conn:
        assert consent_store.withdrawn_at(conn, [member_id]) == {member_id: datetime(2026, 11, 10, tzinfo=UTC)}
    again = enrollments.load(tools, feed(INES | PRIOR | gone), actor=person)
    assert (again.withdrawals, again.standing_stopped) == (0, 0)


def test_only_a_later_opt_in_lifts_an_opt_out(tools: Tools, person: Actor, feed: Feed) -> None:
    gone = {"opt_in": "withdrawn", "opt_in_on": "2026-11-10", "as_of": "2026-11-11"}
    enrollments.load(tools, feed(INES | gone), actor=person)
    stale = enrollments.load(tools, feed(INES | PRIOR | OPTED_IN | {"as_of": "2026-11-12"}), actor=person)
    assert (stale.opted_in_again, stale.consents, [f.column for f in stale.faults]) == (0, 0, ["opt_in_on"])
    later = OPTED_IN | {"opt_in_on": "2026-11-12", "as_of": "2026-11-13"}
    fresh = enrollments.load(tools, feed(INES | PRIOR | later), actor=person)
    assert (fresh.opted_in_again, fresh.consents, fresh.standing_made) == (1, 1, 1)


def test_a_plain_no_takes_back_what_we_might_ask_for(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    report = enrollments.load(tools, feed(INES | PRIOR | {"opt_in": "no", "as_of": "2026-11-11"}), actor=person)
    assert (report.revoked, report.standing_stopped, report.withdrawals) == (1, 1, 0)


def test_a_membership_that_ended_ends_the_standing_request(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    ended = {"status": "terminated", "coverage_end": "2026-10-31", "as_of": "2026-11-11"}
    report = enrollments.load(tools, feed(INES | OPTED_IN | PRIOR | ended), actor=person)
    assert report.standing_stopped == 1
    assert active(tools) == []


def test_a_void_row_ends_it_too(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    report = enrollments.load(
        tools, feed(INES | OPTED_IN | PRIOR | {"status": "void", "as_of": "2026-11-11"}), actor=person
    )
    assert report.standing_stopped == 1


def test_an_older_row_says_nothing_about_today(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    old = INES | {"opt_in": "withdrawn", "as_of": "2026-10-01"}
    report = enrollments.load(tools, feed(old), actor=person)
    assert (report.withdrawals, report.standing_stopped) == (0, 0)


def test_a_correction_is_counted_as_one(tools: Tools, person: Actor, feed: Feed) -> None:
    enrollments.load(tools, feed(INES), actor=person)
    report = enrollments.load(tools, feed(INES | {"birth_date": "1980-03-02", "as_of": "2026-11-02"}), actor=person)
    assert (report.corrected, report.new) == (1, 0)


def test_the_ledger_says_what_was_loaded(tools: Tools, person: Actor, feed: Feed) -> None:
    report = enrollments.load(tools, feed(INES | OPTED_IN | PRIOR), actor=person)
    with tools.database.transaction() as conn:
        events = {event["name"]: event for event in search(conn)}
    assert {"enrollments.loaded", "consent.recorded", "standing.created"} <= set(events)
    assert events["enrollments.loaded"]["facts"]["new"] == 1
    assert events["enrollments.loaded"]["chain"] == f"load:{report.load_id}"
    assert "Quarrel" not in str(events)


def test_a_file_that_is_no_feed_is_refused_as_a_whole(tools: Tools, person: Actor, feed: Feed) -> None:
    with pytest.raises(FeedFault, match="as_of"):
        enrollments.load(tools, feed(columns=("member_id",)), actor=person)
