"""A backup, a revocation, a disk lost, a restore: who said no stays out, and nothing is delivered twice.

Runbook: docs/how-to/restore-a-backup.md
"""

import shutil
from pathlib import Path

import httpx2
import pytest

from interpayer.simulation.installation import CommandFailed
from tests.drills.conftest import Pair
from tests.support.outsider import Outsider, parameters
from tests.support.town import SETTLED, enroll, events, member_id_of, settled, wait_for

pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("pair"), pytest.mark.timeout(300)]


def test_a_disk_lost_under_a_running_exchange(pair: Pair, tmp_path: Path) -> None:
    """Runbook: restore-a-backup.md. The old plan loses its database after a backup, a revocation and a request."""
    pair.quicken()
    stays, leaves, late = (pair.member(name) for name in ("stays", "leaves", "late"))
    (delivered,) = pair.ask(stays)
    assert settled(pair.new, delivered)["state"] == "completed"
    pair.old.command("db", "backup", str(tmp_path / "backup"))

    # what the backup does not know: a request that is under way, and a member who says no
    pair.old.kill("worker-1")
    asked = pair.ask(leaves, late)
    wait_for(lambda: {_state(pair, x) for x in asked} <= {"sent", "acknowledged"})
    no_more = member_id_of(pair.town, pair.old, f"{leaves}-old")
    pair.old.command("consent", "withdraw", no_more, "--proof", "letter of 3 March")

    _lose_the_disk(pair)
    pair.old.start("database")
    restored = pair.old.command("db", "restore", str(tmp_path / "backup"))
    assert restored["held"] is True
    assert restored["missing_keys"] == []
    pair.old.start("doors", "worker")

    _assert_held(pair, asked, late)
    with pytest.raises(CommandFailed, match="load the enrollment feed again"):
        pair.old.command("consent", "resync", "--reason", "feed loaded", "--yes")
    withdrawn = {"opt_in": "withdrawn", "opt_in_on": "2026-03-03", "opt_in_proof": "letter of 3 March"}
    enroll(pair.old, pair.town.folder, [pair.row(name, "old") for name in (stays, late)])
    enroll(pair.old, pair.town.folder, [pair.row(leaves, "old") | withdrawn])
    assert pair.old.command("consent", "resync", "--reason", "feed of today loaded", "--yes")["cleared"] == ["restore"]

    ends = {x: settled(pair.new, x, within_s=120)["state"] for x in asked}
    assert sorted(ends.values()) in (["blocked", "completed"], ["completed", "unresolved"])
    assert (pair.conditions(late), pair.conditions(leaves), pair.conditions(stays)) == (3, 0, 3)
    assert [pair.releases(name) for name in (stays, late, leaves)] == [1, 1, 0]
    assert [event["name"] for event in events(pair.new, delivered)].count("answer.delivered") == 1
    for one in (pair.old, pair.new):
        assert one.command("audit", "verify")["intact"]


def _lose_the_disk(pair: Pair) -> None:
    for name in ("doors", "database"):
        pair.old.kill(name)
    wait_for(lambda: not (pair.old.home / "postgres" / "data" / "postmaster.pid").exists() or _is_dead(pair))
    disk = pair.old.home / "postgres"
    # where the database's account cannot reach the home, its files lie elsewhere, and a link leads there
    shutil.rmtree(disk.resolve())
    if disk.is_symlink():
        disk.unlink()
    pair.town.forget(pair.old)


def _is_dead(pair: Pair) -> bool:
    """The server ends by itself when its supervisor is gone; a killed one leaves its pid file."""
    pid = (pair.old.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
    return not Path(f"/proc/{pid}").exists()


def _assert_held(pair: Pair, asked: list[str], name: str) -> None:
    """Match, export, download and everything are refused alike, and what was under way waits."""
    partner = Outsider("early", pair.old, pair.town.authority)
    parts = partner.match_parts(pair.row(name, "old"))
    with partner.http:
        answers = [
            partner.post("/Patient/$member-match", parameters(parts)),
            partner.post("/Group/$bulk-member-match", parameters(parts, bulk=True)),
            partner.post("/Group/b-any/$davinci-data-export", {"resourceType": "Parameters", "parameter": []}),
            partner.get("/Patient/m-any/$everything"),
        ]
    for answer in answers:
        _assert_restored(answer)
    assert not {_state(pair, x) for x in asked} & SETTLED
    assert pair.conditions(name) == 0
    assert any("HELD" in finding["words"].upper() for finding in pair.old.command("doctor", allowed=(0, 1))["findings"])


def _assert_restored(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "system.restored"
    assert int(answer.headers["retry-after"]) > 0


def _state(pair: Pair, exchange_id: str) -> str:
    status, found = pair.new.api("GET", f"/exchanges/{exchange_id}")
    assert status == 200, found
    return str(found["state"])
