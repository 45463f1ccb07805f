"""A job belongs to one partner and moves only along its states."""

from collections.abc import Iterator

import pytest

from interpayer.delivery import store
from interpayer.delivery.store import NewJob
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase, serves
from tests.support.records import VAULT


@pytest.fixture(autouse=True)
def _partner_served() -> Iterator[None]:
    with serves("pa-1"):
        yield


def a_job(**more: object) -> NewJob:
    return NewJob(**{"kind": "export", "partner_id": "pa-1", "request": b"{}", "url": "https://x/", **more})  # type: ignore[arg-type]


def test_another_partner_sees_no_job(database: ScratchDatabase) -> None:
    with database.door.transaction() as conn:
        job_id = store.create_job(conn, VAULT, a_job(batch_id="b-1", detail={"group": "b-1"}))
        mine, foreign = store.job(conn, job_id, "pa-1"), store.job(conn, job_id, "pa-2")
        assert store.job(conn, "j-none", "pa-1") is None
        listed = store.list_jobs(conn, partner_id="pa-1", states=["kicked_off"])
    assert mine is not None
    assert foreign is None
    assert [job.id for job in listed] == [job_id]
    assert (mine.state, mine.batch_id, mine.detail) == ("kicked_off", "b-1", {"group": "b-1"})


def test_the_same_id_twice_is_one_job(database: ScratchDatabase) -> None:
    with database.door.transaction() as conn:
        ids = {store.create_job(conn, VAULT, a_job(id="j-1", request=request)) for request in (b"1", b"2")}
        assert store.job_request(conn, VAULT, "j-1") == b"1"
    assert ids == {"j-1"}


def test_a_job_moves_only_along_its_states(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        job_id = store.create_job(conn, VAULT, a_job())
        assert not store.set_state(conn, job_id, "fetched")
        assert store.set_state(conn, job_id, "running")
        store.set_progress(conn, job_id, 40)
        store.set_progress(conn, job_id, 20)
        assert store.set_state(conn, job_id, "ready", transaction_time=now())
        ready = store.job(conn, job_id, None)
        assert store.set_state(conn, job_id, "deleted", reason="request.not_found")
        assert not store.set_state(conn, job_id, "ready")
    assert ready is not None
    assert (ready.progress, ready.transaction_time is not None) == (100, True)


def test_progress_and_detail_grow(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        job_id = store.create_job(conn, VAULT, a_job(detail={"a": 1}))
        store.set_progress(conn, job_id, 40)
        store.set_progress(conn, job_id, 20)
        store.set_detail(conn, job_id, {"b": 2})
        job = store.job(conn, job_id, None)
    assert job is not None
    assert (job.progress, job.detail) == (40, {"a": 1, "b": 2})


def test_an_issue_is_told_once(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        job_id = store.create_job(conn, VAULT, a_job())
        for code in ("request.unsupported_parameter", "other", "other"):
            store.add_issue(conn, job_id, code=code, text="ignored", severity="warning")
        assert [issue["code"] for issue in store.issues(conn, job_id)] == ["request.unsupported_parameter", "other"]
