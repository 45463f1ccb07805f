"""Versions of the wrapping key: a new one wraps without a restart, old ones still open, what must last stays."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from interpayer.system import keyring
from interpayer.system.keyring import (
    FileKey,
    KeyFileUnsafe,
    KeyInUse,
    WrappingKey,
    activate_version,
    prepare_version,
    retire_version,
    ring_file,
    version_of,
    versions,
)
from interpayer.system.keys import SealBroken, Vault, load_or_create_kek, seal, unseal


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keyring, "CHECK_S", 0.0)
    return tmp_path / "keys" / "kek"


def states(path: Path) -> list[tuple[int, str]]:
    return [(one.number, one.state) for one in versions(path)]


def test_a_running_process_wraps_with_the_new_version_and_opens_both(path: Path) -> None:
    vault = load_or_create_kek(path)
    plain, wrapped = vault.new_data_key()
    assert (version_of(wrapped), vault.kek_version, states(path)) == (1, 1, [(1, "active")])
    prepare_version(path)
    assert states(path) == [(1, "active"), (2, "next")]
    assert version_of(vault.new_data_key()[1]) == 1
    activate_version(path)
    assert states(path) == [(1, "retiring"), (2, "active")]
    later, wrapped_later = vault.new_data_key()
    assert (version_of(wrapped_later), vault.kek_version) == (2, 2)
    assert (vault.unwrap(wrapped), vault.unwrap(wrapped_later)) == (plain, later)
    again = vault.rewrap(wrapped)
    assert again is not None
    assert (version_of(again), vault.unwrap(again), vault.rewrap(again)) == (2, plain, None)
    assert vault.kek_id == versions(path)[1].id != versions(path)[0].id


def test_what_must_last_outlives_every_version(path: Path) -> None:
    first = load_or_create_kek(path)
    named = (first.zone_key("identity"), first.pseudonym("member", "m-1"), first.record_id("a", "b"))
    for number in (2, 3):
        prepare_version(path)
        assert activate_version(path).number == number
    for number in (1, 2):
        retire_version(path, number)
    anew = load_or_create_kek(path)
    assert (anew.zone_key("identity"), anew.pseudonym("member", "m-1"), anew.record_id("a", "b")) == named
    assert states(path) == [(3, "active")]
    assert not path.exists()


def test_without_its_file_a_version_opens_nothing(path: Path) -> None:
    vault = load_or_create_kek(path)
    wrapped = vault.new_data_key()[1]
    prepare_version(path)
    activate_version(path)
    retire_version(path, 1)
    with pytest.raises(SealBroken, match="version 1"):
        load_or_create_kek(path).unwrap(wrapped)
    # another machine that got the ring but not the key does not fall back to the old one
    path.with_name("kek.2").unlink()
    with pytest.raises(SealBroken, match="version 2"):
        load_or_create_kek(path)


def test_another_installations_version_opens_nothing(path: Path, tmp_path: Path) -> None:
    ours, theirs = load_or_create_kek(path), load_or_create_kek(tmp_path / "other" / "kek")
    with pytest.raises(SealBroken):
        ours.unwrap(theirs.new_data_key()[1])


@pytest.mark.parametrize(
    "act",
    [
        activate_version,
        lambda path: retire_version(path, 1),
        lambda path: retire_version(path, 2),
    ],
    ids=["activate without a next", "retire the active", "retire nothing"],
)
def test_what_cannot_be_is_refused(path: Path, act: Callable[[Path], object]) -> None:
    load_or_create_kek(path)
    with pytest.raises(KeyInUse):
        act(path)
    assert states(path) == [(1, "active")]


def test_preparing_twice_prepares_once_and_files_are_ours_alone(path: Path) -> None:
    load_or_create_kek(path)
    assert prepare_version(path) == prepare_version(path)
    activate_version(path)
    for file in (path, path.with_name("kek.2"), ring_file(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    path.with_name("kek.2").chmod(0o640)
    with pytest.raises(KeyFileUnsafe, match="read by others"):
        versions(path)


@pytest.mark.parametrize("text", ["", "{}", '{"active": 1, "lasting": "xy"}'])
def test_a_ring_that_is_none_is_refused(path: Path, text: str) -> None:
    load_or_create_kek(path)
    ring_file(path).write_text(text)
    with pytest.raises(KeyFileUnsafe, match="ring"):
        load_or_create_kek(path)


def test_a_changed_ring_opens_no_lasting_keys(path: Path) -> None:
    load_or_create_kek(path)
    prepare_version(path)
    activate_version(path)
    state = json.loads(ring_file(path).read_text())
    state["lasting"] = ("0" if state["lasting"][-1] != "0" else "1").join([state["lasting"][:-1], ""])
    ring_file(path).write_text(json.dumps(state))
    with pytest.raises(SealBroken):
        load_or_create_kek(path)


def test_a_vault_of_one_key_stays_as_it_was() -> None:
    vault = Vault(b"k" * 32, "test")
    plain, wrapped = vault.new_data_key()
    assert (vault.unwrap(wrapped), vault.rewrap(wrapped), vault.kek_id, vault.kek_version) == (plain, None, "test", 1)


class KeyStore:
    """A version that lies elsewhere: what a hardware module or a cloud's key service would be to us."""

    version = 7
    id = "key-store-7"

    def __init__(self) -> None:
        self._inside = Vault(b"h" * 32, "inside")
        self.calls = 0

    def wrap(self, plain: bytes, *, context: bytes) -> bytes:
        self.calls += 1
        return seal(self._inside.zone_key("store"), plain, context=context, key_id=self.version)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        self.calls += 1
        return unseal(self._inside.zone_key("store"), wrapped, context=context)


class Mixed:
    """A ring whose active version is in the key store, and an older one in a file."""

    def __init__(self, older: FileKey) -> None:
        self.active: WrappingKey = KeyStore()
        self._older = older
        self.lasting = older.lasting()

    def version(self, number: int) -> WrappingKey:
        return self.active if number == self.active.version else self._older


def test_a_version_may_lie_in_a_key_store() -> None:
    """The seam for PKCS#11 and cloud keys: keys of files are opened, wrapped anew by the store, and opened again."""
    older = FileKey(1, b"k" * 32)
    plain, wrapped = Vault(b"k" * 32, "old").new_data_key()
    vault = Vault.of_ring(Mixed(older))
    again = vault.rewrap(wrapped)
    assert again is not None
    assert (version_of(again), vault.unwrap(again), vault.unwrap(wrapped)) == (7, plain, plain)
    assert (vault.kek_id, vault.kek_version) == ("key-store-7", 7)
    assert vault.pseudonym("a", "b") == Vault(b"k" * 32, "old").pseudonym("a", "b")
