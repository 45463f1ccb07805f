"""`identity match`: a file of queries against the index, set-based, through the same decision as one query."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from interpayer.identity.bulk import store
from interpayer.identity.bulk.columns import REQUIRED_OF_QUERY, read_query
from interpayer.identity.bulk.files import Cells, as_row, check_columns, digest_of, open_table, pieces_of
from interpayer.identity.bulk.lanes import Floor, open_lanes
from interpayer.identity.index.candidates import Engine
from interpayer.identity.index.duckdb_engine import DuckDbEngine
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import state
from interpayer.identity.resolve import Decided, Resolver, Tables, default_tables
from interpayer.identity.store import save_new_evidence
from interpayer.model.reason import Refusal
from interpayer.system.database import Database
from interpayer.system.ids import new_id

# So many are looked up in one sweep of the index, kept and told at once. Half as many cost a twentieth more among
# 100,000 members, and more among more of them.
CHUNK = 8_000

Progress = Callable[[int], None]
# Makes the engine of a process, where another than PostgreSQL is wanted.
EngineMaker = Callable[[Floor], Engine]


@dataclass(frozen=True, slots=True)
class Questions:
    """What to match: the file, whose members are meant, for which purpose and partner, and who asks."""

    path: Path
    payer: str
    by: str
    purpose: str = ""
    partner: str | None = None
    tables: Tables = field(default_factory=default_tables)
    engine: EngineMaker | None = None
    lanes: int | None = None
    chunk: int = CHUNK


@dataclass(slots=True)
class MatchReport:
    """What a run did: how many queries, how many of each state, how many were answered by a run that was cut off, and
    how many had a key that too many people share to look at.
    """

    run_id: str
    queries: int = 0
    resumed: int = 0
    crowded: int = 0
    states: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Queries of one chunk; none of them when the chunk is done already."""

    run_id: str
    chunk: int
    header: Cells
    rows: list[Cells]


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a process keeps between its pieces."""

    database: Database
    keys: IndexKeys
    resolver: Resolver
    questions: Questions


_LANE: list[_Lane] = []


def match_queries(floor: Floor, questions: Questions, *, tell: Callable[[bytes], None]) -> MatchReport:
    """Match every query of the file; `tell` gets NDJSON, many lines at once, in the order of the file.

    Each chunk is kept with its evidence as it is done: the same call after a cut goes on where it stopped. `Refusal`
    when the file is none of queries, or when nobody was loaded.
    """
    check_columns(questions.path, REQUIRED_OF_QUERY)
    with floor.connection() as conn:
        known = state(conn)
        if known is None:
            raise Refusal("request.wrong_state", "no members are loaded; interpayer identity load does it")
        versions = (questions.tables.rules.version, questions.tables.model.version, questions.tables.thresholds.version)
        digest = digest_of(
            *(questions.path, *versions, questions.payer, questions.purpose, questions.partner or ""),
            f"{known['form']} {known['revision']} {questions.chunk}",
        )
        run_id, done = store.begin_run(conn, new_id("j"), digest=digest, by=questions.by)
        report = MatchReport(run_id)
        for part in _answers(floor, questions, run_id, done):
            number = part.states.total()
            report.queries += number
            report.states.update(part.states)
            report.resumed += number if part.again else 0
            report.crowded += part.crowded
            tell(part.lines)
        with conn.transaction():
            store.end_run(conn, run_id, report.queries)
    return report


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers of one chunk; `again` when a run before had them already."""

    lines: bytes
    states: Counter[str]
    crowded: int = 0
    again: bool = False


def open_duckdb(path: Path, _: Floor) -> Engine:
    """The engine of a process over a snapshot of the keys."""
    return DuckDbEngine(path)


def _answers(floor: Floor, questions: Questions, run_id: str, done: set[int]) -> Iterator[_Answers]:
    with questions.path.open(newline="", encoding="utf-8-sig") as file, ExitStack() as ends:
        header, rows = open_table(file, REQUIRED_OF_QUERY)
        lanes = ends.enter_context(open_lanes(questions.lanes, _begin, floor, questions))
        pieces = (
            (chunk, _Piece(run_id, chunk, header, [] if chunk in done else cells))
            for chunk, cells in enumerate(pieces_of(rows, questions.chunk))
        )
        yield from lanes.run(_match, pieces)


def _begin(floor: Floor, questions: Questions) -> None:
    engine = questions.engine(floor) if questions.engine else None
    resolver = Resolver(floor.vault, questions.tables, engine=engine)
    _LANE[:] = [_Lane(floor.database(), IndexKeys(floor.vault), resolver, questions)]


def _match(piece: _Piece) -> _Answers:
    lane = _LANE[0]
    owner = f"{piece.run_id}.{piece.chunk}"
    with lane.database.transaction() as conn:
        if not piece.rows:
            lines = lane.keys.unseal(store.kept_answers(conn, piece.run_id, piece.chunk), owner)
            states = Counter(orjson.loads(line)["state"] for line in lines.splitlines())
            return _Answers(lines, states, again=True)
        rows = [as_row(piece.header, cells, is_query=True) for cells in piece.rows]
        queries = [read_query(row, payer=lane.questions.payer) for row in rows]
        decided = lane.resolver.decide_many(
            conn, queries, partner=lane.questions.partner, purpose=lane.questions.purpose
        )
        save_new_evidence(conn, [one.match for one in decided])
        lines = b"".join([_line(row["query_id"], one) for row, one in zip(rows, decided, strict=True)])
        store.keep_answers(conn, piece.run_id, piece.chunk, lane.keys.seal(lines, owner))
    states = Counter(one.match.disposition.value for one in decided)
    return _Answers(lines, states, crowded=sum(one.skipped > 0 for one in decided))


def _line(query_id: str, decided: Decided) -> bytes:
    """One answer: `member_key` is the plan's own key where a load named one, else our member id."""
    match = decided.match
    answer = {
        "query_id": query_id,
        "state": match.disposition.value,
        "member_key": decided.own_key or match.member_id,
        "score": match.score,
        "reason": match.reason,
        "rule": match.rule,
        "missing": list(match.missing),
        "evidence_id": match.evidence_id,
    }
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)
