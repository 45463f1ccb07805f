"""Two payers exchange while every process of both, the databases among them, is killed -9 at random (seeded).

Runbook: docs/how-to/a-process-dies.md. All exchanges reach an end, none happens twice, both ledgers verify.
"""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from interpayer.simulation.stage import NEW, OLD, Stage, build_stage
from tests.support.town import SETTLED

PROCESSES = ("database", "doors", "worker-1")


@pytest.mark.parametrize(
    ("people", "kills"),
    [pytest.param(60, 4, id="small"), pytest.param(280, 20, id="full", marks=pytest.mark.long)],
)
@pytest.mark.xdist_group("drills")
@pytest.mark.timeout(1800)
def test_all_exchanges_reach_their_end_once(tmp_path: Path, people: int, kills: int):
    folder = tmp_path / "drill"
    stage = build_stage(folder, seed=11, count=people, say=print)
    try:
        _load(stage)
        _under_fire(stage, random.Random(kills), kills)
        states = _settled(stage)
        print(f"{kills} kills, {sum(states.values())} exchanges: {dict(states)}")
        assert states["completed"] > people // 3
        assert set(states) <= {"completed", "unresolved", "blocked", "in_review"}
        _assert_none_twice(stage)
        for one in stage.both:
            assert one.command("audit", "verify")["intact"]
    finally:
        stage.close()


def _load(stage: Stage) -> None:
    feed = stage.feed_of(OLD)
    stage.old.command("load", "enrollments", str(feed / "enrollments.csv"))
    stage.old.command("load", "fhir", str(feed / "fhir"))
    stage.new.command("load", "enrollments", str(stage.feed_of(NEW) / "enrollments.csv"))


def _under_fire(stage: Stage, chance: random.Random, kills: int) -> None:
    """Kill one process after another at random moments, and start it again as its supervisor would."""
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.5))
        victim, name = chance.choice(stage.both), chance.choice(PROCESSES)
        victim.kill(name)
        if name == "database":
            time.sleep(chance.uniform(0, 0.5))
        victim.start(name.partition("-")[0])


def _settled(stage: Stage) -> Counter[str]:
    end = time.monotonic() + 900
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
