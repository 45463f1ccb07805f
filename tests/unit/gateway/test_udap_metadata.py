"""`/.well-known/udap`: what it says, and that its signature is ours in the community that was asked for."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interpayer.gateway.udap.metadata import Addresses, Metadata
from interpayer.partners.udap.communities import Communities
from interpayer.partners.udap.vouching import check_life, read_signed, vouch
from tests.support.udap import CERTIFICATION, COMMUNITY, OTHER_COMMUNITY, World, moment

BASE = "https://plan-a.example/fhir"
ADDRESSES = Addresses(BASE, "https://plan-a.example/token", "https://plan-a.example/register")
YEAR_S = 365 * 86400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("communities"))
    made.certify_us("one", BASE)
    made.certify_us("two", BASE, issuer=made.elsewhere, rsa_key=False)
    return made


def told(world: World, community: str | None = None) -> dict[str, Any]:
    document = Metadata(ADDRESSES, Communities(world.folder)).answer(community, at=moment())
    assert document is not None
    return dict(json.loads(json.dumps(document)))


def test_everything_that_is_required_is_there(world: World) -> None:
    document = told(world)
    statement = document.pop("signed_metadata")
    assert document == {
        "udap_versions_supported": ["1"],
        "udap_profiles_supported": ["udap_dcr", "udap_authn", "udap_authz"],
        "udap_authorization_extensions_supported": ["hl7-b2b"],
        "udap_authorization_extensions_required": ["hl7-b2b"],
        "udap_certifications_supported": [],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": document["scopes_supported"],
        "token_endpoint": "https://plan-a.example/token",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "RS384", "ES384"],
        "registration_endpoint": "https://plan-a.example/register",
        "registration_endpoint_jwt_signing_alg_values_supported": ["RS256", "ES256", "RS384", "ES384"],
    }
    assert statement.count(".") == 2


@pytest.mark.parametrize(
    ("community", "algorithm"), [(None, "RS256"), (COMMUNITY, "RS256"), (OTHER_COMMUNITY, "ES256")]
)
def test_the_signature_is_ours_in_the_community(world: World, community: str | None, algorithm: str) -> None:
    read = read_signed(told(world, community)["signed_metadata"])
    known = [one for one in Communities(world.folder).current() if one.uri == (community or COMMUNITY)]
    vouched = vouch(read, known, None, at=moment())
    claims = dict(vouched.claims)
    assert read.algorithm == algorithm and BASE in vouched.uris
    check_life(claims, at=moment(), longest_s=YEAR_S)
    assert {name: claims[name] for name in ("iss", "sub", "token_endpoint", "registration_endpoint")} == {
        "iss": BASE,
        "sub": BASE,
        "token_endpoint": ADDRESSES.token_url,
        "registration_endpoint": ADDRESSES.registration_url,
    }


def test_the_same_statement_is_told_for_an_hour_and_then_a_new_one(world: World) -> None:
    metadata = Metadata(ADDRESSES, Communities(world.folder))
    at = moment()
    first, second, later = (metadata.answer(None, at=at + timedelta(minutes=minutes)) for minutes in (0, 59, 61))
    assert first is not None and second is not None and later is not None
    assert first["signed_metadata"] == second["signed_metadata"]
    ids = [read_signed(one["signed_metadata"]).claims["jti"] for one in (first, later)]
    assert ids[0] != ids[1]


def test_an_unknown_community_has_no_metadata(world: World) -> None:
    assert Metadata(ADDRESSES, Communities(world.folder)).answer("https://nobody.example", at=moment()) is None


def test_without_communities_there_is_no_udap(tmp_path: Path) -> None:
    assert Metadata(ADDRESSES, Communities(None)).answer(None, at=moment()) is None
    assert Metadata(ADDRESSES, Communities(tmp_path / "none")).answer(None, at=moment()) is None


def test_a_certificate_that_names_another_base_speaks_not_for_us(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.certify_us("one", "https://plan-a.example")
    assert Metadata(ADDRESSES, Communities(world.folder)).answer(None, at=moment()) is None


def test_required_certifications_are_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    rules = {"certifications_supported": [CERTIFICATION], "certifications_required": [CERTIFICATION]}
    world.community("one", COMMUNITY, anchors=[world.root], **rules)
    world.certify_us("one", BASE)
    document = told(world)
    assert document["udap_certifications_supported"] == document["udap_certifications_required"] == [CERTIFICATION]


def test_a_new_certificate_counts_without_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path)
    metadata = Metadata(ADDRESSES, Communities(world.folder, clock=iter(range(0, 100, 5)).__next__))
    assert metadata.answer(None, at=moment()) is None
    world.certify_us("one", BASE)
    time.sleep(0.01)
    assert metadata.answer(None, at=moment()) is not None
