"""A call once per Idempotency-Key: a finished result is repeated, anything else is decided anew (exchange.md 4)."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import orjson

from interpayer.gateway import problems, store
from interpayer.gateway.door import Answer, Call
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.keys import Vault, seal, unseal

# A requester whose partner was down for weeks still repeats with the same key.
KEPT_FOR = timedelta(days=35)
LONGEST_KEY = 255


def once(conn: Connection, call: Call, vault: Vault, *, run: Callable[[Call, Connection], Answer]) -> Answer:
    """The answer to a call, or the one kept for its key; both are written in the call's own transaction.

    409 while the same key is being worked on; `Refusal` request.duplicate_differs when it came with another request.
    """
    key, partner_id = call.idempotency_key, call.caller.partner_id
    if key is None:
        return run(call, conn)
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refusal("request.malformed", "Idempotency-Key must have 1 to 255 printable characters")
    if not store.lock_key(conn, partner_id=partner_id, key=key):
        return problems.refused("request.wrong_state", call.context, detail="this key is in work", retry_after_s=1)
    place = f"idempotency {partner_id} {key}".encode()
    zone = vault.zone_key("gateway")
    known = store.kept(conn, partner_id=partner_id, key=key)
    fingerprint = _fingerprint(call)
    if known is not None and known.fingerprint != fingerprint:
        raise Refusal("request.duplicate_differs")
    if known is not None and known.answer is not None:
        return _thawed(unseal(zone, known.answer, context=place))
    answer = run(call, conn)
    frozen = _frozen(answer)
    entry = store.Kept(fingerprint, None if frozen is None else seal(zone, frozen, context=place))
    store.keep(conn, entry, partner_id=partner_id, key=key, expires_at=call.context.received_at + KEPT_FOR)
    return answer


def _fingerprint(call: Call) -> bytes:
    """The request apart from spelling: two bodies with the same content are the same request."""
    body = b"" if call.body is None else orjson.dumps(call.body, option=orjson.OPT_SORT_KEYS)
    query = orjson.dumps(sorted((name, list(values)) for name, values in call.query.items()))
    return sha256(b"\n".join([call.method.encode(), call.path.encode(), query, body])).digest()


def _frozen(answer: Answer) -> bytes | None:
    is_frozen = answer.status < 300 if answer.freeze is None else answer.freeze
    if not is_frozen:
        return None
    if isinstance(answer.body, bytes):
        body: object = answer.body.decode()
    elif answer.body is None or isinstance(answer.body, dict | list):
        body = answer.body
    else:
        return None
    kind = "bytes" if isinstance(answer.body, bytes) else "json"
    return orjson.dumps([answer.status, kind, body, dict(answer.headers), answer.media_type])


def _thawed(content: bytes) -> Answer:
    status, kind, body, headers, media_type = orjson.loads(content)
    return Answer(status, body.encode() if kind == "bytes" else body, headers, media_type)
