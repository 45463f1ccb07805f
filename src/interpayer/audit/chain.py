"""The bytes behind the ledger: canonical JSON, headers, commitments and the hash that links events (no I/O)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from interpayer.model.event import JSON, Event

GENESIS = hashlib.sha256(b"").digest()
HEADER_VERSION = 1

# One domain byte per kind of hash, so that none can pass for another (RFC 9162 takes 0x00 and 0x01).
_LEAF, _COMMITMENT, _FRAME = b"\x00", b"\x02", b"\x03"


def canonical(value: object) -> bytes:
    """Bytes that are the same for equal values (after RFC 8785): sorted keys, no blanks, UTF-8.

    A number that is not whole becomes decimal text: floats have no one spelling across languages. A NUL character,
    which PostgreSQL cannot keep, and half a surrogate pair become U+FFFD.
    """
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: object) -> Any:
    match value:
        case None | bool() | int():
            return value
        case float():
            return repr(value)
        case str():
            return _text(value)
        case Mapping():
            return {_text(str(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    raise TypeError(f"the ledger keeps JSON, not {type(value).__name__}")


def _text(value: str) -> str:
    if value.isascii() and "\x00" not in value:
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")


def commitment(salt: bytes, value: JSON) -> str:
    """What the header says about a body field: binding, and blind without the salt."""
    return hashlib.sha256(_COMMITMENT + salt + canonical(value)).hexdigest()


def frame_hash(frame: bytes) -> str:
    """What the header says about a sealed field: finds an edited frame without any key."""
    return hashlib.sha256(_FRAME + frame).hexdigest()


def header_of(event: Event, member: str | None, sealed: Mapping[str, tuple[str, str]]) -> bytes:
    """The public half of an event. `member` is the pseudonym; `sealed` has commitment and frame hash by field."""
    header: dict[str, object] = {
        "v": HEADER_VERSION,
        "name": event.name,
        "actor": {"type": event.actor_type, "id": event.actor_id},
        "outcome": event.outcome,
        "reason": event.reason,
        "exchange": event.exchange_id,
        "partner": event.partner_id,
        "member": member,
        "policy": event.policy_version,
        "attempt": event.attempt or None,
        "trace": event.trace_id,
        "facts": event.facts or None,
        "body": {field: {"com": com, "frame": frame} for field, (com, frame) in sealed.items()} or None,
    }
    return canonical({key: value for key, value in header.items() if value is not None})


def event_hash(chain: str, seq: int, *, at_us: int, prev: bytes, header: bytes) -> bytes:
    """The hash of one event, and its RFC 9162 leaf. `at_us` is microseconds since 1970; see audit.append."""
    name = chain.encode()
    lead = _LEAF + len(name).to_bytes(2, "big") + name
    return hashlib.sha256(
        lead + seq.to_bytes(8, "big", signed=True) + at_us.to_bytes(8, "big", signed=True) + prev + header
    ).digest()
