"""Training, calibration and adoption of what decides who is meant: by named persons, on the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.learning import adopting, labelling
from interpayer.identity.learning.adopting import MODEL, THRESHOLDS, Adopted
from interpayer.identity.learning.calibration import Budget, Calibration, Labelled, calibrate
from interpayer.identity.learning.files import read_requests, read_truths
from interpayer.identity.learning.labelling import Tally, Truth
from interpayer.identity.learning.thresholds_file import Scope, write_thresholds
from interpayer.identity.learning.training import Lesson, Trained, train
from interpayer.identity.scoring.thresholds import read_thresholds
from interpayer.model.event import JSON, Event
from interpayer.system.database import Connection

CHAIN = "identity"
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the labels proved: the limit with its steps, the file when there is one, and what it would do with them."""

    found: Calibration
    labels: int
    text: str | None = None
    version: str | None = None
    before: Tally | None = None
    after: Tally | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """Where labels come from: two files, or the cases that people decided."""

    payer: str
    queries: Path | None = None
    truth: Path | None = None


def teach(
    tools: Tools, lesson: Lesson, *, requests: Path | None, actor: Actor, progress: Progress = lambda _: None
) -> Trained:
    """Train a model on the members held, and on requests where a file of them is given. It is not yet in force."""
    if requests is not None:
        lesson = replace(lesson, requests=tuple(read_requests(requests, payer=lesson.payer).values()))
    with tools.database.transaction() as conn:
        base = adopting.text_in_force(conn, MODEL)
        trained = train(conn, tools.vault, lesson, base_text=base, rules=tools.resolver.rules, progress=progress)
        facts: dict[str, JSON] = {
            "model_version": trained.version,
            "trainer": trained.learned.trainer,
            "members": trained.held,
            "requests": len(lesson.requests),
            "pairs": {s.key: s.pairs for s in trained.learned.sessions},
        }
        tools.ledger.append(conn, Event(*("identity.trained", CHAIN, actor.type, actor.id), facts=facts))
    return trained


def calibrate_limits(
    tools: Tools,
    labels: Labels,
    budget: Budget,
    *,
    scope: Scope,
    actor: Actor,
    progress: Progress = lambda _: None,
) -> Calibrated:
    """Find the limit that the labels prove for a scope, with the rules and the model in force. Not yet in force."""
    with tools.database.transaction() as conn:
        tables = adopting.tables_in_force(conn)
        truths = _truths(labels)
        if truths is None:
            limits = labelling.limits_of(tables.thresholds, scope)
            partner = scope.name if scope.kind == "partner" else None
            labelled: Sequence[Labelled] = labelling.label_cases(conn, limits, partner=partner)
        else:
            labelled = labelling.label(conn, tools.vault, truths, tables=tables, scope=scope, progress=progress)
        found = calibrate(labelled, budget)
        if found.limit is None:
            return Calibrated(found, len(labelled))
        text = write_thresholds(
            adopting.text_in_force(conn, THRESHOLDS), found, budget, scope=scope, labels=len(labelled)
        )
        new = replace(tables, thresholds=read_thresholds(text))
        before, after = (
            labelling.tally(conn, tools.vault, truths, tables=t, scope=scope) if truths else None for t in (tables, new)
        )
        _calibrated(tools, conn, new.thresholds.version, found=found, scope=scope, actor=actor)
    return Calibrated(found, len(labelled), text, new.thresholds.version, before, after)


def adopt(tools: Tools, conn: Connection, text: str, *, why: str, actor: Actor) -> Adopted:
    """Put a model or thresholds file into force for every process of this installation, within seconds."""
    adopted = adopting.adopt(conn, text, by=actor.id, why=why)
    if adopted.is_new:
        facts: dict[str, JSON] = {"what": adopted.kind, "version": adopted.version, "why": why}
        tools.ledger.append(conn, Event(*("identity.adopted", CHAIN, actor.type, actor.id), facts=facts))
    return adopted


def _truths(labels: Labels) -> list[Truth] | None:
    if labels.queries is None or labels.truth is None:
        return None
    return read_truths(labels.queries, labels.truth, payer=labels.payer)


def _calibrated(
    tools: Tools, conn: Connection, version: str, *, found: Calibration, scope: Scope, actor: Actor
) -> None:
    point = found.point
    facts: dict[str, JSON] = {"threshold_version": version, "for": scope.words, "certain": found.limit}
    if point is not None:
        facts |= {"released": point.released, "wrong": point.wrong, "bound": float(f"{point.bound:.3g}")}
    tools.ledger.append(conn, Event(*("identity.calibrated", CHAIN, actor.type, actor.id), facts=facts))
