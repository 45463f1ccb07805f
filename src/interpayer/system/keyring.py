"""The versions of the key that wraps all others (the KEK): one wraps, the ones before it still unwrap.

A version is a file beside the first: `kek`, `kek.2`, `kek.3`. `kek.ring` says which one wraps now and holds, wrapped by
it, the lasting keys (pseudonyms, record ids, zones), which outlive every version. Running processes look at it every
second, so a change needs no restart. A version in another key store is another class with `WrappingKey`'s members.
"""

import fcntl
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from interpayer.system.sealing import KEY_LENGTH, SealBroken, read_header, seal, unseal

FIRST = 1
CHECK_S = 1.0
_LASTING = b"lasting keys"


class KeyFileUnsafe(Exception):
    """A key file can be read by others, or is not a key."""


class KeyInUse(Exception):
    """A version cannot be made, activated or retired now; the message says why."""


class WrappingKey(Protocol):
    """One version of the KEK. Ours is a file; PKCS#11 or a cloud's key service is another class with these four."""

    @property
    def version(self) -> int:
        """Its number, from 1; it stands in every frame that the key made."""

    @property
    def id(self) -> str:
        """What it is recognized by, in backups and on the ledger; says nothing about the key."""

    def wrap(self, plain: bytes, *, context: bytes) -> bytes:
        """The key in a frame that names this version."""

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The key again; ``SealBroken`` when this version did not wrap it."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """Keys that must never change: what was named or found by them would be lost."""

    pseudonym: bytes
    record: bytes
    zone: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """A version as an operator sees it: next, active or retiring."""

    number: int
    id: str
    state: str


class FileKey:
    """A version whose bytes lie in a file."""

    def __init__(self, version: int, kek: bytes, kek_id: str | None = None) -> None:
        if len(kek) != KEY_LENGTH:
            raise KeyFileUnsafe("a KEK has 32 bytes")
        self.version = version
        self.id = kek_id or hashlib.sha256(b"interpayer kek id" + kek).hexdigest()[:16]
        self._wrapping = _derive(kek, "wrap")
        self._kek = kek

    def wrap(self, plain: bytes, *, context: bytes) -> bytes:
        """The key in a frame that names this version (0: the first)."""
        return seal(self._wrapping, plain, context=context, key_id=0 if self.version == FIRST else self.version)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The key again; ``SealBroken`` when this version did not wrap it."""
        return unseal(self._wrapping, wrapped, context=context)

    def lasting(self) -> Lasting:
        """The lasting keys of an installation whose first version this is."""
        return Lasting(_derive(self._kek, "pseudonym"), _derive(self._kek, "record"), _derive(self._kek, "zone"))


class OneKey:
    """A ring of one version that never changes."""

    def __init__(self, key: FileKey) -> None:
        self.active: WrappingKey = key
        self.lasting = key.lasting()

    def version(self, number: int) -> WrappingKey:
        """The one version, whatever is asked for: another one's frame will not open."""
        return self.active


class KeyRing:
    """The versions in their files."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, ring_file(path)
        self._keys: dict[int, FileKey] = {}
        self._looked_at = 0.0
        self._mark: tuple[int, int] | None = None
        self._active = FIRST
        self._read()
        self.lasting = _lasting(path, self.version(self._active))

    @property
    def active(self) -> WrappingKey:
        """The version that wraps now; a change is seen within a second."""
        if time.monotonic() - self._looked_at > CHECK_S:
            self._read()
        return self.version(self._active)

    def version(self, number: int) -> WrappingKey:
        """A version by its number; ``SealBroken`` when its file is not here: never made, retired, not brought along."""
        if number not in self._keys:
            file = version_file(self._path, number)
            if not file.exists():
                raise SealBroken(f"version {number} of the wrapping key is not here")
            self._keys[number] = FileKey(number, read_key_file(file))
        return self._keys[number]

    def _read(self) -> None:
        self._looked_at = time.monotonic()
        mark = _mark_of(self._file)
        if mark != self._mark:
            self._mark, self._active = mark, _state(self._path)[0]


def ring_file(path: Path) -> Path:
    """The file that says which version wraps."""
    return path.with_name(f"{path.name}.ring")


def version_file(path: Path, number: int) -> Path:
    """The file of a version."""
    return path if number == FIRST else path.with_name(f"{path.name}.{number}")


def versions(path: Path) -> list[Version]:
    """The versions whose files are here, oldest first."""
    active = _state(path)[0]
    found = [FIRST, *(int(p.suffix[1:]) for p in path.parent.glob(f"{path.name}.*") if p.suffix[1:].isdecimal())]
    return [
        Version(
            number,
            FileKey(number, read_key_file(version_file(path, number))).id,
            "active" if number == active else "next" if number > active else "retiring",
        )
        for number in sorted(found)
        if version_file(path, number).exists()
    ]


def prepare_version(path: Path) -> Version:
    """The next version, made if there is none: its file can be brought to every machine before it wraps anything."""
    with _alone(path):
        known = versions(path)
        waiting = [one for one in known if one.state == "next"]
        if not waiting:
            load_or_create_key_file(version_file(path, max(one.number for one in known) + 1))
    return next(one for one in versions(path) if one.state == "next")


def activate_version(path: Path) -> Version:
    """Let the next version wrap from now on; the one before it goes on unwrapping. The lasting keys move under it."""
    with _alone(path):
        waiting = [one for one in versions(path) if one.state == "next"]
        if not waiting:
            raise KeyInUse("there is no next version of the wrapping key; prepare one first")
        ring = KeyRing(path)
        target = FileKey(waiting[0].number, read_key_file(version_file(path, waiting[0].number)))
        lasting = b"".join((ring.lasting.pseudonym, ring.lasting.record, ring.lasting.zone))
        wrapped = target.wrap(lasting, context=_LASTING)
        if target.unwrap(wrapped, context=_LASTING) != lasting:
            raise KeyInUse("the next version does not open what it wrapped")
        _replace(ring_file(path), json.dumps({"format": 1, "active": target.version, "lasting": wrapped.hex()}))
    return Version(target.version, target.id, "active")


def retire_version(path: Path, number: int) -> None:
    """Destroy the file of a version that nothing needs any more; the caller has counted. Never the active one."""
    with _alone(path):
        found = next((one for one in versions(path) if one.number == number), None)
        if found is None or found.state != "retiring":
            raise KeyInUse(f"version {number} is {found.state if found else 'not here'}; only a retiring one can go")
        version_file(path, number).unlink()


def version_of(wrapped: bytes) -> int:
    """Which version wrapped this key."""
    return read_header(wrapped).key_id or FIRST


def load_or_create_key_file(path: Path) -> bytes:
    """The 32 bytes in the file (0600), made when missing; two processes at once end up with the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mine = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        _write(mine, secrets.token_hex(KEY_LENGTH) + "\n")
        with suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    return read_key_file(path)


def read_key_file(path: Path) -> bytes:
    """The 32 bytes in the file; ``KeyFileUnsafe`` when others can read it or it holds no key."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileUnsafe(f"{path} can be read by others; it must have mode 0600")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise KeyFileUnsafe(f"{path} does not hold a key (64 hexadecimal digits)")
    return key


def _derive(kek: bytes, purpose: str) -> bytes:
    use = f"interpayer {purpose} 1".encode()
    return HKDF(algorithm=hashes.SHA256(), length=KEY_LENGTH, salt=None, info=use).derive(kek)


def _lasting(path: Path, active: WrappingKey) -> Lasting:
    wrapped = _state(path)[1]
    if wrapped is None:
        return FileKey(FIRST, read_key_file(path)).lasting()
    keys = active.unwrap(wrapped, context=_LASTING)
    return Lasting(*(keys[start : start + KEY_LENGTH] for start in range(0, 3 * KEY_LENGTH, KEY_LENGTH)))


def _state(path: Path) -> tuple[int, bytes | None]:
    """The number of the active version, and the lasting keys wrapped by it (None while there was only the first)."""
    try:
        state = json.loads(ring_file(path).read_text(encoding="ascii"))
        return int(state["active"]), bytes.fromhex(state["lasting"])
    except FileNotFoundError:
        return FIRST, None
    except (ValueError, KeyError, TypeError):
        raise KeyFileUnsafe(f"{ring_file(path)} is not what a ring of keys writes") from None


def _mark_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def _replace(path: Path, content: str) -> None:
    unfinished = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    _write(unfinished, content)
    unfinished.rename(path)


def _write(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One change of versions at a time."""
    with os.fdopen(os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
