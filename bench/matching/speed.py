"""One request at a time against a home that is loaded: decision and evidence, and what writing it down adds."""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.matching.answers import Population, rows
from interpayer.app.build import build
from interpayer.exchange.tools import Tools
from interpayer.identity.bulk.columns import read_query
from interpayer.identity.resolve import Query, Resolver
from interpayer.identity.store import save_evidence
from interpayer.system.database import Database
from interpayer.system.postgres import EmbeddedPostgres
from interpayer.system.settings import read_settings

ASKED, WARM = 3000, 500


@dataclass(slots=True)
class Speed:
    """Milliseconds of one request; the rest is filled in where it was measured."""

    members: int
    p50_ms: float
    p95_ms: float
    written_p50_ms: float
    written_p95_ms: float
    index_s: float = 0.0
    peak_mib: float = 0.0
    batch_per_s: float = 0.0

    def words(self) -> str:
        one = f"one query, {self.members:,} members: p50 {self.p50_ms:.2f} ms, p95 {self.p95_ms:.2f} ms"
        written = (
            f"; with evidence written and committed p50 {self.written_p50_ms:.2f} p95 {self.written_p95_ms:.2f} ms"
        )
        if not self.index_s:
            return one + written
        return (
            f"{one}{written}\n{self.members:,} members: raw load and index {self.index_s:.0f} s, "
            f"memory at most {self.peak_mib:,.0f} MiB, batch {self.batch_per_s:,.0f} decisions/s with evidence"
        )


def measure(home: Path, population: Population, members: int) -> Speed:
    """Asks some thousand of the population's queries, one after another, each in a transaction of its own."""
    with _tools(home) as tools:
        payer = tools.entity.identifier
        asked = [read_query(row, payer=payer) for row in rows(population.queries)[: ASKED + WARM]]
        took = [_ask(tools.database, tools.resolver, query) for query in asked]
    took = took[min(WARM, len(took) // 2) :]
    return Speed(members, *points([plain for plain, _ in took]), *points([written for _, written in took]))


@contextmanager
def _tools(home: Path) -> Iterator[Tools]:
    settings = read_settings({**os.environ, "INTERPAYER_HOME": str(home)})
    with EmbeddedPostgres(settings.home, settings.run_as):
        application = build(settings)
        try:
            yield application.tools("operator")
        finally:
            application.close()


def _ask(database: Database, resolver: Resolver, query: Query) -> tuple[float, float]:
    start = time.perf_counter()
    with database.transaction() as conn:
        match = resolver.resolve(conn, query, purpose="")
        decided = time.perf_counter()
        save_evidence(conn, [match])
    return 1000 * (decided - start), 1000 * (time.perf_counter() - start)


def points(series: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return statistics.median(series), statistics.quantiles(series, n=20)[-1]
