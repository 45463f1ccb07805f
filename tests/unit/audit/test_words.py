"""Sentences for people: complete, and free of member data."""

import pytest

from interpayer.audit.words import headline, sentence
from interpayer.model.event import EVENTS


def row(name="permission.refused", **fields):
    given = {
        "name": name,
        "at": "2026-11-21T14:07:03.123456Z",
        "actor_type": "partner",
        "actor_id": "plan-b",
        "outcome": "ok",
        "reason": None,
        "policy_version": None,
        "partner_id": "plan-b",
        "facts": {},
        "attempt": 0,
    }
    return given | fields


def test_a_sentence_says_when_who_what_why_and_under_which_policy():
    event = row(outcome="refused", reason="consent.revoked", policy_version="v12", facts={"left_out": 3}, attempt=2)
    assert sentence(event) == (
        "2026-11-21 14:07:03 UTC · partner plan-b · Consent or policy say no: "
        "refused; because consent.revoked under policy v12; left out 3; attempt 2."
    )


def test_a_plain_event_is_a_short_sentence():
    assert sentence(row("caller.accepted", actor_type="process", actor_id="worker")) == (
        "2026-11-21 14:07:03 UTC · process worker · A caller proved who it is and got a token."
    )


def test_nested_facts_are_read_out():
    event = row(facts={"counts": {"Patient": 1}, "types": ["A", "B"], "complete": True, "none": [], "x": None})
    assert "counts (Patient 1), types A, B, complete yes, none none, x unknown" in sentence(event)


def test_a_sentence_stays_one_line():
    event = row(facts={"receipt": {"checkpoint": "payer.example\n12\nhash=\n\n— signature", "records": 3}})
    assert sentence(event).endswith("receipt (checkpoint payer.example …, records 3).")


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_of_the_catalog_has_its_words(name):
    assert EVENTS[name].rstrip(".") in sentence(row(name))


def test_a_headline_sums_an_exchange_up():
    events = [row("exchange.received"), row("permission.refused", outcome="refused")]
    assert headline(events) == (
        "2 events with plan-b, 2026-11-21 14:07 to 2026-11-21 14:07."
        " Last: Consent or policy say no. 1 refused or failed."
    )
    assert headline([]) == "Nothing is on the ledger."
