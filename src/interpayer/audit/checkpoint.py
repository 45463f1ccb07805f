"""Signed heads of the ledger's tree as notes (C2SP signed-note, tlog-checkpoint and tlog-cosignature) (no I/O)."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from interpayer.system.signatures import holds

_LOG, _COSIGNATURE = b"\x01", b"\x04"
_SIZE = re.compile(r"[1-9][0-9]{0,17}")
_DASH = "\u2014 "
_DIGEST, _SIGNATURE, _KEY_ID, _TIME = 32, 64, 4, 8


class BadNote(Exception):
    """The note is torn, of another origin, or not signed by the key."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint vouches for: at that second the tree had this size and root."""

    size: int
    root: bytes
    at_s: int


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose checkpoints count: the ledger's origin and its public Ed25519 key."""

    origin: str
    public: bytes

    @classmethod
    def read(cls, text: str) -> "VerifierKey":
        """Read the form `origin+key id+base64`; raises ValueError when it is not one."""
        origin, key_id, encoded = text.strip().rsplit("+", 2) if text.count("+") >= 2 else ("", "", "")
        raw = _decoded(encoded)
        key = cls(origin, raw[1:])
        if raw[:1] != _LOG or len(raw) != _DIGEST + 1 or key_id != key.key_id(_LOG).hex():
            raise ValueError("not a verifier key")
        return key

    def text(self) -> str:
        """The form that `read` takes; safe to publish."""
        return f"{self.origin}+{self.key_id(_LOG).hex()}+{base64.b64encode(_LOG + self.public).decode()}"

    def key_id(self, kind: bytes) -> bytes:
        """The four bytes that name this key on a signature line."""
        return hashlib.sha256(self.origin.encode() + b"\n" + kind + self.public).digest()[:_KEY_ID]


def write_note(key: VerifierKey, head: Head, sign: Callable[[bytes], bytes]) -> str:
    """The signed note over a head: once as the log, once as a cosignature that carries the time."""
    text = f"{key.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"
    log = key.key_id(_LOG) + sign(text.encode())
    stamp = head.at_s.to_bytes(_TIME, "big")
    timed = key.key_id(_COSIGNATURE) + stamp + sign(_timed(text, head.at_s))
    return f"{text}\n{_line(key, log)}{_line(key, timed)}"


def read_note(note: str, key: VerifierKey) -> Head:
    """The head that a note vouches for; raises BadNote unless both signatures of the key hold."""
    text, gap, tail = note.partition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not gap or len(lines) != 4 or not _SIZE.fullmatch(lines[1]):
        raise BadNote("the note is not a checkpoint")
    if lines[0] != key.origin:
        raise BadNote("the note is a checkpoint of another ledger: the key's name is not the name in it")
    root = _decoded(lines[2])
    log = _signature(tail, key, _LOG)
    timed = _signature(tail, key, _COSIGNATURE)
    at_s = int.from_bytes(timed[:_TIME], "big")
    head = Head(int(lines[1]), root, at_s)
    public = Ed25519PublicKey.from_public_bytes(key.public)
    if not (holds(public, log, text.encode()) and holds(public, timed[_TIME:], _timed(text, at_s))):
        raise BadNote("the signature does not hold")
    if note != _rebuilt(key, head, log=log, timed=timed):
        raise BadNote("the note has more than the two signatures of this ledger")
    return head


def _rebuilt(key: VerifierKey, head: Head, *, log: bytes, timed: bytes) -> str:
    """The one spelling of a note with these signatures: nothing may hide beside them."""
    text = f"{key.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"
    return f"{text}\n{_line(key, key.key_id(_LOG) + log)}{_line(key, key.key_id(_COSIGNATURE) + timed)}"


def _timed(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _line(key: VerifierKey, signature: bytes) -> str:
    return f"{_DASH}{key.origin} {base64.b64encode(signature).decode()}\n"


def _signature(tail: str, key: VerifierKey, kind: bytes) -> bytes:
    wanted = f"{_DASH}{key.origin} "
    length = _SIGNATURE + (_TIME if kind == _COSIGNATURE else 0)
    for line in tail.split("\n"):
        raw = _decoded(line.removeprefix(wanted)) if line.startswith(wanted) else b""
        if raw[:_KEY_ID] == key.key_id(kind) and len(raw) == _KEY_ID + length:
            return raw[_KEY_ID:]
    raise BadNote("the note is not signed by this key")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
