"""Claims with the payer's decision: found by number, charge and who is between them; nothing counted twice or lost."""

import io
from collections.abc import Iterator

import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.files import Reader
from interpayer.adapters.x12.joining import join_remittances
from tests.support.x12 import a_claim, a_payment, a_subscriber, claim_set, interchange

CLAIM = interchange("837P", claim_set(a_subscriber(a_claim())))
DECISION = interchange("835", a_payment())


def joined(*files: bytes) -> list[Found]:
    def read(reader: Reader) -> Iterator[Found]:
        for number, raw in enumerate(files):
            yield from reader(io.BytesIO(raw), f"{number}.x12")

    return list(join_remittances(read))


def decisions(found: list[Found]) -> list[str | None]:
    """The payment status of each claim that was read."""
    claims = [one.content for one in found if one.content and "claim" in one.content]
    return [one["remittance"]["payment"]["CLP02"] if "remittance" in one else None for one in claims]


@pytest.mark.parametrize("files", [(CLAIM, DECISION), (DECISION, CLAIM), (CLAIM + DECISION,)])
def test_a_decision_finds_its_claim_in_whatever_order_they_come(files: tuple[bytes, ...]) -> None:
    found = joined(*files)
    assert decisions(found) == ["1"]
    assert [(one.entity, one.problem) for one in found] == [("x12.837P", None), ("x12.835", "record.out_of_scope")]


def test_lines_find_what_was_decided_about_them() -> None:
    content = joined(CLAIM, DECISION)[0].content
    assert content is not None
    by_number, by_code = content["claim"]["lines"]
    assert by_number["remitted"]["REF_6R"][0]["REF02"] == "L1"
    assert by_code["remitted"]["CAS"][0]["CAS02"] == "45"


def test_the_last_decision_counts() -> None:
    reversal = interchange("835", a_payment(status="22", charge="-100"), day="20240501")
    assert decisions(joined(CLAIM, reversal, DECISION)) == ["22"]
    corrected = interchange("835", a_payment(status="22", charge="-100"), a_payment(status="4"), day="20240501")
    assert decisions(joined(corrected, CLAIM, DECISION)) == ["4"]


def test_a_claim_and_its_replacement_under_one_number_have_each_their_own_decision() -> None:
    replacing = interchange("837P", claim_set(a_subscriber(a_claim(frequency="7", original="P-1"))), day="20240502")
    again = interchange("835", a_payment(status="22", charge="-100"), a_payment(number="P-2"), day="20240510")
    found = joined(CLAIM, DECISION, replacing, again)
    claims = [one.content for one in found if one.content and "claim" in one.content]
    payments = [claim["remittance"]["payment"] for claim in claims]
    assert [claim["claim"]["CLM05_3"] for claim in claims] == ["1", "7"]
    assert [(one["CLP07"], one["CLP02"]) for one in payments] == [("P-1", "22"), ("P-2", "1")]


def test_a_correction_by_the_payer_counts_for_the_claim_it_corrects() -> None:
    again = interchange("835", a_payment(status="22", charge="-100"), a_payment(number="P-2"), day="20240510")
    [claim] = [one.content for one in joined(CLAIM, DECISION, again) if one.content]
    assert claim["remittance"]["payment"]["CLP07"] == "P-2"


@pytest.mark.parametrize(
    "decision",
    [
        interchange("835", a_payment("C-2")),
        interchange("835", a_payment(charge="99")),
        DECISION.replace(b"1234567893", b"1999999992").replace(b"OWN0007", b"OWN0008"),
    ],
)
def test_the_decision_about_another_claim_stays_a_record_of_its_own(decision: bytes) -> None:
    found = joined(CLAIM, decision)
    assert decisions(found) == [None]
    assert found[1].content is not None and found[1].entity == "x12.835"


def test_the_same_charge_written_otherwise_is_the_same() -> None:
    assert decisions(joined(CLAIM, interchange("835", a_payment(charge="100.00")))) == ["1"]


def test_what_does_not_fit_into_memory_stays_a_record_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.adapters.x12.joining.MOST_KEPT", 0)
    two = interchange("835", [*a_payment(), *a_payment("C-2")[8:]])
    found = joined(two, CLAIM)
    assert decisions(found) == ["1"]
    assert [one.content is not None for one in found if one.entity == "x12.835"] == [True, False]


def test_damage_is_told_once() -> None:
    broken = DECISION.replace(b"SVC*HC:J1100", b"SVC*HC")
    assert [one.problem for one in joined(CLAIM, broken)] == [None, "record.invalid"]
