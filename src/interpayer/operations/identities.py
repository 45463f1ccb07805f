"""Files of members and of queries: loaded and matched by a named person, on the ledger as one event each."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.bulk import load as bulk_load
from interpayer.identity.bulk import match as bulk_match
from interpayer.identity.bulk.lanes import Floor
from interpayer.identity.bulk.load import LoadReport, Order
from interpayer.identity.bulk.match import MatchReport, Questions
from interpayer.model.event import Event
from interpayer.operations import store
from interpayer.system.clock import now
from interpayer.system.ids import new_id

# Who acts in an installation that nobody was added to yet: whoever owns its home and keys.
OWNER = Actor("process", "owner of the installation")
Progress = Callable[[int], None]


def load_members(
    tools: Tools, floor: Floor, order: Order, *, actor: Actor, progress: Progress | None = None
) -> tuple[str, LoadReport]:
    """Load members.csv; the load's id and what became of the rows. Loading it again changes nothing."""
    load_id = new_id("l")
    report = bulk_load.load_members(floor, order, progress=progress)
    with tools.database.transaction() as conn:
        store.keep_load(conn, load_id, kind="identity", at=now(), by=actor.id, counts=report.counts())
        tools.ledger.append(
            conn,
            Event(
                *("members.loaded", f"load:{load_id}", actor.type, actor.id),
                outcome="partial" if report.refused else "ok",
                facts={"load": load_id, **report.counts()},
            ),
        )
    return load_id, report


def match_queries(
    tools: Tools, floor: Floor, questions: Questions, *, actor: Actor, tell: Callable[[bytes], None]
) -> MatchReport:
    """Match queries.csv; `tell` gets the answers as NDJSON in order. Every decision leaves its evidence."""
    with tools.database.transaction() as conn:
        tables = tools.resolver.tables_at(conn)
    answers = sha256()

    def counted(lines: bytes) -> None:
        answers.update(lines)
        tell(lines)

    report = bulk_match.match_queries(floor, replace(questions, tables=tables), tell=counted)
    with tools.database.transaction() as conn:
        tools.ledger.append(
            conn,
            Event(
                *("queries.matched", f"run:{report.run_id}", actor.type, actor.id),
                facts={
                    "run": report.run_id,
                    "queries": report.queries,
                    "resumed": report.resumed,
                    "crowded": report.crowded,
                    "states": dict(report.states),
                    "purpose": questions.purpose,
                    "rule_version": tables.rules.version,
                    "model_version": tables.model.version,
                    "threshold_version": tables.thresholds.version,
                    # the answers with their evidence ids: whoever has the file can show that it is this one
                    "answers_sha256": answers.hexdigest(),
                },
            ),
        )
    return report
