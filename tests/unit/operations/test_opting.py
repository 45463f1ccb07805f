"""What a member's newest rows say; and the consent that an opt-in gives."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from interpayer.model.consent import Scope
from interpayer.model.member import Coverage, Demographics, Enrollment, Name
from interpayer.operations.opting import consent_from, wishes_of, withdrawn_since

ROW = Enrollment(
    row=2,
    demographics=Demographics(names=(Name("Quarrel", ("Ines",)),), birth_date=date(1980, 2, 3)),
    coverage=Coverage(payer="payer-b", member_id="BL1", starts_on=date(2026, 6, 1)),
    opt_in="yes",
    opt_in_on=date(2026, 6, 5),
    opt_in_until=None,
    opt_in_scope="sensitive",
    opt_in_proof="doc-1",
    prior_payer="payer-a",
    prior_member_id="A1",
    prior_subscriber_id=None,
    prior_relation="previous",
    as_of=date(2026, 11, 1),
)
VOID = replace(ROW.coverage, status="void")


def test_only_the_newest_day_counts() -> None:
    older = replace(ROW, opt_in="withdrawn", as_of=date(2026, 10, 1))
    wishes = wishes_of([(older, "m-1"), (ROW, "m-1")])
    assert (wishes.opted_in, wishes.withdrawn) == ([(ROW, "m-1")], {})


def test_of_rows_that_contradict_each_other_the_no_counts() -> None:
    no = replace(ROW, opt_in="withdrawn", row=3)
    wishes = wishes_of([(ROW, "m-1"), (no, "m-1")])
    assert (wishes.opted_in, wishes.withdrawn) == ([], {"m-1": no})


def test_a_void_row_beside_a_valid_one_takes_nothing_away() -> None:
    void = replace(ROW, coverage=VOID, row=3)
    wishes = wishes_of([(ROW, "m-1"), (void, "m-1")])
    assert [row.row for row, _ in wishes.opted_in] == [2, 3]
    assert wishes.not_covered == []


def test_who_is_not_covered_opts_into_nothing() -> None:
    wishes = wishes_of([(replace(ROW, coverage=VOID), "m-1")])
    assert (wishes.opted_in, wishes.not_covered) == ([], ["m-1"])


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (replace(ROW, opt_in_on=None), "opt_in_on"),
        (replace(ROW, opt_in_until=date(2026, 1, 1)), "opt_in_until"),
    ],
)
def test_an_opt_in_that_cannot_be_a_consent_is_a_fault(row: Enrollment, column: str) -> None:
    wishes = wishes_of([(row, "m-1")])
    assert wishes.opted_in == []
    assert [(fault.row, fault.column) for fault in wishes.faults] == [(2, column)]


def test_without_another_payer_there_is_nothing_to_ask() -> None:
    assert wishes_of([(replace(ROW, prior_payer=None), "m-1")]).opted_in == []


def test_a_consent_lasts_through_its_last_day() -> None:
    consent = consent_from(replace(ROW, opt_in_until=date(2027, 6, 5)), "m-1", entity="payer-b")
    assert consent.ends_at == datetime(2027, 6, 6, tzinfo=UTC)
    assert (consent.sources, consent.recipients) == (("payer-a",), ("payer-b",))


def test_without_an_end_it_lasts_as_far_as_the_payload_reaches() -> None:
    assert consent_from(ROW, "m-1", entity="payer-b").ends_at == datetime(2031, 6, 6, tzinfo=UTC)
    leap = consent_from(replace(ROW, opt_in_on=date(2024, 2, 29)), "m-1", entity="payer-b")
    assert leap.ends_at == datetime(2029, 3, 1, tzinfo=UTC)


def test_without_a_scope_only_what_is_not_sensitive_is_allowed() -> None:
    assert consent_from(replace(ROW, opt_in_scope=None), "m-1", entity="payer-b").scope is Scope.REGULAR


def test_a_withdrawal_holds_from_its_day_and_never_later_than_now() -> None:
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert withdrawn_since(replace(ROW, opt_in_on=date(2026, 11, 10)), at) == datetime(2026, 11, 10, tzinfo=UTC)
    assert withdrawn_since(replace(ROW, opt_in_on=date(2027, 1, 1)), at) == at
    assert withdrawn_since(replace(ROW, opt_in_on=None), at) == datetime(2026, 11, 1, tzinfo=UTC)


assert ROW.opt_in_on is not None
EIGHTEEN = ROW.opt_in_on.replace(year=ROW.opt_in_on.year - 18)


@pytest.mark.parametrize(
    ("born", "performer"),
    [(EIGHTEEN, "member"), (EIGHTEEN + timedelta(days=1), "representative:PRN"), (None, "member")],
    ids=["of-age-today", "a-minor-until-tomorrow", "unknown"],
)
def test_for_a_minor_a_parent_opted_in(born: date | None, performer: str) -> None:
    row = replace(ROW, demographics=replace(ROW.demographics, birth_date=born))
    assert consent_from(row, "m-1", entity="payer-b").performer == performer
