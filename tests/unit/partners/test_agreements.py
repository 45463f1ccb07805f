"""What is agreed with a partner is read strictly, and comes out of its row as it went in."""

from datetime import date
from typing import Any

import pytest

from interpayer.model.agreement import ActsFor, CallLimits, Contact, Contract, Pace, Profile, RateLimit
from interpayer.model.reason import Refusal
from interpayer.partners import agreements as read

LIMITS = {"rates": {"match": {"per_minute": 30, "burst": 5}}, "costs": {"bulk": 10}, "connections": 4}
CONTRACT = {
    "idempotency": "idempotency_key",
    "acknowledgement": "delete",
    "errors": "operation_outcome",
    "retention_days": 30,
    "schema_version": "2.2",
    "attestation": "section 4.2",
    "escalation": "the account manager, then the privacy office",
    "reference": "contract 17",
    "starts_on": "2026-01-01",
    "ends_on": "2027-01-01",
}
BAD: dict[str, tuple[Any, Any]] = {
    "limits a text": (read.read_limits, "many"),
    "limits unknown": (read.read_limits, {"speed": 1}),
    "rate of an unknown class": (read.read_limits, {"rates": {"teleport": {"per_minute": 1}}}),
    "rate of nothing": (read.read_limits, {"rates": {"match": {"per_minute": 0}}}),
    "rate that is no number": (read.read_limits, {"rates": {"match": {"per_minute": "30"}}}),
    "rate not a number": (read.read_limits, {"rates": {"match": {"per_minute": float("nan")}}}),
    "rate without end": (read.read_limits, {"rates": {"match": {"per_minute": 1e99}}}),
    "burst of a half": (read.read_limits, {"rates": {"match": {"per_minute": 1, "burst": 0.5}}}),
    "cost of nothing": (read.read_limits, {"costs": {"match": 0}}),
    "cost true": (read.read_limits, {"costs": {"match": True}}),
    "connections negative": (read.read_limits, {"connections": -1}),
    "pace unknown": (read.read_pace, {"speed": 3}),
    "pace of nothing": (read.read_pace, {"per_minute": 0}),
    "contract unknown": (read.read_contract, {"colour": "blue"}),
    "contract word unknown": (read.read_contract, {"idempotency": "sometimes"}),
    "contract retention a text": (read.read_contract, {"retention_days": "90"}),
    "contract day broken": (read.read_contract, {"ends_on": "tomorrow"}),
    "contract backwards": (read.read_contract, {"starts_on": "2026-02-01", "ends_on": "2026-01-01"}),
    "contract control character": (read.read_contract, {"escalation": "a\u0007b"}),
    "profile mode unknown": (read.read_profile, {"mode": "fast"}),
    "profile version": (read.read_profile, {"spec_version": "latest"}),
    "profile operation": (read.read_profile, {"bulk_match_operation": "match-all"}),
    "contacts no list": (read.read_contacts, {}),
    "contact role unknown": (read.read_contacts, [{"role": "friend", "name": "A", "email": "a@b.example"}]),
    "contact nowhere": (read.read_contacts, [{"role": "incident", "name": "A"}]),
    "contact address broken": (read.read_contacts, [{"role": "incident", "name": "A", "email": "a"}]),
    "acts for nobody": (read.read_acts_for, {"since": "2026-01-01"}),
    "acts for a number": (read.read_acts_for, 7),
    "acts for backwards": (read.read_acts_for, {"identifier": "x", "since": "2026-02-01", "until": "2026-01-01"}),
    "acts for unknown": (read.read_acts_for, {"identifier": "x", "why": "so"}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_hold_is_refused_with_its_element(name: str) -> None:
    reader, value = BAD[name]
    with pytest.raises(Refusal) as refused:
        reader(value)
    assert refused.value.reason == "request.malformed"
    assert refused.value.detail


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (read.read_limits, LIMITS),
        (read.read_pace, {"per_minute": 60.0, "burst": 3}),
        (read.read_contract, CONTRACT),
        (read.read_profile, {"mode": "single", "spec_version": "2.1", "types": "repeat"}),
    ],
    ids=["limits", "pace", "contract", "profile"],
)
def test_what_is_read_comes_out_as_it_was_said(reader: Any, value: dict[str, Any]) -> None:
    agreed = reader(value)
    assert hash(agreed)
    assert reader(read.as_document(agreed)) == agreed
    assert read.as_document(agreed).items() >= {k: v for k, v in value.items() if k != "rates"}.items()


def test_nothing_said_is_as_usual() -> None:
    assert (read.read_limits(None), read.read_pace({})) == (CallLimits(), Pace())
    assert (read.read_contract({}), read.read_profile(None)) == (Contract(), Profile())
    assert read.as_document(Contract()) == {}
    limits = read.read_limits(LIMITS)
    assert limits.rate("match") == RateLimit(30.0, 5)
    assert limits.rate("file") is None
    assert (limits.cost("bulk"), limits.cost("match")) == (10, None)


def test_a_payer_is_acted_for_between_two_days() -> None:
    acts = read.read_acts_for({"identifier": "x", "since": "2026-01-01", "until": date(2026, 1, 31), "proof": "c 1"})
    assert acts == ActsFor("x", date(2026, 1, 1), date(2026, 1, 31), "c 1")
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    assert [acts.in_force(day) for day in days] == [False, True, True, False]
    assert read.read_acts_for(read.acts_for_as_document(acts)) == acts


def test_a_contact_has_a_role() -> None:
    [one] = read.read_contacts([{"role": "privacy", "name": "Office", "phone": "+1 555 0100"}])
    assert one == Contact(one.role, "Office", None, "+1 555 0100")
    assert read.read_contacts([read.contact_as_document(one)]) == (one,)
