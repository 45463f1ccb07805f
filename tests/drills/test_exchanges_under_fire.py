"""Two payers exchange while every process of both, the databases among them, is killed -9 at random (seeded).

Runbook: docs/how-to/a-process-dies.md. All exchanges reach an end, none happens twice, both ledgers verify.
"""

import csv
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from interpayer.simulation.installation import Installation
from interpayer.simulation.stage import NEW, OLD, Stage, build_stage
from interpayer.system.database import connect, role_url
from interpayer.system.settings import read_settings
from tests.support.town import SETTLED

PROCESSES = ("database", "doors", "worker-1")
pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("under-fire"), pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("people", "kills"),
    [pytest.param(60, 4, id="small"), pytest.param(330, 20, id="full", marks=pytest.mark.long)],
)
def test_all_exchanges_reach_their_end_once(tmp_path: Path, people: int, kills: int) -> None:
    began = time.monotonic()
    stage = build_stage(tmp_path / "drill", seed=11, count=people, say=print)
    try:
        _load_the_old_plan(stage)
        _under_fire(stage, random.Random(kills), kills)
        states = _settled(stage)
        recovered = {one.name: _counted(one, "exchange.recovered") for one in stage.both}
        print(f"{kills} kills, {sum(states.values())} exchanges: {dict(states)}; runs recovered: {recovered}")
        print(f"{time.monotonic() - began:.0f} s")
        assert states["completed"] > people // 3
        assert set(states) <= {"completed", "unresolved", "blocked", "in_review"}
        _assert_none_twice(stage)
        for one in stage.both:
            assert _counted(one, "dead_letter.kept") == 0
            assert one.command("audit", "verify")["intact"]
    finally:
        stage.close()


def _load_the_old_plan(stage: Stage) -> None:
    feed = stage.feed_of(OLD)
    stage.old.command("load", "enrollments", str(feed / "enrollments.csv"))
    stage.old.command("load", "fhir", str(feed / "fhir"))


def _under_fire(stage: Stage, chance: random.Random, kills: int) -> None:
    """A part of the new plan's feed, a random moment later a kill, and a start as its supervisor would; and again."""
    with (stage.feed_of(NEW) / "enrollments.csv").open(newline="", encoding="utf-8") as feed:
        members = list(dict.fromkeys(row["member_id"] for row in csv.DictReader(feed)))
    for number in range(kills):
        part = stage.part_of_feed(f"part-{number}", set(members[number::kills]))
        stage.new.command("load", "enrollments", str(part))
        time.sleep(chance.uniform(0.5, 4))
        victim, name = chance.choice(stage.both), chance.choice(PROCESSES)
        victim.kill(name)
        if name == "database":
            time.sleep(chance.uniform(0, 0.5))
        victim.start(name.partition("-")[0])


def _settled(stage: Stage) -> Counter[str]:
    end = time.monotonic() + 900
    states: Counter[str] = Counter()
    while time.monotonic() < end:
        states = Counter(e["state"] for e in stage.new.exchanges())
        if states and not set(states) - SETTLED:
            return states
        time.sleep(0.5)
    raise AssertionError(f"not settled: {dict(states)}")


def _assert_none_twice(stage: Stage) -> None:
    """One completed exchange a member at the requester, one fetched release behind each at the responder."""
    done = [e for e in stage.new.exchanges() if e["state"] == "completed"]
    assert max(Counter(e["member"]["id"] for e in done).values()) == 1
    released = Counter(e["member"]["id"] for e in stage.old.exchanges() if e["state"] == "completed")
    assert max(released.values()) == 1
    assert sum(released.values()) == len(done)


def _counted(one: Installation, event: str) -> int:
    with connect(role_url(read_settings(one.environ), "owner")) as conn:
        row = conn.execute("select count(*) as n from audit.event where name = %s", (event,)).fetchone()
    assert row is not None
    return int(row["n"])
