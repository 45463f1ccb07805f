"""A member's no, and the files that can still be fetched: at once without the member, soon with new bytes."""

from datetime import timedelta

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.delivery import files
from interpayer.delivery import store as delivery_store
from interpayer.delivery.download import plan_download, stream
from interpayer.delivery.ndjson import write_files
from interpayer.delivery.parts import open_parts
from interpayer.delivery.store import NewJob
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.record import Lines
from interpayer.operations import consents
from interpayer.operations.rebuilding import rebuild_files
from interpayer.system.clock import now


def a_released_file(tools: Tools, members: list[str]) -> str:
    blocks = [Lines("Condition", (m,), b'{"id":"%s"}\n' % m.encode(), 1) for m in members]
    with tools.database.transaction() as conn:
        job_id = delivery_store.create_job(
            conn, tools.vault, NewJob("export", "p-c", b"{}", "https://b.example/export")
        )
        (file,) = write_files(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id), blocks)
        delivery_store.set_state(conn, job_id, "ready", transaction_time=now(), expires_at=now() + timedelta(hours=1))
    return file.id


def fetched(tools: Tools, file_id: str) -> bytes:
    with tools.database.transaction() as conn:
        plan = plan_download(conn, file_id)
        assert plan is not None
        parts = open_parts(conn, tools.objects, tools.vault, job_id=plan.file.job_id)
    return b"".join(stream(parts, plan, gzip=False, still_allowed=lambda: True))


def test_a_withdrawal_empties_the_file_and_upkeep_makes_it_whole_again(
    application: Application, person: Actor, member_id: str
) -> None:
    worker, operator = application.tools("worker"), application.tools("operator")
    file_id = a_released_file(worker, [member_id, "m-other"])
    with operator.database.transaction() as conn:
        stopped = consents.withdraw(operator, conn, member_id, proof="form 12", actor=person)
    assert stopped.files == (file_id,)
    assert fetched(worker, file_id) == b'{"id":"m-other"}\n'
    with worker.database.transaction() as conn:
        at_once = files.file(conn, file_id, "p-c")
    assert at_once is not None
    assert (at_once.lines, at_once.sha256) == (1, None)

    assert rebuild_files(worker) == 1
    assert rebuild_files(worker) == 0
    with worker.database.transaction() as conn:
        whole = files.file(conn, file_id, "p-c")
    assert whole is not None
    assert whole.sha256 is not None
    assert fetched(worker, file_id) == b'{"id":"m-other"}\n'
    with operator.database.transaction() as conn:
        (event,) = [e for e in search(conn) if e["name"] == "answer.withdrawn"]
    assert (event["partner_id"], event["actor_id"], event["facts"]["file"]) == ("p-c", "Ana Ruiz", file_id)
