"""Keyed hashes and seals: the same here, something else elsewhere, and nothing that can be read."""

import pytest

from interpayer.identity.index.keys import IndexKeys
from interpayer.system.keys import SealBroken, Vault, unseal
from tests.support.people import PAYER

VAULT = Vault(b"k" * 32, "test")
KEYS = IndexKeys(VAULT)
ASKED = [("phone", "5139607309"), ("email", "5139607309"), ("phone", "5139607308")]


def test_kind_value_payer_and_installation_make_the_hash():
    here = KEYS.hashes(ASKED, PAYER)
    assert here == IndexKeys(VAULT).hashes(ASKED, PAYER)
    elsewhere = IndexKeys(Vault(b"j" * 32, "other")).hashes(ASKED, PAYER)
    assert len({*here, *elsewhere, *KEYS.hashes(ASKED, "another")}) == 9


def test_a_hash_fits_the_column():
    hashes = KEYS.hashes([("phone", str(number)) for number in range(500)], PAYER)
    assert all(-(2**63) <= one < 2**63 for one in hashes)
    assert min(hashes) < 0 < max(hashes)


def test_values_and_keys_are_hashed_apart():
    assert KEYS.hasher("value.given")("SUSAN") == KEYS.hasher("value.given")("SUSAN")
    assert KEYS.hasher("value.given")("SUSAN") != KEYS.hasher("value.family")("SUSAN")


def test_a_seal_opens_for_its_owner_only_and_is_the_houses_own():
    sealed = KEYS.seal(b"plain", "m-1")
    assert KEYS.unseal(sealed, "m-1") == b"plain"
    assert unseal(VAULT.zone_key("identity"), sealed, context=b"m-1") == b"plain"
    for frame, owner in (
        (sealed, "m-2"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "m-1"),
        (sealed[:20], "m-1"),
        (b"", "m-1"),
        (b"\x09" + sealed[1:], "m-1"),
    ):
        with pytest.raises(SealBroken):
            KEYS.unseal(frame, owner)
    assert b"plain" not in sealed
