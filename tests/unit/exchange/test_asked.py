"""The plan's own request: what it says, what is missing, what a supplement adds."""

from typing import Any

import pytest

from interpayer.exchange.asked import coverage_to_match, missing, read_asked
from interpayer.model.consent import Basis
from interpayer.model.member import IdKind


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "partner": "payer-a",
        "member": {
            "names": [{"family": "Marker", "given": ["Ada"]}],
            "birth_date": "1989-03-14",
            "external_identifiers": [
                {"type": "member_id", "value": "M1", "issuer": "payer-a"},
                {"type": "subscriber_id", "value": "S1", "issuer": "payer-a"},
                {"type": "member_id", "value": "OTHER", "issuer": "payer-c"},
            ],
        },
        "basis": "opt_in",
        "attestation": {"enrolled": True, "opted_in": True, "by": "enrollment"},
        **changes,
    }


def test_a_whole_request_lacks_nothing():
    asked = read_asked(a_request())
    assert missing(asked) == ()
    assert asked.basis is Basis.OPT_IN


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"partner": None}, "request.missing_payer"),
        ({"member": {}}, "request.missing_member"),
        ({"member": {"names": [{"family": "Marker", "given": ["Ada"]}]}}, "request.missing_member"),
        ({"basis": None}, "request.missing_consent"),
        ({"basis": "because"}, "request.missing_consent"),
        ({"attestation": None}, "request.missing_attestation"),
        ({"attestation": {"enrolled": True}}, "request.missing_attestation"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, Any], reason: str):
    assert reason in [r for r, _ in missing(read_asked(a_request(**change)))]


def test_another_basis_needs_no_attestation_of_an_opt_in():
    assert missing(read_asked(a_request(basis="state_medicaid_contract", attestation=None))) == ()


def test_a_supplement_adds_to_the_member_and_replaces_what_it_names():
    bare = a_request(partner=None)
    asked = read_asked(bare, [{"partner": "payer-c"}, {"member": {"birth_date": "1989-03-15"}}])
    assert asked.partner == "payer-c"
    assert asked.demographics is not None
    assert asked.demographics.birth_date is not None
    assert asked.demographics.birth_date.day == 15
    assert asked.demographics.names[0].family == "Marker"


def test_the_old_card_holds_only_ids_that_the_asked_payer_gave():
    card = coverage_to_match(read_asked(a_request()), ["payer-a"])
    assert (card.member_id, card.subscriber_id) == ("M1", "S1")
    assert [i.kind for i in read_asked(a_request()).ids_issued_by(["payer-c"])] == [IdKind.MEMBER]


def test_routing_outranks_the_partner():
    asked = read_asked(a_request(routing={"destination_payer": "payer-d", "requires_mtls": False}))
    assert asked.partner == "payer-d"
    assert not asked.requires_mtls
