"""Consents, withdrawals and grants as kept: idempotent, with history, every no at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.consent import store
from interpayer.consent.evaluate import Circumstances
from interpayer.model.consent import Consent, Limits, MatchGrant, Scope, Verdict
from interpayer.model.reason import Refusal
from interpayer.system.database import DatabaseError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)
CONSENT = Consent(
    id="",
    member_id="m-1",
    scope=Scope.SENSITIVE,
    sources=("npi|old",),
    recipients=("npi|new",),
    starts_at=NOW - 30 * DAY,
    ends_at=NOW + 30 * DAY,
    performer="member",
    proof="DocumentReference/1",
    proof_sha256="ab" * 32,
    received_from="p-1",
)
HERE = Circumstances(at=NOW, recipients=("npi|new",), sources=("npi|old",), policy_version="p-1")


def a_grant(consent, number=1, *, partner_id="p-1", expires_at=NOW + DAY):
    return MatchGrant(
        id=f"g-{number}",
        partner_id=partner_id,
        member_id=consent.member_id,
        consent_id=consent.id,
        exchange_id=f"x-{number}",
        expires_at=expires_at,
    )


@pytest.fixture
def granted(database):
    """A consent of member m-1 and a grant for partner p-1 that rests on it."""
    with database.door.transaction() as conn:
        kept = store.save(conn, CONSENT)
        store.save_grant(conn, a_grant(kept))
    return kept


def test_the_same_consent_again_is_the_same_row(database):
    with database.door.transaction() as conn:
        first, second = store.save(conn, CONSENT), store.save(conn, CONSENT)
        other = store.save(conn, replace(CONSENT, proof="DocumentReference/2"))
    assert first == second
    assert first.id.startswith("k-")
    assert other.id != first.id
    with database.operator.transaction() as conn:
        assert store.load(conn, first.id) == first
        assert store.load(conn, "k-none") is None
        assert {c.id for c in store.consents_of(conn, ["m-1"])["m-1"]} == {first.id, other.id}


def test_a_revoked_consent_that_is_sent_again_stays_revoked(database, granted):
    with database.operator.transaction() as conn:
        store.revoke(conn, granted.id, at=NOW, by="Ann", reason="member called")
    with database.door.transaction() as conn:
        assert store.save(conn, CONSENT).revoked_at == NOW
        assert store.live_for(conn, "m-1", HERE)[1].reason == "consent.revoked"


def test_revocation_ends_the_grants_that_rest_on_it_and_bumps_once(database, granted):
    with database.operator.transaction() as conn:
        before = store.revision(conn)
        ended = store.revoke(conn, granted.id, at=NOW, by="Ann", reason="member called")
        assert [g.exchange_id for g in ended] == ["x-1"]
        assert store.revoke(conn, granted.id, at=NOW, by="Ann", reason="again") == []
        assert store.revision(conn) == before + 1
        assert store.grant_for(conn, partner_id="p-1", member_id="m-1", at=NOW) is None
        assert store.grants_of(conn, member_id="m-1")[0].withdrawn_at == NOW
        with pytest.raises(Refusal):
            store.revoke(conn, "k-unknown", at=NOW, by="Ann", reason="none")


def test_a_members_no_beats_every_consent_also_a_later_one(database, granted):
    with database.operator.transaction() as conn:
        ended = store.withdraw_member(conn, "m-1", at=NOW - DAY, by="feed", proof="opt-out form")
        assert [g.id for g in ended] == ["g-1"]
        later = store.save(conn, replace(CONSENT, starts_at=NOW - timedelta(hours=1), proof="later"))
        store.save_grant(conn, a_grant(later, 2))
        assert store.live_for(conn, "m-1", HERE)[1].reason == "consent.revoked"
        assert store.grant_for(conn, partner_id="p-1", member_id="m-1", at=NOW) is None
        assert store.withdrawn_at(conn, ["m-1", "m-2"]) == {"m-1": NOW - DAY}


def test_opting_in_again_lifts_the_no_but_revives_no_grant(database, granted):
    with database.operator.transaction() as conn:
        store.withdraw_member(conn, "m-1", at=NOW - DAY, by="feed")
        assert store.lift_withdrawal(conn, "m-1", at=NOW, by="feed")
        assert not store.lift_withdrawal(conn, "m-1", at=NOW, by="feed")
        assert store.live_for(conn, "m-1", HERE)[1].verdict is Verdict.GRANTED
        assert store.grant_for(conn, partner_id="p-1", member_id="m-1", at=NOW) is None
        assert [h["act"] for h in store.history(conn, "m-1")] == ["recorded", "withdrawn", "lifted"]


def test_the_feed_says_no_for_many_and_twice_is_once(database, granted):
    rows = [store.Withdrawal(m, NOW, "feed") for m in ("m-1", "m-2", "m-1")]
    with database.operator.transaction() as conn:
        before = store.revision(conn)
        assert len(store.withdraw_members(conn, [rows[0], rows[1]])) == 1
        assert store.withdraw_members(conn, rows[:2]) == []
        assert store.withdraw_members(conn, []) == []
        assert store.revision(conn) == before + 1
        assert len(store.history(conn, "m-2")) == 1


def test_the_consent_that_allows_most_is_taken(database):
    with database.door.transaction() as conn:
        store.save(conn, replace(CONSENT, scope=Scope.REGULAR, proof="a"))
        best = store.save(conn, replace(CONSENT, proof="b"))
        store.save(conn, replace(CONSENT, recipients=("npi|third",), proof="c"))
        consent, permission = store.live_for(conn, "m-1", HERE)
        nobody = store.live_for(conn, "m-9", HERE)
    assert (consent.id, permission.verdict) == (best.id, Verdict.GRANTED)
    assert (nobody[0], nobody[1].reason) == (None, "consent.missing")


@pytest.mark.parametrize(
    ("change", "at", "is_live"),
    [
        ({}, NOW, True),
        ({"expires_at": NOW}, NOW, False),
        ({"partner_id": "p-2"}, NOW, False),
        ({"expires_at": NOW + 60 * DAY}, NOW + 29 * DAY, True),
        ({"expires_at": NOW + 60 * DAY}, NOW + 30 * DAY, False),
    ],
)
def test_a_grant_is_worth_what_its_consent_is_worth(database, change, at, is_live):
    with database.operator.transaction() as conn:
        kept = store.save(conn, CONSENT)
        store.save_grants(conn, [a_grant(kept, **change)])
        found = store.grants_for(conn, partner_id="p-1", member_ids=["m-1"], at=at)
        revoked = store.revoked_members(conn, ["m-1"], at, partner_id="p-1")
    assert (set(found) == {"m-1"}) is is_live
    assert (revoked == set()) is is_live


def test_who_must_not_go_any_more(database, granted):
    with database.operator.transaction() as conn:
        assert store.revoked_members(conn, ["m-1", "m-2"], NOW) == {"m-2"}
        assert store.revoked_members(conn, ["m-1"], NOW, partner_id="p-2") == {"m-1"}
        store.withdraw_grants(conn, at=NOW, exchange_ids=["x-1"])
        assert store.revoked_members(conn, ["m-1"], NOW) == {"m-1"}


def test_another_process_sees_a_no_between_two_statements(database, granted):
    with database.door.transaction() as reading:
        begun = store.revision(reading)
        with database.operator.transaction() as conn:
            store.revoke(conn, granted.id, at=NOW, by="Ann", reason="member called")
        assert store.revision(reading) != begun
        assert store.revoked_members(reading, ["m-1"], NOW, partner_id="p-1") == {"m-1"}


@pytest.mark.parametrize(
    "statement",
    [
        "delete from consent.consent",
        "delete from consent.withdrawal",
        "delete from consent.match_grant",
        "update consent.history set by = 'x'",
        "delete from consent.history",
    ],
)
def test_no_login_role_erases_what_was_said(database, granted, statement):
    for role in ("door", "worker", "operator"):
        with pytest.raises(DatabaseError), database.pool(role).transaction() as conn:
            conn.execute(statement.encode())


def test_a_consent_without_a_member_yet_is_kept_as_its_own(database):
    with database.door.transaction() as conn:
        one, two = (store.save(conn, replace(CONSENT, member_id=None)) for _ in range(2))
        assert one.id != two.id
        assert store.load(conn, one.id) == one


def test_a_grant_keeps_what_it_leaves_out(database):
    limits = Limits(labels_withheld=frozenset({"*"}), types=frozenset({"Claim"}), since=NOW.date())
    with database.door.transaction() as conn:
        kept = store.save(conn, CONSENT)
        store.save_grants(conn, [replace(a_grant(kept), limits=limits)])
        found = store.grant_for(conn, partner_id="p-1", member_id="m-1", at=NOW)
    assert found.limits == limits
