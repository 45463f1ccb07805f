"""The sealed half of events: each field under its own key and salt, so that one can be forgotten without the rest."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from interpayer.audit.chain import canonical, commitment, frame_hash
from interpayer.model.event import JSON, Event
from interpayer.system.database import Connection
from interpayer.system.keys import SealBroken, Vault, seal, unseal

_SALT = 16


@dataclass(frozen=True, slots=True)
class SealedBody:
    """What becomes of a body: marks for the header (commitment, frame hash), frames, and wrapped keys, by field."""

    marks: Mapping[str, tuple[str, str]]
    frames: Mapping[str, str]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenedBody:
    """The fields that opened to what the header commits to; damaged when a key is there and does not."""

    event_id: int
    fields: dict[str, JSON]
    is_damaged: bool


def seal_body(vault: Vault, event: Event) -> SealedBody:
    """Seal each field of the event's body with a fresh key and salt; nothing is written."""
    marks: dict[str, tuple[str, str]] = {}
    frames: dict[str, str] = {}
    keys: dict[str, str] = {}
    for field, value in event.body.items():
        key, wrapped = vault.new_data_key()
        salt = secrets.token_bytes(_SALT)
        frame = seal(key, salt + canonical(value), context=_context(event.chain, event.name, field))
        marks[field] = (commitment(salt, value), frame_hash(frame))
        frames[field] = base64.b64encode(frame).decode()
        keys[field] = base64.b64encode(wrapped).decode()
    return SealedBody(marks, frames, keys)


def opened_bodies(conn: Connection, vault: Vault, event_ids: list[int]) -> Iterator[OpenedBody]:
    """The bodies of those events that have one."""
    rows = conn.execute(
        "select id, chain, header, body from audit.evidence where id = any (%s) and body is not null", (event_ids,)
    ).fetchall()
    keys = {
        row["event_id"]: row["keys"]
        for row in conn.execute("select event_id, keys from audit.body_keys(%s::bigint[])", (event_ids,))
    }
    for row in rows:
        yield _opened(vault, row, keys.get(row["id"], {}))


def _opened(vault: Vault, row: Mapping[str, Any], keys: Mapping[str, str]) -> OpenedBody:
    header = orjson.loads(row["header"])
    marks = header.get("body", {})
    fields: dict[str, JSON] = {}
    for field, wrapped in keys.items():
        plain = _plain(vault, wrapped, row["body"].get(field, ""), _context(row["chain"], header["name"], field))
        if plain is None or field not in marks:
            continue
        value = orjson.loads(plain[_SALT:])
        if commitment(plain[:_SALT], value) == marks[field]["com"]:
            fields[field] = value
    return OpenedBody(row["id"], fields, is_damaged=len(fields) < len(keys))


def _plain(vault: Vault, wrapped: str, frame: str, context: bytes) -> bytes | None:
    try:
        key = vault.unwrap(base64.b64decode(wrapped, validate=True))
        return unseal(key, base64.b64decode(frame, validate=True), context=context)
    except (SealBroken, ValueError):
        return None


def _context(chain: str, name: str, field: str) -> bytes:
    """Ties a frame to its place, so that frames cannot be swapped between fields or exchanges."""
    return f"ledger|{chain}|{name}|{field}".encode()
