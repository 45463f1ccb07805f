"""Exchanges per second end to end between two payers on this machine, against keeping the same requests only.

    python -m bench.exchanges --members 100 400
    python -m bench.exchanges --members 1000 10000 100000 --asked 300

With --asked the new plan asks for so many people only, whatever both plans hold: how an exchange grows with the plan.
Both payers, their databases and this script share the machine. The ratio says what everything after acceptance costs:
identity, consent, policy, route, match, export, download, ingest and both ledgers.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from interpayer.model.exchange import FINAL, State
from interpayer.simulation.installation import Installation
from interpayer.simulation.stage import NEW, OLD, Stage, build_stage

SETTLED = FINAL | {State.UNRESOLVED, State.BLOCKED, State.INCOMPLETE, State.IN_REVIEW, State.ESCALATED}
UNDER_WAY = [state.value for state in State if state not in SETTLED]


def main() -> None:
    """Measure for each size and print the table, or JSON lines."""
    options = argparse.ArgumentParser(prog="python -m bench.exchanges", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--members", type=int, nargs="+", default=[100, 400])
    options.add_argument("--asked", type=int, help="rows of the new plan's feed that are loaded; default: all")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    rows = [measure(members, chosen.asked) for members in chosen.members]
    if chosen.json:
        sys.stdout.write("".join(json.dumps(row) + "\n" for row in rows))
        return
    sys.stdout.write(f"{'people':>8} {'asked':>7} {'kept/s':>8} {'done/s':>8} {'ratio':>7}  outcomes\n")
    for row in rows:
        sys.stdout.write(
            f"{row['people']:>8} {row['asked']:>7} {row['kept_per_s']:>8} {row['done_per_s']:>8} {row['ratio']:>7}"
            f"  {row['outcomes']}\n"
        )


def measure(people: int, asked: int | None = None) -> dict[str, Any]:
    """One size: keep all requests with the worker stopped, then start it and wait for the last outcome."""
    with tempfile.TemporaryDirectory(prefix="interpayer-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        stage = build_stage(folder / "stage", seed=5, count=people, say=lambda _text: None)
        try:
            return _measured(stage, people, asked or people)
        finally:
            stage.close()


def _measured(stage: Stage, people: int, asked: int) -> dict[str, Any]:
    stage.old.command("load", "enrollments", str(stage.feed_of(OLD) / "enrollments.csv"))
    stage.old.command("load", "fhir", str(stage.feed_of(OLD) / "fhir"))
    kept_per_s = _kept_per_s(stage.new, min(people, asked))
    stage.new.kill("worker-1")
    stage.new.command("load", "enrollments", str(_shortened(stage.feed_of(NEW) / "enrollments.csv", asked)))
    began = time.monotonic()
    stage.new.start("worker")
    outcomes = _outcomes(stage.new)
    done_per_s = sum(outcomes.values()) / (time.monotonic() - began)
    return {
        "people": people,
        "asked": sum(outcomes.values()),
        "kept_per_s": round(kept_per_s, 1),
        "done_per_s": round(done_per_s, 1),
        "ratio": round(done_per_s / kept_per_s, 3),
        "outcomes": dict(outcomes),
    }


def _shortened(feed: Path, rows: int) -> Path:
    """The feed with its header and so many rows."""
    short = feed.with_name("asked.csv")
    with feed.open("rb") as whole, short.open("wb") as file:
        file.writelines(islice(whole, rows + 1))
    return short


def _kept_per_s(one: Installation, count: int) -> float:
    """How fast requests are kept that go no further, because they lack what must be supplied."""
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda n: one.api("POST", "/exchanges", {"partner": OLD, "member": {}}, key=f"k{n}"), range(count)
        )
        statuses = Counter(status for status, _ in answers)
    if set(statuses) != {202}:
        raise SystemExit(f"requests were not kept: {dict(statuses)}")
    return count / (time.monotonic() - began)


def _outcomes(one: Installation) -> Counter[str]:
    """The outcomes of the exchanges that follow from the feed, once the last one is settled."""
    quiet = 0
    while quiet < 2:
        busy = any(one.api("GET", f"/exchanges?state={state}&limit=1")[1]["exchanges"] for state in UNDER_WAY)
        quiet = 0 if busy else quiet + 1
        time.sleep(0.5)
    return Counter(e["state"] for e in one.exchanges() if e["state"] != "incomplete")


if __name__ == "__main__":
    main()
