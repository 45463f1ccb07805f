"""A version on the ledger can always be read again."""

import pytest

from interpayer.policy import store
from interpayer.policy.bundle import read_bundle
from interpayer.policy.composing import load_bundle
from interpayer.system.database import DatabaseError

BUNDLE = load_bundle()


def test_a_published_version_reads_back_as_itself(database):
    with database.worker.transaction() as conn:
        assert not store.is_published(conn, BUNDLE.version)
        assert store.publish(conn, BUNDLE, by="serve")
        assert not store.publish(conn, BUNDLE, by="worker")
        assert store.is_published(conn, BUNDLE.version)
        assert read_bundle(store.files_of(conn, BUNDLE.version)).version == BUNDLE.version
        assert store.files_of(conn, "p-unknown") is None


def test_no_login_role_changes_a_published_version(database):
    for role in ("door", "worker", "operator"):
        with pytest.raises(DatabaseError), database.pool(role).transaction() as conn:
            conn.execute("update policy.bundle set files = '{}'")
