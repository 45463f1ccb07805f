"""The ledger against plain inserts of the same rows, and verification against only reading them; ratios count.

python -m bench.audit [--events 2000] [--rounds 9] [--json]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.evidence import read_export
from interpayer.audit.export import write_export
from interpayer.audit.ledger import Ledger
from interpayer.audit.sealer import seal_once
from interpayer.audit.store import ledger_source
from interpayer.audit.verify import verify
from interpayer.model.event import Event
from interpayer.system.database import Database, connect
from interpayer.system.keys import SigningKey, Vault
from interpayer.system.migrate import migrate
from interpayer.system.postgres import EmbeddedPostgres

ORIGIN, WRITERS, ONE_BY_ONE = "bench.example/ledger", 8, 100
LEDGER = Ledger(Vault(b"k" * 32, "bench"))
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
# The same columns and indexes as the ledger's events, without the chain.
PLAIN = """create table public.plain (id bigint generated always as identity primary key, chain text, at timestamptz
 default now(), header bytea, name text, partner text, member text, exchange text);
create index on public.plain (chain, id); create index on public.plain (member, id);
create index on public.plain (partner, id); create index on public.plain using brin (at);
grant select, insert on public.plain to interpayer_worker; grant usage on schema public to interpayer_worker"""
INSERT = "insert into public.plain (chain, header, name, partner, member, exchange)"
HEADER = b'{"actor":{"id":"plan-b","type":"partner"},"facts":{"count":412},"name":"answer.released","outcome":"ok"}'


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender over all rounds; `ratio` is its time per event over that of what it is measured against."""

    contender: str
    against: str
    per_second: float
    ratio: float


def an_event(chain: str, *, with_body: bool = False) -> Event:
    body = {"name": "Ada Example", "born": "1989-03-14"} if with_body else {}
    given = {"exchange_id": chain, "partner_id": "plan-b", "member_id": "m-1", "policy_version": "v1"}
    return Event("answer.released", chain, "partner", "plan-b", **given, facts={"count": 412}, body=body)


def plain_one(database: Database, chain: str) -> None:
    with database.transaction() as conn:
        conn.execute(f"{INSERT} values (%s, %s, %s, %s, %s, %s)", (chain, HEADER, "n", "plan-b", "m", chain))


def plain_many(database: Database, chains: list[str]) -> None:
    with database.transaction() as conn:
        values = "select chain, %s, 'n', 'plan-b', 'm', chain from unnest(%s::text[]) chain"
        conn.execute(f"{INSERT} {values}", (HEADER, chains))


def append_one(database: Database, chain: str, *, with_body: bool = False) -> None:
    with database.transaction() as conn:
        LEDGER.append(conn, an_event(chain, with_body=with_body))


def append_many(database: Database, chains: list[str], *, with_body: bool = False) -> None:
    with database.transaction() as conn:
        LEDGER.append_many(conn, [an_event(chain, with_body=with_body) for chain in chains])


def timed(work: Callable[[], object], events: int) -> float:
    """Seconds per event."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / events


def by_threads(one: Callable[[Database, str], None], database: Database, tag: str) -> None:
    """Each writer on its own chain."""
    with ThreadPoolExecutor(WRITERS) as threads:
        turns = [f"x-{tag}-{number % WRITERS}" for number in range(ONE_BY_ONE)]
        list(threads.map(lambda chain: one(database, chain), turns))


def appending(database: Database, events: int, tag: str) -> dict[str, float]:
    """Seconds per event of every way to write, in one round."""
    spread = [f"x-{tag}-{number // 3}" for number in range(events)]
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "insert, one by one": (lambda: [plain_one(database, f"x-{tag}") for _ in range(ONE_BY_ONE)], ONE_BY_ONE),
        "append, one chain": (lambda: [append_one(database, f"x-{tag}") for _ in range(ONE_BY_ONE)], ONE_BY_ONE),
        "append, new chains": (lambda: [append_one(database, f"x-{tag}-n{n}") for n in range(ONE_BY_ONE)], ONE_BY_ONE),
        "append with body": (
            lambda: [append_one(database, f"x-{tag}-b", with_body=True) for _ in range(ONE_BY_ONE)],
            ONE_BY_ONE,
        ),
        "insert, 8 writers": (lambda: by_threads(plain_one, database, tag), ONE_BY_ONE),
        "append, 8 writers": (lambda: by_threads(append_one, database, f"{tag}t"), ONE_BY_ONE),
        "insert, set-based": (lambda: plain_many(database, spread), events),
        "append_many": (lambda: append_many(database, spread), events),
        "append_many with bodies": (lambda: append_many(database, spread, with_body=True), events),
    }
    return {name: timed(work, count) for name, (work, count) in ways.items()}


def reading(server: EmbeddedPostgres, folder: Path) -> tuple[int, dict[str, float]]:
    """Seconds per event of reading, verifying and exporting all that was written."""
    with connect(server.url("worker")) as conn:
        start, sealed = time.perf_counter(), 0
        while taken := seal_once(conn, KEY, ORIGIN):
            conn.commit()
            sealed += taken
        seconds = {"seal": (time.perf_counter() - start) / sealed}
    verifier = VerifierKey(ORIGIN, KEY.public_bytes)
    export = folder / "export"
    with connect(server.url("operator"), autocommit=False) as conn:
        works: dict[str, Callable[[], object]] = {
            "read": lambda: sum(1 for _ in ledger_source(conn).entries),
            "verify, database": lambda: _intact(verify(ledger_source(conn), verifier).intact),
            "export": lambda: write_export(conn, export, verifier),
            "verify, export": lambda: _intact(verify(read_export(export), verifier).intact),
        }
        for name, work in works.items():
            seconds[name] = timed(work, sealed)
            conn.rollback()
    return sealed, seconds


def _intact(verdict: bool) -> None:
    if not verdict:
        raise SystemExit("the ledger does not verify")


AGAINST = {
    "append, one chain": "insert, one by one",
    "append, new chains": "insert, one by one",
    "append with body": "insert, one by one",
    "append, 8 writers": "insert, 8 writers",
    "append_many": "insert, one by one",
    "append_many with bodies": "insert, one by one",
    "insert, set-based": "insert, one by one",
    "seal": "read",
    "verify, database": "read",
    "export": "read",
    "verify, export": "read",
}


def prepare(server: EmbeddedPostgres) -> None:
    with connect(server.url("owner"), autocommit=True) as conn:
        migrate(conn)
        for statement in PLAIN.split(";"):
            conn.execute(statement.encode())


def measure(events: int, rounds: int) -> list[Measured]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "home", os.environ.get("INTERPAYER_RUN_AS", "nobody")) as server:
            prepare(server)
            database = Database(server.url("worker"), size=WRITERS)
            appending(database, 200, "warm")
            found = [appending(database, events, f"r{number}") for number in range(rounds)]
            database.close()
            _, read = reading(server, folder)
    results = []
    for contender, against in AGAINST.items():
        series = [one | read for one in found] if contender not in read else [read]
        ratio = statistics.median(one[contender] / one[against] for one in series)
        rate = 1 / statistics.median(one[contender] for one in series)
        results.append(Measured(contender, against, round(rate), round(ratio, 3)))
    return results


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.audit", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--events", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    found = measure(given.events, given.rounds)
    if given.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print("time per event as a multiple of the same work without a ledger (reading: of only reading)")
    for one in found:
        print(f"{one.contender:24} {one.ratio:7.3f} x {one.against:20} {one.per_second:9,.0f} events/s")


if __name__ == "__main__":
    main()
