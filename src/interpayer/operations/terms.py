"""`terms`: what codes mean here: loaded from files, looked up, translated; a load is named on the ledger."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.terminology import store
from interpayer.terminology.content import Content
from interpayer.terminology.forms import LICENSED, canonical
from interpayer.terminology.lists import ListSpec
from interpayer.terminology.loading import Loaded, read_terminology
from interpayer.terminology.membership import holds
from interpayer.terminology.translate import Code, CodeMap, Translation, translate

CHAIN = "terminology"


@dataclass(slots=True)
class TermsReport:
    """What a load did: every list found is new, same, changed or refused with its reason."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is known of a code: ``known``, ``unknown`` (its system is loaded in full and lacks it), ``not loaded``.

    ``spelled`` is the code in the one spelling of its system, "" when it is none of its codes.
    """

    state: str
    original: Code
    spelled: str
    display: str | None = None
    version: str = ""
    is_active: bool | None = None
    holds_on: bool | None = None
    is_in: bool | None = None
    is_licensed: bool = False


def load(
    tools: Tools, path: Path, spec: ListSpec | None, *, actor: Actor, progress: Callable[[int], None] | None = None
) -> TermsReport:
    """Load every list below the path, each in a transaction of its own; the same again changes nothing."""
    report = TermsReport()
    for number, loaded in enumerate(read_terminology(path, spec), start=1):
        _keep(tools, loaded, report, actor)
        if progress is not None:
            progress(number)
    if not report.counts and not report.refused:
        raise Refusal("request.not_found", "no file of terminology was found")
    return report


def _keep(tools: Tools, loaded: Loaded, report: TermsReport, actor: Actor) -> None:
    if loaded.content is None:
        report.counts["refused"] += 1
        report.refused.append({"file": loaded.file, "detail": loaded.problem})
        return
    with tools.database.transaction() as conn:
        outcome = store.save(conn, loaded.content, by=actor.id)
        if outcome != "same":
            tools.ledger.append(conn, _event(loaded.content, outcome, actor))
    report.counts[outcome] += 1
    kind = store.KINDS[type(loaded.content)]
    one = {"kind": kind, "url": loaded.content.url, "version": loaded.content.version, "outcome": outcome}
    report.kept.append({"file": loaded.file, **one})


def _event(content: Content, outcome: str, actor: Actor) -> Event:
    facts = {"kind": store.KINDS[type(content)], "url": content.url, "version": content.version, "outcome": outcome}
    return Event("terminology.loaded", CHAIN, actor.type, actor.id, facts=facts)


def look_up(conn: Connection, code: Code, *, on: date | None = None, within: str | None = None) -> Meaning:
    """What is known of the code; `on` asks for a day of service, `within` for a value set."""
    spelled = canonical(code)
    found = store.look_up(conn, code)
    is_in = _is_in(conn, within, spelled or code) if within else None
    known = Meaning(
        state=_state(conn, code.system, is_found=found is not None),
        original=code,
        spelled=spelled.code if spelled else "",
        is_in=is_in,
        is_licensed=code.system in LICENSED,
    )
    if found is None:
        return known
    concept = found.concept
    return Meaning(
        known.state,
        code,
        found.code.code,
        concept.display,
        found.version,
        is_active=concept.is_active,
        holds_on=concept.holds_on(on or now().date()),
        is_in=is_in,
        is_licensed=known.is_licensed,
    )


def _state(conn: Connection, system: str, *, is_found: bool) -> str:
    if is_found:
        return "known"
    return "unknown" if store.knows_system(conn, system) else "not loaded"


def _is_in(conn: Connection, value_set: str, code: Code) -> bool | None:
    def has_code(asked: Code) -> bool | None:
        if store.look_up(conn, asked) is not None:
            return True
        return False if store.knows_system(conn, asked.system) else None

    return holds(value_set, code, inclusions_of=lambda url: store.inclusions_of(conn, url), has_code=has_code)


def translated(conn: Connection, code: Code, *, to: str | None = None, by: str | None = None) -> list[Translation]:
    """What the named map, or every map between the two systems, says of the code; the original is kept in each.

    Raises Refusal(request.not_found) when there is no such map.
    """
    maps: list[CodeMap] = []
    if by is None:
        maps = store.maps_between(conn, code.system, to)
    elif (named := store.read_map(conn, by)) is not None:
        maps = [named]
    if not maps:
        raise Refusal("request.not_found", by or "no loaded map speaks of codes of this system")
    return [translate(code, found) for found in maps]
