"""Our own keys: published ahead, one signs, what it signed may still arrive, then it is gone; every process sees it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Refusal
from interpayer.operations import signing
from interpayer.operations.upkeep import _TASKS
from interpayer.partners.own_key_store import KeyState, OwnKey
from interpayer.partners.own_keys import LOOK_S, OwnKeys
from interpayer.partners.signer import Claims, Signer, new_key, private_text
from interpayer.system.clock import now
from interpayer.system.keys import SealBroken, Vault
from tests.support.databases import ScratchDatabase

AUDIENCE = "https://plan-b.example/token"
CURVE = new_key("ES384")


@pytest.fixture(autouse=True)
def quick_rsa(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strong RSA keys take a while to make; these are as good for a test."""
    monkeypatch.setattr("interpayer.partners.signer.RSA_BITS", 2048)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def signer(tools: Tools, clock: list[float], tmp_path: Path) -> Signer:
    def first(conn: Any) -> None:
        signing.make_first(tools, conn, files=tmp_path / "none")

    return Signer(OwnKeys(tools.database, tools.vault, first, clock=lambda: clock[0]).ring)


def kid_of(signer: Signer, algorithm: str = "ES384") -> str:
    text = signer.assertion(Claims("plan-a", AUDIENCE, now()), algorithm=algorithm)
    jwt.decode(text, KeySet.import_key_set(signer.public_jwks()), algorithms=[algorithm])
    return str(jws.extract_compact(text.encode()).headers()["kid"])


def shown(signer: Signer) -> set[str]:
    return {key["kid"] for key in signer.public_jwks()["keys"]}


def states(tools: Tools) -> dict[str, KeyState]:
    with tools.database.transaction() as conn:
        return {key.kid: key.state for key in signing.listed(conn)}


def earlier(database: ScratchDatabase, by: timedelta) -> None:
    """Every key is so much older."""
    with database.owner.transaction() as conn:
        conn.execute("update partners.own_key set made_at = made_at - %s, state_since = state_since - %s", [by, by])


def make_next(tools: Tools, person: Actor) -> OwnKey:
    with tools.database.transaction() as conn:
        return signing.make_next(tools, conn, algorithm="ES384", actor=person)


def test_a_rotation_is_published_ahead_and_seen_without_a_restart(
    tools: Tools, database: ScratchDatabase, person: Actor, signer: Signer, clock: list[float]
) -> None:
    old = kid_of(signer)
    made = make_next(tools, person)
    clock[0] += LOOK_S
    assert (kid_of(signer), {old, made.kid} <= shown(signer)) == (old, True), "published, not used yet"
    with pytest.raises(Refusal) as refused, tools.database.transaction() as conn:
        signing.activate(tools, conn, made.kid, actor=person)
    assert refused.value.reason == "request.wrong_state"
    earlier(database, signing.PUBLISH_AHEAD)
    with tools.database.transaction() as conn:
        signing.activate(tools, conn, made.kid, actor=person)
    assert kid_of(signer) == old, "a process looks again every few seconds"
    clock[0] += LOOK_S
    assert (kid_of(signer), {old, made.kid} <= shown(signer)) == (made.kid, True), "what the old one signed may arrive"
    assert states(tools)[old] is KeyState.RETIRING
    earlier(database, signing.RETIRE_AFTER)
    with tools.database.transaction() as conn:
        assert _TASKS["own_keys"][0](tools, conn) == 1
    clock[0] += LOOK_S
    assert (old in shown(signer), states(tools)[old]) == (False, KeyState.REVOKED)
    with tools.database.transaction() as conn:
        found = [event for event in search(conn, limit=100) if event["name"] == "key.changed"]
        row = conn.execute("select wrapped, sealed from partners.own_key where kid = %s", [old]).fetchone()
    assert row == {"wrapped": None, "sealed": None}
    assert [event["facts"]["change"] for event in found][-4:] == ["made", "retiring", "active", "revoked"]


def test_a_key_in_use_for_more_than_a_year_is_marked(
    tools: Tools, database: ScratchDatabase, person: Actor, signer: Signer
) -> None:
    kid_of(signer)
    earlier(database, signing.OLD)
    fresh = make_next(tools, person)
    with tools.database.transaction() as conn:
        shown_as = {key.kid: signing.told(key)["is_old"] for key in signing.listed(conn)}
    assert shown_as.pop(fresh.kid) is False
    assert set(shown_as.values()) == {True}


def test_two_algorithms_have_a_key_each_from_the_first_day(tools: Tools, signer: Signer) -> None:
    assert kid_of(signer, "ES384") != kid_of(signer, "RS384")
    assert set(states(tools).values()) == {KeyState.ACTIVE}


@pytest.mark.parametrize("with_next", [True, False], ids=["a next one waits", "none waits"])
def test_a_key_that_leaked_ends_at_once_and_another_signs(
    tools: Tools, person: Actor, signer: Signer, clock: list[float], with_next: bool
) -> None:
    old = kid_of(signer)
    waiting = make_next(tools, person) if with_next else None
    with tools.database.transaction() as conn:
        signing.revoke(tools, conn, old, reason="the file was copied", actor=person)
    clock[0] += LOOK_S
    assert old not in shown(signer)
    assert kid_of(signer) != old
    assert waiting is None or kid_of(signer) == waiting.kid


def test_what_is_over_does_not_come_back(tools: Tools, person: Actor, signer: Signer) -> None:
    old = kid_of(signer)
    with tools.database.transaction() as conn:
        signing.revoke(tools, conn, old, reason="drill", actor=person)
        for act in (signing.activate, signing.retire):
            with pytest.raises(Refusal) as refused:
                act(tools, conn, old, actor=person)
            assert refused.value.reason == "request.wrong_state"
        with pytest.raises(Refusal):
            signing.revoke(tools, conn, old, reason="again", actor=person)


def test_there_is_always_a_key_that_signs(
    tools: Tools, database: ScratchDatabase, person: Actor, signer: Signer
) -> None:
    old = kid_of(signer)
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            signing.retire(tools, conn, old, actor=person)
        with pytest.raises(Refusal, match=r"request\.malformed"):
            signing.revoke(tools, conn, old, reason=" ", actor=person)
        with pytest.raises(Refusal, match=r"request\.not_found"):
            signing.activate(tools, conn, "nobody", actor=person)
    made = make_next(tools, person)
    with pytest.raises(Refusal, match=r"request\.wrong_state"):
        make_next(tools, person)
    earlier(database, signing.PUBLISH_AHEAD)
    with tools.database.transaction() as conn:
        assert signing.retire(tools, conn, old, actor=person).state is KeyState.RETIRING
    assert states(tools)[made.kid] is KeyState.ACTIVE


def test_keys_kept_as_files_before_go_on_being_ours(tools: Tools, tmp_path: Path) -> None:
    path = tmp_path / "assertion-es384.jwk"
    path.write_bytes(private_text(CURVE))
    path.chmod(0o600)
    keys = OwnKeys(tools.database, tools.vault, lambda conn: signing.make_first(tools, conn, files=tmp_path))
    assert kid_of(Signer(keys.ring)) == CURVE.kid


def test_the_database_alone_cannot_sign(tools: Tools, database: ScratchDatabase, signer: Signer) -> None:
    kid_of(signer)
    with database.owner.transaction() as conn:
        rows = conn.execute("select k::text as text, sealed from partners.own_key k").fetchall()
    assert not any('"d"' in row["text"] or b'"d"' in bytes(row["sealed"]) for row in rows)
    stranger = OwnKeys(database.operator, Vault(b"x" * 32, "another"), lambda _conn: None)
    with pytest.raises(SealBroken):
        stranger.ring()


def test_the_door_sees_public_parts_only(application: Application, database: ScratchDatabase) -> None:
    application.signer.public_jwks()
    with database.door.transaction() as conn:
        conn.execute("select public from partners.own_public_key")
        with pytest.raises(Exception, match="permission denied"):
            conn.execute("select sealed from partners.own_key")
