"""Keys: what is sealed opens only with its key, in its place, unchanged; published vectors through our wrapper."""

import json
import multiprocessing
import re
import stat

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from interpayer.system.keys import (
    KeyFileUnsafe,
    SealBroken,
    SigningKey,
    Vault,
    decrypt,
    encrypt,
    load_or_create_kek,
    read_header,
    seal,
    unseal,
)

KEY = bytes(range(32))


def test_a_frame_opens_with_its_key_and_context() -> None:
    frame = seal(KEY, b"plain", context=b"m-1", dictionary_id=7, key_id=9)
    assert unseal(KEY, frame, context=b"m-1") == b"plain"
    assert (read_header(frame).version, read_header(frame).dictionary_id, read_header(frame).key_id) == (1, 7, 9)
    assert seal(KEY, b"plain") != seal(KEY, b"plain")


def test_any_changed_byte_and_any_other_place_is_found() -> None:
    frame = seal(KEY, b"plain", context=b"m-1")
    for position in range(len(frame)):
        changed = bytearray(frame)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            unseal(KEY, bytes(changed), context=b"m-1")
    for key, broken, context in (
        (KEY, frame, b"m-2"),
        (bytes(32), frame, b"m-1"),
        (KEY, frame[:-1], b"m-1"),
        (KEY, frame[:10], b"m-1"),
        (KEY, b"", b"m-1"),
        (KEY[:16], frame, b"m-1"),
    ):
        with pytest.raises(SealBroken):
            unseal(key, broken, context=context)


def test_published_vectors(test_data) -> None:
    """Wycheproof AES-GCM: what is valid opens, what is not does not; other key and nonce sizes are refused."""
    file = test_data / "wycheproof" / "aes_gcm_test.json"
    if not file.exists():
        pytest.skip(f"{file} is missing")
    seen = {"valid": 0, "invalid": 0, "refused": 0}
    for group in json.loads(file.read_text())["testGroups"]:
        ours = (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        for vector in group["tests"]:
            key, nonce, aad, plain = (bytes.fromhex(vector[name]) for name in ("key", "iv", "aad", "msg"))
            sealed = bytes.fromhex(vector["ct"] + vector["tag"])
            if ours and vector["result"] == "valid":
                assert decrypt(key, nonce, sealed, authenticated=aad) == plain
                assert encrypt(key, nonce, plain, authenticated=aad) == sealed
                seen["valid"] += 1
                continue
            with pytest.raises(SealBroken):
                decrypt(key, nonce, sealed, authenticated=aad)
            seen["invalid" if ours else "refused"] += 1
    assert min(seen.values()) > 20, seen


def test_data_keys_are_wrapped_by_their_vault_only() -> None:
    vault, other = Vault(KEY, "a"), Vault(bytes(32), "b")
    plain, wrapped = vault.new_data_key()
    assert vault.unwrap(wrapped) == plain
    assert len(plain) == 32
    assert plain not in wrapped
    with pytest.raises(SealBroken):
        other.unwrap(wrapped)


def test_pseudonyms_and_record_ids_are_stable_and_ours() -> None:
    vault, other = Vault(KEY, "a"), Vault(bytes(32), "b")
    assert vault.pseudonym("member", "m-1") == Vault(KEY, "z").pseudonym("member", "m-1")
    assert vault.pseudonym("member", "m-1") != vault.pseudonym("partner", "m-1")
    assert vault.pseudonym("member", "m-1") != other.pseudonym("member", "m-1")
    assert re.fullmatch(r"[a-z2-7]{26}", vault.pseudonym("member", ""))
    assert re.fullmatch(r"r-[a-z2-7]{26}", vault.record_id("a", "b"))
    assert vault.record_id("ab", "c") != vault.record_id("a", "bc")
    assert vault.zone_key("identity") == vault.zone_key("identity") != vault.zone_key("records")


def test_the_kek_is_made_once_and_private(tmp_path) -> None:
    path = tmp_path / "keys" / "kek"
    vault = load_or_create_kek(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create_kek(path).kek_id == vault.kek_id
    assert [entry.name for entry in path.parent.iterdir()] == ["kek"]


def _make(path) -> str:
    return load_or_create_kek(path).kek_id


def test_processes_that_start_together_share_one_kek(tmp_path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_make, [tmp_path / "kek"] * 8))) == 1


def test_a_key_file_that_others_can_read_or_that_is_none_is_refused(tmp_path) -> None:
    path = tmp_path / "kek"
    load_or_create_kek(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileUnsafe, match="0600"):
        load_or_create_kek(path)
    path.chmod(0o600)
    path.write_text("abc")
    with pytest.raises(KeyFileUnsafe, match="hexadecimal"):
        load_or_create_kek(path)
    with pytest.raises(KeyFileUnsafe):
        Vault(b"short", "a")


def test_signatures_verify_with_the_public_key(tmp_path) -> None:
    key = SigningKey.load_or_create(tmp_path / "checkpoint")
    again = SigningKey.load_or_create(tmp_path / "checkpoint")
    assert key.public_bytes == again.public_bytes
    public = Ed25519PublicKey.from_public_bytes(key.public_bytes)
    public.verify(again.sign(b"root"), b"root")
    with pytest.raises(InvalidSignature):
        public.verify(key.sign(b"root"), b"rooT")
