"""Consents at the plan's own door: restricted, explained, proven; contracts and life events."""

import base64
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interpayer.exchange.tools import Tools
from interpayer.partners import directory
from tests.store.api.conftest import Call
from tests.store.api.test_rooms import consent_for
from tests.support.doors import a_partner
from tests.support.tools import add_members


def test_a_restriction_is_kept_and_explained(api: Call, tools: Tools) -> None:
    (member_id, _) = add_members(tools)
    with tools.database.transaction() as conn:
        directory.add_partner(conn, a_partner("old"), None, by="tests")
    assert api("POST", "/consents", json=consent_for(member_id, recipients=["ours"])).status_code == 201
    left_out = {"labels_withheld": ["hiv"], "types_withheld": ["Claim"]}
    restriction = consent_for(member_id, sources=["*"], recipients=["*"], effect="narrow", leaves_out=left_out)
    made = api("POST", "/consents", json=restriction)
    assert (made.status_code, made.json()["consent"]["limits"]) == (201, left_out)
    told = api("GET", f"/consents/explain?member={member_id}&payer=p-old", role="analyst").json()
    assert {one["effect"] for one in told["statements"]} == {"permit", "narrow"}
    assert told["they_ask"]["reason"] == "consent.missing"
    assert told["they_ask"]["next"].startswith("Nothing goes.")
    assert api("GET", f"/consents/explain?member={member_id}&payer=nobody").status_code == 422
    assert api("GET", "/consents/explain?member=m-none&payer=p-old").status_code == 404


WRONG: list[dict[str, Any]] = [
    {"effect": "narrow"},
    {"effect": "erase"},
    {"recipients": ["*"]},
    {"basis": "state_medicaid_contract"},
    {"leaves_out": {"fields_withheld": ["claim.item"]}},
    {"leaves_out": {"labels": ["hiv"]}},
    {"document": "no base64!"},
    {"signature": "AAAA", "signer": "x"},
    {"document": "AAAA", "document_sha256": "0" * 64},
    {"document": "AAAA", "signature": "AAAA", "signer": "no key"},
]


def test_a_statement_that_says_nothing_or_proves_nothing_is_refused(api: Call, tools: Tools) -> None:
    (member_id, _) = add_members(tools)
    got = {str(wrong): api("POST", "/consents", json=consent_for(member_id, **wrong)).status_code for wrong in WRONG}
    assert got == dict.fromkeys(got, 422)


def test_a_signed_original_is_verified_and_its_digest_kept(api: Call, tools: Tools) -> None:
    (member_id, _) = add_members(tools)
    key, document = ec.generate_private_key(ec.SECP256R1()), b"I agree. Susan"
    signature = key.sign(document, ec.ECDSA(SHA256()))
    signer = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    proof = {"signature": base64.b64encode(signature).decode(), "signer": signer}
    forged = {**proof, "document": base64.b64encode(document + b"!").decode()}
    refused = api("POST", "/consents", json=consent_for(member_id, **forged))
    assert (refused.status_code, refused.json()["reason"]) == (422, "consent.proof_invalid")
    proof["document"] = base64.b64encode(document).decode()
    kept = api("POST", "/consents", json=consent_for(member_id, **proof)).json()["consent"]
    assert kept["document_sha256"] == sha256(document).hexdigest()
    assert kept["signature"]["algorithm"] == "sha256"
    assert kept["attested_by"] == "operator"


def test_contracts_and_life_events_are_recorded_and_taken_back(api: Call, tools: Tools) -> None:
    given = {
        "basis": "state_medicaid_contract",
        "contract": "MCO-7",
        "sources": ["urn:payers|agency"],
        "recipients": ["urn:payers|plan"],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2029-01-01T00:00:00Z",
        "proof": "contract office, shelf 3",
    }
    made = api("POST", "/consents/bases", json=given)
    assert (made.status_code, made.json()["basis"]["limits"]) == (201, {"labels_withheld": ["substance_use"]})
    basis_id = made.json()["basis"]["id"]
    for _ in range(2):
        assert api("POST", f"/consents/bases/{basis_id}/end", json={"reason": "contract over"}).status_code == 200
    assert api("GET", "/consents/bases").json()["bases"][0]["ended_at"] is not None
    assert api("POST", "/consents/bases/l-none/end", json={"reason": "x"}).status_code == 404
    assert api("POST", "/consents/bases", json={**given, "ends_at": given["starts_at"]}).status_code == 422

    (member_id, _) = add_members(tools)
    died = {"member": member_id, "what": "died", "on": "2026-02-01", "proof": "certificate 4"}
    assert api("POST", "/consents/life-events", json=died).status_code == 201
    back = {"member": member_id, "what": "died"}
    assert [api("POST", "/consents/life-events/take-back", json=back).json()["taken_back"] for _ in "ab"] == [
        True,
        False,
    ]
    assert api("POST", "/consents/life-events", json={**died, "on": "2199-01-01"}).status_code == 422
    assert api("POST", "/consents/life-events", json={**died, "member": "m-none"}).status_code == 404
