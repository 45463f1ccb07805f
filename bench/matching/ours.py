"""Our resolver through its public doors: `interpayer identity load`, `identity match`, nothing else is touched."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.matching.answers import Answer, Population, Race

_MIB = 1 << 20


def run(population: Population, home: Path) -> Race:
    """Loads the members into a home of their own and asks all queries at once.

    What a command takes to bring up the database and its processes is measured by asking a single query, and told
    apart from the matching.
    """
    load_s, load_mib = command(home, "load", str(population.members))
    single = home.parent / "single.csv"
    with population.queries.open(encoding="utf-8") as lines:
        single.write_text("".join(islice(lines, 2)), encoding="utf-8")
    start_s, _ = command(home, "match", str(single))
    output = home.parent / f"{population.name}.ndjson"
    match_s, match_mib = command(home, "match", str(population.queries), "--format", "ndjson", output=output)
    seconds = {"index": load_s, "start": start_s, "match": max(match_s - start_s, 0.001)}
    return Race("Interpayer", dict(read(output)), seconds, max(load_mib, match_mib))


def read(path: Path) -> Iterator[tuple[str, Answer]]:
    """The answers of one run, by query."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            score = float(one["score"] or 0)
            yield one["query_id"], Answer(one["state"], one["member_key"] or "", score, one["reason"] or "")


def command(home: Path, *arguments: str, output: Path | None = None) -> tuple[float, float]:
    """Runs `interpayer identity ...`; seconds and the most memory that it and its children held."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    environment = {**os.environ, "INTERPAYER_HOME": str(home)}
    start = time.perf_counter()
    with (output or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "interpayer", "identity", *arguments], stdout=out, env=environment
        )
        watch = _Watch(process.pid)
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        watch.ended.set()
        watch.join()
    if code not in {0, 3, 6}:  # 3 and 6: some need a person, which is an answer
        raise SystemExit(f"interpayer identity {arguments[0]} ended with {code}")
    return seconds, watch.peak / _MIB


class _Watch(threading.Thread):
    """Looks now and then at the memory of a process and of all that it started."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak, self.ended, self._pid = 0, threading.Event(), pid

    def run(self) -> None:
        while not self.ended.wait(1.5):
            self.peak = max(self.peak, sum(_held(pid) for pid in _family(self._pid)))


def _family(root: int) -> set[int]:
    """The process, its children, theirs; and servers that it started as daemons, by their home."""
    parents: dict[int, int] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _held(pid: int) -> int:
    """Bytes of a process, memory that several share counted once among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
