"""A partner fetches its files: permission is asked all the while, and from the very first byte."""

from pathlib import Path

import pytest

from interpayer.consent import store as consent_store
from interpayer.delivery import store as delivery_store
from interpayer.delivery.files import File
from interpayer.delivery.ndjson import write_files
from interpayer.delivery.parts import open_parts
from interpayer.delivery.withdrawal import drop_member
from interpayer.exchange import following
from interpayer.exchange.tools import Tools
from interpayer.model.record import Lines
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase
from tests.support.tools import opened


def a_file(tools: Tools) -> File:
    """A ready file with lines of two members."""
    lines = [Lines("Encounter", (member,), b'{"id":"%s"}\n' % member.encode(), 1) for member in ("m-1", "m-2")]
    with tools.database.transaction() as conn:
        new_job = delivery_store.NewJob("export", "p-1", b"{}", "https://x/export")
        job_id = delivery_store.create_job(conn, tools.vault, new_job)
        (written,) = write_files(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id), lines)
        delivery_store.set_state(conn, job_id, "ready", transaction_time=now(), expires_at=now())
    return written


def say_no(tools: Tools, member_id: str) -> None:
    """What `consents.withdraw` does to consents and files."""
    with tools.database.transaction() as conn:
        consent_store.withdraw_members(conn, [consent_store.Withdrawal(member_id, now(), "ana", "call 17")])
        drop_member(conn, member_id)


def test_a_no_between_the_plan_and_the_first_byte_is_heard(database: ScratchDatabase, tmp_path: Path) -> None:
    with opened(database, tmp_path / "home", role="worker") as worker, opened(database, tmp_path / "home") as operator:
        planned = a_file(worker)
        say_no(operator, "m-1")
        assert not following.still_allowed(operator, planned)()


def test_a_no_on_the_way_is_heard_and_stays(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.0)
    with opened(database, tmp_path / "home", role="worker") as worker, opened(database, tmp_path / "home") as operator:
        ask = following.still_allowed(operator, a_file(worker))
        assert ask()
        say_no(operator, "m-3")
        assert ask(), "somebody who is not in the file changes nothing"
        say_no(operator, "m-2")
        assert not ask()
        say_no(operator, "m-4")
        assert not ask()
