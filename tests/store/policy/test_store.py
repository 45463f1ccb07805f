"""A version on the ledger can always be read again."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from interpayer.policy import store
from interpayer.policy.bundle import read_bundle
from interpayer.policy.composing import compose, load_bundle
from interpayer.policy.decide import decide
from interpayer.policy.facts import LookFacts
from interpayer.policy.in_force import FRESH_S, PolicyInForce, in_force
from interpayer.system.clock import now
from interpayer.system.database import DatabaseError, DatabaseGone

BUNDLE = load_bundle()
OWN = {
    "ours.cedar": '@id("ours")\n@reason("policy.denied")\nforbid (principal, action == Action::"export", resource);\n'
}
OURS = compose(OWN)
FACTS = {"action": "match", "partner_status": "active"}


def test_a_published_version_reads_back_as_itself(database):
    with database.worker.transaction() as conn:
        assert not store.is_published(conn, BUNDLE.version)
        assert store.publish(conn, BUNDLE, by="serve")
        assert not store.publish(conn, BUNDLE, by="worker")
        assert store.is_published(conn, BUNDLE.version)
        assert read_bundle(store.files_of(conn, BUNDLE.version)).version == BUNDLE.version
        assert store.files_of(conn, "p-unknown") is None


def test_no_login_role_changes_a_published_version(database):
    with database.operator.transaction() as conn:
        store.publish(conn, BUNDLE, by="ana")
        store.release(conn, BUNDLE.version, act="publish", by="ana", reason="the first")
    for role, statement in itertools.product(
        ("door", "worker", "operator"),
        (
            "update policy.bundle set files = '{}'",
            "update policy.release set version = ''",
            "delete from policy.release",
        ),
    ):
        with pytest.raises(DatabaseError), database.pool(role).transaction() as conn:
            conn.execute(statement)
    for role in ("door", "worker"):
        with pytest.raises(DatabaseError), database.pool(role).transaction() as conn:
            store.release(conn, BUNDLE.version, act="publish", by="mallory", reason="mine")


def test_the_newest_release_is_in_force(database):
    with database.operator.transaction() as conn:
        assert store.own_files_in_force(conn) == (0, {})
        store.publish(conn, BUNDLE, by="ana")
        store.publish(conn, OURS, by="ana", own=OWN)
        first = store.release(conn, OURS.version, act="publish", by="ana", reason="try", approved_by="bo")
        assert store.own_files_in_force(conn) == (first, OWN)
        assert in_force(conn).version == OURS.version
        assert store.was_in_force(conn, OURS.version)
        assert not store.was_in_force(conn, BUNDLE.version)
        second = store.release(conn, BUNDLE.version, act="rollback", by="bo", reason="too strict")
        assert store.own_files_in_force(conn) == (second, {})
        assert [(r.version, r.released_by, r.approved_by) for r in store.releases(conn)] == [
            (BUNDLE.version, "bo", None),
            (OURS.version, "ana", "bo"),
        ]


def test_a_proposal_ends_once(database):
    with database.operator.transaction() as conn:
        store.publish(conn, OURS, by="ana", own=OWN)
        store.propose(conn, "r-1", OURS.version, by="ana", reason="narrower")
        store.end_proposal(conn, "r-1", state="approved", by="bo")
        store.end_proposal(conn, "r-1", state="withdrawn", by="ana")
        (found,) = store.proposals(conn)
        assert (found.state, found.ended_by, store.proposal(conn, "r-2")) == ("approved", "bo", None)


def test_decisions_are_kept_with_their_facts_and_go_after_their_time(database):
    reasons = ("consent.expired", 'odd "words", {braces}')
    no = store.Kept("p-1", "Facts", FACTS, False, ("never-x",), reasons, (), times=3, subject="x-1")
    yes = store.Kept("p-1", "Facts", FACTS, True, ("answer",), (), ("notify_member",))
    with database.door.transaction() as conn:
        store.keep(conn, [no, yes])
        store.keep(conn, [])
    with database.worker.transaction() as conn:
        found = store.last(conn, 10)
        assert [replace(one, at=None) for one in found] == [yes, no]
        assert [one.times for one in store.last(conn, 10, subject="x-1")] == [3]
        assert len(store.last(conn, 1)) == 1
        assert store.forget(conn, before=found[0].at, most=10) == 0
        assert store.forget(conn, before=now() + timedelta(days=1), most=1) == 1
        assert [one.allow for one in store.last(conn, 10)] == [True]


def test_a_process_takes_what_is_published_within_a_second(database):
    ticks = [0.0]
    policy = PolicyInForce(database.worker, clock=lambda: ticks[0])
    assert policy().version == BUNDLE.version
    with database.operator.transaction() as conn:
        assert store.is_published(conn, BUNDLE.version), "whatever decides can be read"
        store.publish(conn, OURS, by="ana", own=OWN)
        store.release(conn, OURS.version, act="publish", by="ana", reason="try")
    assert policy().version == BUNDLE.version
    ticks[0] += FRESH_S
    assert policy().version == OURS.version
    first = policy()
    ticks[0] += FRESH_S
    assert policy() is first, "what did not change is not read anew"


def test_a_published_file_that_does_not_load_here_closes_everything(database):
    with database.operator.transaction() as conn:
        store.publish(conn, replace(OURS, version="p-of-another-release"), by="ana", own={"ours.cedar": "permit"})
        store.release(conn, "p-of-another-release", act="publish", by="ana", reason="try")
    policy = PolicyInForce(database.worker)()
    assert policy.broken
    assert policy.exchange == BUNDLE.exchange, "clocks still run"
    assert decide(policy, LookFacts("ana", ("analyst",), "test", 1, True, True)).reasons == ("policy.version_unknown",)


def test_without_a_database_the_last_policy_stays_and_the_first_is_not_guessed(database):
    ticks = [0.0]
    policy = PolicyInForce(database.worker, clock=lambda: ticks[0])
    before = policy()
    policy.close()
    ticks[0] += FRESH_S
    assert policy() is before
    with pytest.raises(DatabaseGone):
        PolicyInForce(database.worker)()
