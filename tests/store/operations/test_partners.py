"""A partner joins with its endpoints, rests and comes back; each change is on the ledger with who and why."""

from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partner_life, partners
from interpayer.routing import registry
from interpayer.system.clock import now


def a_document(**changes: Any) -> dict[str, Any]:
    key = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig", "alg": "ES384"}, private=True)
    return {
        "name": "Alder Valley Health Plan",
        "client_id": "alder-valley",
        "organizations": ["payer-a"],
        "scopes": ["system/*.rs"],
        "jwks": {"keys": [key.as_dict(private=False)]},
        "environment": "test",
        "attested_by_contract": True,
        "endpoints": [
            {"fhir_base": "https://alder.example/fhir", "capabilities": ["bulk-member-match"], "version": "2.2"}
        ],
        **changes,
    }


def test_a_partner_is_found_by_id_client_id_and_payer(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        added = partners.add(tools, conn, a_document(), actor=person)
        made, endpoints = added.partner, added.endpoints
        assert {partners.find(conn, name).id for name in (made.id, "alder-valley", "payer-a")} == {made.id}
        assert [e.id for e in registry.endpoints_of(conn, "payer-a")] == [e.id for e in endpoints]
        with pytest.raises(Refusal, match=r"request\.not_found"):
            partners.find(conn, "payer-z")


def test_a_broken_document_keeps_nothing(tools: Tools, person: Actor) -> None:
    with pytest.raises(Refusal) as refused, tools.database.transaction() as conn:
        partners.add(tools, conn, a_document(endpoints=[{"fhir_base": "http://alder.example"}]), actor=person)
    assert "https" in refused.value.detail
    with tools.database.transaction() as conn:
        assert partners.listed(conn) == []


def test_status_changes_with_a_reason_and_a_name(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        changed = partner_life.set_status(
            tools, conn, "payer-a", status=PartnerStatus.SUSPENDED, reason="contract ended", actor=person
        )
        assert changed.status is PartnerStatus.SUSPENDED
        with pytest.raises(Refusal):
            partner_life.set_status(tools, conn, "payer-a", status=PartnerStatus.ACTIVE, reason=" ", actor=person)
    with tools.database.transaction() as conn:
        told = [e["facts"]["change"] for e in search(conn, partner=made.id)]
        view = partners.shown(tools, conn, made.id)
    assert told == ["added", "status"]
    assert [(c.change, c.by, c.reason) for c in view.history][-1] == ("status", "Ana Ruiz", "contract ended")


def test_endpoints_are_added_taken_out_and_maintained(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        partners.add(tools, conn, a_document(endpoints=[]), actor=person)
        wanted = {"fhir_base": "https://alder.example/r4/", "capabilities": ["everything"]}
        made = partners.add_endpoint(tools, conn, "payer-a", endpoint=wanted, actor=person)
        window = (now() + timedelta(hours=1), now() + timedelta(hours=2))
        kept = partners.add_maintenance(tools, conn, made.id, window=window, actor=person)
        out = partners.set_endpoint_status(tools, conn, made.id, status="quarantined", actor=person)
        with pytest.raises(Refusal, match=r"request\.malformed"):
            partners.add_maintenance(tools, conn, made.id, window=(window[1], window[0]), actor=person)
    assert kept.maintenance == (window,)
    assert (made.fhir_base, out.status) == ("https://alder.example/r4", "quarantined")
