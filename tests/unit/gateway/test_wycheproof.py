"""Published good and bad signatures, keys and seals through our wrappers: what can be refused is (security.md, B1)."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from interpayer.model.reason import Refusal
from interpayer.partners.compact import verify_compact
from interpayer.partners.jwks import PRIVATE, algorithm_of, check_jwks
from interpayer.system.keys import mac
from interpayer.system.sealing import NONCE_LENGTH, SealBroken, decrypt, encrypt
from interpayer.system.signatures import holds

FOLDER = Path(os.environ.get("INTERPAYER_TEST_DATA", Path(__file__).parents[4] / "shared")) / "wycheproof"
# Byte for byte the token of vector 357, which is valid: no verifier can refuse these and accept that one.
SAME_AS_A_VALID_ONE = {367, 370}
# Valid, and refused by us: figures of algorithms that we never use, and stray characters in base64url.
STRICTER_THAN_NEEDED = 6

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason=f"no test vectors in {FOLDER}")


def groups(name: str) -> list[dict[str, Any]]:
    return list(json.loads((FOLDER / f"{name}_test.json").read_text("utf-8"))["testGroups"])


def cases() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for group in groups("json_web_signature"):
        key = group.get("public", group["private"])
        yield from ((key, case) for case in group["tests"])


def is_accepted(key: dict[str, Any], jws: str) -> bool:
    try:
        verify_compact(jws, key, algorithm=key.get("alg", "none"))
    except Refusal:
        return False
    return True


def test_every_bad_signature_that_can_be_refused_is_refused() -> None:
    bad = [(key, case) for key, case in cases() if case["result"] == "invalid"]
    accepted = {case["tcId"] for key, case in bad if is_accepted(key, case["jws"])}
    assert len(bad) - len(SAME_AS_A_VALID_ONE) == 353
    assert accepted <= SAME_AS_A_VALID_ONE


def test_good_signatures_are_accepted() -> None:
    good = [(key, case) for key, case in cases() if case["result"] == "valid"]
    refused = [case["tcId"] for key, case in good if not is_accepted(key, case["jws"])]
    assert len(good) == 46
    assert len(refused) <= STRICTER_THAN_NEEDED, refused


def key_sets() -> dict[int, dict[str, Any]]:
    """The key sets by the number of the case, without private parts: those are a reason of their own to refuse."""
    shown = {}
    for group in groups("json_web_key"):
        keys = group.get("public", group["private"])["keys"]
        for case in group["tests"]:
            shown[case["tcId"]] = {"keys": [_public(key) for key in keys], "result": case["result"]}
    return shown


def _public(key: dict[str, Any]) -> dict[str, Any]:
    """An RSA key of another hash counts as one of ours, so that what is wrong with the key decides, not the hash."""
    kept = {name: value for name, value in key.items() if name not in PRIVATE or key["kty"] == "oct"}
    return {**kept, "alg": "RS384"} if key["kty"] == "RSA" and str(key.get("alg", "RS")).startswith("RS") else kept


def test_bad_keys_are_not_registered() -> None:
    def is_registered(keys: dict[str, Any]) -> bool:
        try:
            return all(algorithm_of(key) for key in check_jwks({"keys": keys["keys"]})["keys"])  # type: ignore[attr-defined]
        except Refusal:
            return False

    sets = key_sets()
    assert len(sets) == 26
    # 3 and 6 are bad signatures or uses over keys that are good in themselves; the others are bad keys, or symmetric.
    good_keys = {number for number, keys in sets.items() if is_registered(keys)}
    assert good_keys <= {2, 3, 5, 6}
    assert 5 in good_keys


def by_key(name: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    for group in groups(name):
        key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        yield from ((key, case) for case in group["tests"])


@pytest.mark.parametrize(
    ("name", "hashed", "count"),
    [("ed25519", None, 151), ("ecdsa_secp384r1_sha384", SHA384, 504), ("rsa_signature_3072_sha384", SHA384, 259)],
)
def test_raw_signatures_are_judged_right(name: str, hashed: Callable[[], SHA384] | None, count: int) -> None:
    judged = {
        case["tcId"]: holds(
            key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]), algorithm=hashed() if hashed else None
        )
        for key, case in by_key(name)
    }
    wrong = [
        case["tcId"]
        for _, case in by_key(name)
        if case["result"] != "acceptable" and judged[case["tcId"]] != (case["result"] == "valid")
    ]
    assert len(judged) == count
    assert not wrong


def test_seals_open_only_what_was_sealed_with_our_sizes() -> None:
    """AES-256 with a nonce of 96 bits is all that we use; every other size is refused, good or not."""
    wrong, ours = [], 0
    for group in groups("aes_gcm"):
        is_ours = (group["keySize"], group["ivSize"]) == (256, NONCE_LENGTH * 8)
        for case in group["tests"]:
            key, nonce, aad, plain, sealed, tag = (
                bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
            )
            try:
                opened = decrypt(key, nonce, sealed + tag, authenticated=aad)
            except SealBroken:
                opened = None
            expected = plain if is_ours and case["result"] == "valid" else None
            ours += expected is not None
            is_right = opened == expected
            if expected is not None:
                is_right = is_right and encrypt(key, nonce, plain, authenticated=aad) == sealed + tag
            wrong += [] if is_right else [case["tcId"]]
    assert ours > 30
    assert not wrong


def test_codes_of_authentication_are_judged_right() -> None:
    wrong, seen = [], 0
    for group in groups("hmac_sha256"):
        length = group["tagSize"] // 8
        for case in group["tests"]:
            made = mac(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))[:length]
            wrong += [] if (made == bytes.fromhex(case["tag"])) == (case["result"] == "valid") else [case["tcId"]]
            seen += 1
    assert seen == 174
    assert not wrong
