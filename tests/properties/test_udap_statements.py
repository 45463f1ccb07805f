"""Whatever stands in a signed text: it is read or refused in words, and never fails over itself."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.gateway.udap.business import read_business
from interpayer.gateway.udap.statement import OFFERED, Unfit, Wish, read_wish
from interpayer.model.reason import Refusal
from interpayer.partners.udap.communities import PURPOSES, Communities, Community
from interpayer.partners.udap.vouching import check_life, read_signed, vouch
from tests.support.udap import Signer, World, business, moment

WORDS = st.sampled_from(["mailto:a@b.cc", "https://x.example/a.png", "client_credentials", "private_key_jwt", "1", ""])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | WORDS
JSON = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(WORDS, part, max_size=3), max_leaves=6
)
CLAIMS = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "client_name",
    "contacts",
    "grant_types",
    "scope",
    "logo_uri",
)
SAID = (*business(), "subject_name", "subject_id", "subject_role", "consent_policy", "consent_reference")
GOOD = {
    "client_name": "Plan B",
    "contacts": ["mailto:b@plan-b.example"],
    "grant_types": ["client_credentials"],
    "token_endpoint_auth_method": "private_key_jwt",
    "scope": " ".join(OFFERED),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(Path(tmp_path_factory.mktemp("communities")))


@pytest.fixture(scope="module")
def client(world: World) -> Signer:
    return world.client("https://plan-b.example")


@pytest.fixture(scope="module")
def communities(world: World) -> tuple[Community, ...]:
    return Communities(world.folder).current()


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=4))
def test_a_wish_is_read_or_told_what_is_wrong(changes: dict[str, Any]) -> None:
    wish = read_wish({**GOOD, **changes})
    assert isinstance(wish, Wish | Unfit)
    if isinstance(wish, Unfit):
        assert wish.words and all(str(value) not in wish.words for value in changes.values() if len(str(value)) > 8)
    elif not wish.is_end:
        assert wish.scopes and wish.contacts[0].startswith("mailto:")


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=4))
def test_times_hold_or_are_refused(changes: dict[str, Any]) -> None:
    at = moment()
    given_claims = {"iat": at.timestamp(), "exp": at.timestamp() + 200, "jti": "one", **changes}
    try:
        expires = check_life(given_claims, at=at)
    except Refusal as refusal:
        assert refusal.reason == "caller.unknown"
    else:
        assert 0 < (expires - at).total_seconds() <= 360


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(SAID), JSON, max_size=4))
def test_business_is_read_or_refused_and_never_keeps_a_person(changes: dict[str, Any]) -> None:
    try:
        said = read_business({"extensions": {"hl7-b2b": {**business(), **changes}}}, purposes=PURPOSES)
    except Refusal as refusal:
        assert refusal.reason == "caller.purpose_missing"
    else:
        assert not {"subject_name", "subject_id", "subject_role", "consent_reference"} & set(said)


@settings(max_examples=100, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(["alg", "x5c", "typ", "kid", "crit", "x5t#S256"]), JSON, max_size=3))
def test_no_header_makes_an_unsigned_text_good(
    client: Signer, communities: tuple[Community, ...], changes: dict[str, Any]
) -> None:
    head = {"alg": "ES256", "x5c": client.x5c, **changes}
    parts = [json.dumps(one).encode() for one in (head, client.statement("https://plan-a.example/register"))]
    text = ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (*parts, bytes(64)))
    with pytest.raises(Refusal):
        vouch(read_signed(text), communities, None, at=moment())
