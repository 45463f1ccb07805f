"""What a registration may hold, and what is refused before anything is stored."""

import base64
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from interpayer.model.reason import Refusal
from interpayer.partners.jwks import algorithm_of, check_jwks
from interpayer.partners.onboarding import CAPABILITIES, PartnerDocument, endpoints_of, read_document
from tests.support.doors import CURVE_KEY, RSA_KEY, a_partner, public

# 1024 bits: too small to protect anything.
SMALL_RSA = {
    "kty": "RSA",
    "kid": "small",
    "e": "AQAB",
    "n": base64.urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("="),
}
GOOD: dict[str, Any] = {
    "name": "Plan B",
    "client_id": "plan-b",
    "organizations": ["urn:payers|plan-b"],
    "scopes": ["system/*.rs"],
    "jwks": public(CURVE_KEY, RSA_KEY),
    "endpoints": [{"fhir_base": "https://plan-b.example/fhir"}],
}


def with_key(**changes: Any) -> dict[str, Any]:
    key = {**CURVE_KEY.as_dict(private=False), **changes}
    return {"keys": [{name: value for name, value in key.items() if value is not None}]}


BAD_KEYS: dict[str, Any] = {
    "no set": "keys",
    "no keys": {"keys": []},
    "keys no list": {"keys": {}},
    "too many keys": {"keys": [{**CURVE_KEY.as_dict(private=False), "kid": str(n)} for n in range(21)]},
    "a key that is a text": {"keys": ["key"]},
    "a private curve key": {"keys": [CURVE_KEY.as_dict(private=True)]},
    "a private RSA key": {"keys": [RSA_KEY.as_dict(private=True)]},
    "a symmetric key": {"keys": [OctKey.generate_key(256, {"kid": "s"}).as_dict(private=True)]},
    "an Edwards key": {"keys": [OKPKey.generate_key("Ed25519", {"kid": "e"}).as_dict(private=False)]},
    "a small RSA key": {"keys": [SMALL_RSA]},
    "an RSA key with exponent 3": {"keys": [{**RSA_KEY.as_dict(private=False), "e": "Aw"}]},
    "an RSA key with exponent 1": {"keys": [{**RSA_KEY.as_dict(private=False), "e": "AQ"}]},
    "a point off its curve": with_key(x=CURVE_KEY.as_dict(private=False)["y"]),
    "only a curve that we do not use": public(ECKey.generate_key("P-256", {"kid": "p"})),
    "only an algorithm that we do not use": with_key(alg="ES512"),
    "for encryption": with_key(use="enc"),
    "for signing, not verifying": with_key(key_ops=["sign"]),
    "no kid": with_key(kid=None),
    "an empty kid": with_key(kid=""),
    "a kid without end": with_key(kid="k" * 201),
    "a kid twice": {"keys": [CURVE_KEY.as_dict(private=False), {**RSA_KEY.as_dict(private=False), "kid": "curve"}]},
    "no kty": with_key(kty=None),
    "coordinates missing": with_key(y=None),
}
BAD_DOCUMENTS: dict[str, Any] = {
    "no object": [],
    "nothing": {},
    "an unknown element": {**GOOD, "colour": "blue"},
    "name missing": {**GOOD, "name": None},
    "client id missing": {**GOOD, "client_id": None},
    "client id with a blank": {**GOOD, "client_id": "plan b"},
    "client id with a line break": {**GOOD, "client_id": "plan\nb"},
    "organizations missing": {**GOOD, "organizations": []},
    "organizations a text": {**GOOD, "organizations": "plan-b"},
    "scopes with a blank": {**GOOD, "scopes": ["system/*.rs system/*.cruds"]},
    "keys missing": {**GOOD, "jwks": None},
    "an unknown environment": {**GOOD, "environment": "staging"},
    "an unknown status": {**GOOD, "status": "friend"},
    "a status that is no text": {**GOOD, "status": ["active"]},
    "attested by a text": {**GOOD, "attested_by_contract": "yes"},
    "an unknown assertion style": {**GOOD, "assertion_style": "basic"},
    "an unknown algorithm": {**GOOD, "algorithm": "HS256"},
    "a thumbprint that is none": {**GOOD, "certificates": ["AB:CD"]},
    "key address over http": {**GOOD, "jwks_url": "http://plan-b.example/jwks"},
    "endpoints no list": {**GOOD, "endpoints": {}},
    "an endpoint with an unknown element": {**GOOD, "endpoints": [{"fhir_base": "https://b.example", "x": 1}]},
    "an endpoint with an unknown capability": {
        **GOOD,
        "endpoints": [{"fhir_base": "https://b.example", "capabilities": ["teleport"]}],
    },
    "an endpoint for nobody": {**GOOD, "endpoints": [{"fhir_base": "https://b.example", "maximum_members": 0}]},
    **{
        f"endpoint {url!r}": {**GOOD, "endpoints": [{"fhir_base": url}]}
        for url in [
            "http://b.example/fhir",
            "ftp://b.example",
            "b.example",
            "https://",
            "https://user:secret@b.example/fhir",
            "https://b.example/fhir?x=1",
            "https://b.example/fhir#x",
            "https://b.example/fh ir",
            "https://b\u00e9.example/fhir",
            "https://b.example:99999/",
            "https://[::1/fhir",
            7,
            None,
        ]
    },
}


def test_a_good_document_is_read() -> None:
    document = read_document({**GOOD, "jwks_url": "https://plan-b.example/jwks", "contact": " ops@plan-b.example "})
    assert document.environment == "production"
    assert document.contact == "ops@plan-b.example"
    assert document.scopes == ("system/*.rs",)


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_a_bad_document_is_refused_with_the_element_named(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_document(BAD_DOCUMENTS[name])
    assert caught.value.reason == "request.malformed"
    assert caught.value.detail


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_bad_key_is_refused(name: str) -> None:
    with pytest.raises(Refusal):
        check_jwks(BAD_KEYS[name])


def test_enough_registrations_are_tried() -> None:
    assert len(BAD_KEYS) + len(BAD_DOCUMENTS) >= 40


def test_only_what_is_needed_of_a_key_is_kept() -> None:
    kept = check_jwks({"keys": [{**CURVE_KEY.as_dict(private=False), "x5c": ["MIIB"], "owner": "Jane"}]})
    [key] = kept["keys"]  # type: ignore[misc]
    assert set(key) == {"kty", "kid", "crv", "x", "y"}


def test_an_unused_curve_may_stand_beside_a_usable_key() -> None:
    keys = check_jwks(public(ECKey.generate_key("P-256", {"kid": "p"}), CURVE_KEY))["keys"]
    assert [algorithm_of(key) for key in keys] == [None, "ES384"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(CURVE_KEY, "ES384"), (RSA_KEY, "RS384"), (RSAKey.generate_key(2048, {"kid": "r", "alg": "RS256"}), None)],
)
def test_a_key_has_one_algorithm(key: ECKey | RSAKey, algorithm: str | None) -> None:
    assert algorithm_of(key.as_dict(private=False)) == algorithm


def test_endpoints_take_the_environment_of_their_partner_and_can_do_everything_unless_said() -> None:
    document: PartnerDocument = read_document(GOOD)
    [endpoint] = endpoints_of(document, a_partner(environment="test"))
    assert endpoint.environment == "test"
    assert endpoint.capabilities == CAPABILITIES
    assert endpoint.requires_mtls
