"""The life of our own signing keys: next, active, retiring, revoked. Each step is a named person's act, and an event.

A key is published before it signs, and after: partners keep our set for a while (Cache-Control), and what a key signed
lives a few minutes longer. So a rotation is two acts with a wait between them, and nothing is ever refused for it.
"""

from datetime import datetime, timedelta
from pathlib import Path

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import ENGINE, Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.partners import own_key_store, own_keys
from interpayer.partners.own_key_store import KeyState, OwnKey
from interpayer.partners.own_keys import LOOK_S
from interpayer.partners.signer import ALGORITHMS, LIFETIME_S, keys_in, new_key
from interpayer.system.clock import now
from interpayer.system.database import Connection

CHAIN = "keys"
# As long as partners may keep our set (max-age of the well-known file), and a little.
PUBLISH_AHEAD = timedelta(seconds=330)
# What a key signed may be on its way so long: its life, a clock that is off, a process that looks again only now.
RETIRE_AFTER = timedelta(seconds=LIFETIME_S + 60 + LOOK_S)
# From this age on `doctor` and `key list` say that a key should be rotated.
OLD = timedelta(days=365)

# From, to. What is not listed does not happen; `revoked` is final.
TRANSITIONS = frozenset(
    {
        (KeyState.NEXT, KeyState.ACTIVE),
        (KeyState.ACTIVE, KeyState.RETIRING),
        (KeyState.NEXT, KeyState.REVOKED),
        (KeyState.ACTIVE, KeyState.REVOKED),
        (KeyState.RETIRING, KeyState.REVOKED),
    }
)


def make_first(tools: Tools, conn: Connection, *, files: Path) -> None:
    """One active key for each algorithm, when there is none: those that were kept as files before, else fresh ones."""
    own_key_store.lock(conn)
    known = {key.algorithm for key in own_key_store.listed(conn) if key.state is KeyState.ACTIVE}
    kept = keys_in(files)
    for algorithm in ALGORITHMS:
        if algorithm not in known:
            key = kept.get(algorithm) or new_key(algorithm)
            made = own_keys.keep(conn, tools.vault, key, algorithm=algorithm, state=KeyState.ACTIVE, by=ENGINE.id)
            _note(tools, conn, made, "made", actor=ENGINE, why="the first key")


def listed(conn: Connection) -> list[OwnKey]:
    """All our keys, those that are over too."""
    return own_key_store.listed(conn)


def make_next(tools: Tools, conn: Connection, *, algorithm: str, actor: Actor) -> OwnKey:
    """A new key, published at once and not used yet; `Refusal` when one waits already."""
    if algorithm not in ALGORITHMS:
        raise Refusal("request.malformed", f"the algorithm must be one of {', '.join(ALGORITHMS)}")
    own_key_store.lock(conn)
    if _in_state(conn, KeyState.NEXT, algorithm) is not None:
        raise Refusal("request.wrong_state", f"a next key for {algorithm} waits already; activate or revoke it")
    made = own_keys.keep(conn, tools.vault, new_key(algorithm), algorithm=algorithm, state=KeyState.NEXT, by=actor.id)
    _note(tools, conn, made, "made", actor=actor)
    return made


def ready_at(key: OwnKey) -> datetime:
    """When every partner that obeys our Cache-Control has seen this key."""
    return key.made_at + PUBLISH_AHEAD


def activate(tools: Tools, conn: Connection, kid: str, *, actor: Actor, at_once: bool = False) -> OwnKey:
    """Let a next key sign; the one before goes on being published until what it signed is over.

    `Refusal` before partners can have seen the key, unless it must be at once.
    """
    own_key_store.lock(conn)
    key = _key(conn, kid)
    _check(key, KeyState.ACTIVE)
    if not at_once and now() < ready_at(key):
        raise Refusal(
            "request.wrong_state",
            f"partners may keep our old key set until {ready_at(key):%H:%M:%S}Z; wait, or activate at once",
        )
    before = _in_state(conn, KeyState.ACTIVE, key.algorithm)
    if before is not None:
        _move(tools, conn, before, KeyState.RETIRING, actor=actor)
    return _move(tools, conn, key, KeyState.ACTIVE, actor=actor, why="at once" if at_once else "")


def retire(tools: Tools, conn: Connection, kid: str, *, actor: Actor) -> OwnKey:
    """Take an active key out of use: the next key of its algorithm takes over, under the rule of `activate`."""
    key = _key(conn, kid)
    _check(key, KeyState.RETIRING)
    following = _in_state(conn, KeyState.NEXT, key.algorithm)
    if following is None:
        raise Refusal("request.wrong_state", f"nothing would sign for {key.algorithm}: make a next key first")
    activate(tools, conn, following.kid, actor=actor)
    return _key(conn, kid)


def revoke(tools: Tools, conn: Connection, kid: str, *, reason: str, actor: Actor) -> OwnKey:
    """End a key now: it is published no more and its private part is gone.

    When it was the one that signs, the next key, or else a fresh one, signs from now on.
    """
    if not reason.strip():
        raise Refusal("request.malformed", "say why")
    own_key_store.lock(conn)
    key = _key(conn, kid)
    _check(key, KeyState.REVOKED)
    was_active = key.state is KeyState.ACTIVE
    ended = _move(tools, conn, key, KeyState.REVOKED, actor=actor, why=reason)
    if was_active:
        following = _in_state(conn, KeyState.NEXT, key.algorithm)
        following = following or make_next(tools, conn, algorithm=key.algorithm, actor=actor)
        activate(tools, conn, following.kid, actor=actor, at_once=True)
    return ended


def end_retiring(tools: Tools, conn: Connection) -> int:
    """Revoke what retires once nothing that it signed can be on its way; how many."""
    over = [
        key
        for key in own_key_store.listed(conn)
        if key.state is KeyState.RETIRING and key.state_since + RETIRE_AFTER <= now()
    ]
    for key in over:
        _move(tools, conn, key, KeyState.REVOKED, actor=ENGINE, why="what it signed is over")
    return len(over)


def is_old(key: OwnKey) -> bool:
    """Whether a key that signs is to be rotated."""
    return key.state is KeyState.ACTIVE and key.made_at + OLD <= now()


def told(key: OwnKey) -> dict[str, JSON]:
    """A key as people see it."""
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "made_at": key.made_at.isoformat(),
        "state_since": key.state_since.isoformat(),
        "is_old": is_old(key),
        "ready_at": ready_at(key).isoformat() if key.state is KeyState.NEXT else None,
    }


def _key(conn: Connection, kid: str) -> OwnKey:
    found = [key for key in own_key_store.listed(conn) if key.kid == kid]
    if not found:
        raise Refusal("request.not_found", "no key has this id")
    return found[0]


def _in_state(conn: Connection, state: KeyState, algorithm: str) -> OwnKey | None:
    found = [key for key in own_key_store.listed(conn) if (key.state, key.algorithm) == (state, algorithm)]
    return found[0] if found else None


def _check(key: OwnKey, to: KeyState) -> None:
    if (key.state, to) not in TRANSITIONS:
        raise Refusal("request.wrong_state", f"the key is {key.state.value} and cannot become {to.value}")


def _move(tools: Tools, conn: Connection, key: OwnKey, to: KeyState, *, actor: Actor, why: str = "") -> OwnKey:
    own_key_store.set_state(conn, key.kid, to, at=now())
    _note(tools, conn, key, to.value, actor=actor, why=why)
    return _key(conn, key.kid)


def _note(tools: Tools, conn: Connection, key: OwnKey, change: str, *, actor: Actor, why: str = "") -> None:
    facts: dict[str, JSON] = {"key_id": key.kid, "algorithm": key.algorithm, "change": change, "why": why}
    tools.ledger.append(conn, Event("key.changed", CHAIN, actor.type, actor.id, facts=facts))
