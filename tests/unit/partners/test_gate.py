"""The gate: each item is asked for by itself, and nothing else with it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from interpayer.model.agreement import Certificate, Contact, ContactRole, Contract, ErrorMeaning
from interpayer.model.partner import Endpoint
from interpayer.partners.directory import Agreed
from interpayer.partners.gate import ITEMS, NEVER_WAIVED, TRIAL_DAYS, Shown, Trial, missing
from tests.support.doors import a_partner

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTRACT = Contract(errors=ErrorMeaning.OUTCOME, retention_days=90, escalation="the account manager")
ENDPOINT = Endpoint("n-1", "p-plan-b", "https://b.example/fhir", ("member-match",), "2.2", "test")
PASSED = Trial(AT, "n-1", "metadata", "passed", "")
WHOLE = Shown(
    partner=a_partner(),
    agreed=Agreed(contract=CONTRACT),
    endpoints=[ENDPOINT],
    certificates=[Certificate("A" * 43, expires_at=AT + timedelta(days=1))],
    contacts=[Contact(ContactRole.INCIDENT, "Desk", "desk@b.example")],
    last_run=[PASSED],
    samples=[True, False],
    at=AT,
    environment="test",
)


def agreed(**changes: Any) -> Agreed:
    return Agreed(contract=replace(CONTRACT, **changes))


LACKING: dict[str, tuple[str, Shown]] = {
    "no keys": ("registration", replace(WHOLE, partner=a_partner(jwks={"keys": []}))),
    "no scopes": ("registration", replace(WHOLE, partner=a_partner(scopes=()))),
    "no payer today": ("registration", replace(WHOLE, partner=a_partner(organizations=()))),
    "other environment": ("environment", replace(WHOLE, partner=a_partner(environment="production"))),
    "no certificate": ("certificate", replace(WHOLE, certificates=[])),
    "certificate over": ("certificate", replace(WHOLE, certificates=[Certificate("A" * 43, expires_at=AT)])),
    "certificate left": ("certificate", replace(WHOLE, certificates=[Certificate("A" * 43, leaves_at=AT)])),
    "no endpoint": ("endpoints", replace(WHOLE, endpoints=[])),
    "endpoint rests": ("endpoints", replace(WHOLE, endpoints=[replace(ENDPOINT, status="quarantined")])),
    "endpoint elsewhere": ("endpoints", replace(WHOLE, endpoints=[replace(ENDPOINT, environment="production")])),
    "no match there": ("endpoints", replace(WHOLE, endpoints=[replace(ENDPOINT, capabilities=("everything",))])),
    "never tried": ("trial", replace(WHOLE, last_run=[])),
    "tried long ago": ("trial", replace(WHOLE, last_run=[replace(PASSED, at=AT - timedelta(days=TRIAL_DAYS))])),
    "a check failed": ("trial", replace(WHOLE, last_run=[PASSED, replace(PASSED, check="token", state="failed")])),
    "retention unknown": ("retention", replace(WHOLE, agreed=agreed(retention_days=None))),
    "nobody to call": (
        "incident_contact",
        replace(WHOLE, contacts=[Contact(ContactRole.TECHNICAL, "D", "d@b.example")]),
    ),
    "errors unknown": ("errors", replace(WHOLE, agreed=agreed(errors=ErrorMeaning.UNKNOWN))),
    "no way up": ("errors", replace(WHOLE, agreed=agreed(escalation=None))),
    "attested nowhere": ("attestation", replace(WHOLE, partner=a_partner(attested_by_contract=True))),
    "no malformed sample": ("samples", replace(WHOLE, samples=[True])),
    "no good sample": ("samples", replace(WHOLE, samples=[False, False])),
    "contract over": ("contract", replace(WHOLE, agreed=agreed(ends_on=date(2026, 11, 20)))),
    "contract to come": ("contract", replace(WHOLE, agreed=agreed(starts_on=date(2026, 11, 22)))),
}


def test_who_has_shown_everything_passes() -> None:
    assert missing(WHOLE) == ()


@pytest.mark.parametrize("name", LACKING)
def test_what_lacks_is_named_alone_with_what_to_do(name: str) -> None:
    item, shown = LACKING[name]
    [found] = missing(shown)
    assert found.item == item
    assert found.missing
    assert found.next_step


def test_every_item_of_the_gate_can_be_missing() -> None:
    assert {item for item, _ in LACKING.values()} == set(ITEMS)
    assert set(ITEMS) > NEVER_WAIVED


@pytest.mark.parametrize(
    "proves_itself",
    [
        replace(
            WHOLE,
            partner=a_partner(jwks={"keys": []}),
            agreed=Agreed(jwks_url="https://b.example/k", contract=CONTRACT),
        ),
        replace(
            WHOLE, partner=a_partner(jwks={"keys": []}), agreed=Agreed(udap_uri="https://b.example", contract=CONTRACT)
        ),
        replace(WHOLE, certificates=[], agreed=Agreed(certificate_names=("b.example",), contract=CONTRACT)),
    ],
    ids=["keys at an address", "a name in a trust community", "certificates by name"],
)
def test_there_are_several_ways_to_prove_oneself(proves_itself: Shown) -> None:
    assert missing(proves_itself) == ()
