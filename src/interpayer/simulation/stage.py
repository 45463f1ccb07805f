"""Two payers that know the same people, made ready from nothing: processes, partners, members, records."""

import csv
import shutil
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from interpayer.simulation.cast import Cast, demo_cast
from interpayer.simulation.feed import write_plan
from interpayer.simulation.installation import Installation, authority_of, free_ports, introduce
from interpayer.simulation.payers import World
from interpayer.system.clock import now
from interpayer.system.tls import KeyPair

OLD, NEW = "payer-a", "payer-b"
TITLES = {OLD: "Prairie Health Plan", NEW: "Lakeside Health"}
Say = Callable[[str], None]


@dataclass(slots=True)
class Stage:
    """The old plan (responder), the new plan (requester), and the people that both know."""

    old: Installation
    new: Installation
    world: World
    cast: Cast
    folder: Path
    count: int

    @property
    def both(self) -> tuple[Installation, Installation]:
        """Both payers, the old one first."""
        return self.old, self.new

    def close(self) -> None:
        """End all processes."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Installation.stop, self.both))

    def feed_of(self, plan: str) -> Path:
        """The folder with what a plan's own systems hold."""
        return self.folder / "feeds" / plan

    def part_of_feed(self, name: str, member_ids: Collection[str], *, without: bool = False) -> Path:
        """The new plan's enrollment feed, narrowed to these members (or to all others)."""
        whole, part = self.feed_of(NEW) / "enrollments.csv", self.feed_of(NEW) / f"{name}.csv"
        with whole.open(newline="", encoding="utf-8") as source, part.open("w", newline="", encoding="utf-8") as target:
            reader = csv.DictReader(source)
            writer = csv.DictWriter(target, fieldnames=reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(row for row in reader if (row["member_id"] in member_ids) is not without)
        return part


def build_stage(folder: Path, *, seed: int, count: int, say: Say) -> Stage:
    """Two payers on this machine with `count` people, both processes running and introduced to each other."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    world = World(seed, as_of=now().date())
    ports = free_ports(6)
    old = Installation(OLD, TITLES[OLD], folder / OLD, (ports[0], ports[1], ports[2]))
    new = Installation(NEW, TITLES[NEW], folder / NEW, (ports[3], ports[4], ports[5]))
    stage = Stage(old, new, world, demo_cast(world, count), folder, count)
    authority = authority_of(folder / "authority")
    try:
        say("database, schema, doors and worker for each payer")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda one: open_payer(one, authority), stage.both))
            say("each registers the other: keys, organization, endpoint, scopes")
            list(pool.map(introduce, stage.both, (new, old)))
        say(f"{count} people, known to both plans under different ids, spellings and addresses")
        for plan in (OLD, NEW):
            write_plan(stage.feed_of(plan), world, plan=plan, count=count)
    except BaseException:
        stage.close()
        raise
    return stage


def open_payer(one: Installation, authority: KeyPair) -> None:
    """Everything that a payer needs before its first partner: certificates, database, administrator, processes."""
    one.prepare(authority)
    one.start("database")
    one.command("db", "migrate")
    # one person with every role, so that the demo needs one token; a real plan gives them to several
    roles = [word for role in ("admin", "operator", "steward", "analyst") for word in ("--role", role)]
    one.token = one.command("access", "add", "demo", *roles)["token"]
    one.start("doors", "worker")
