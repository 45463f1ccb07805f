"""How sensitive is what, for whom, and how long is it kept: `classification.toml` says it, doors and logs obey it.

The doors refuse to start with a route that is not in the file; the log keeps no field that is not in it; the
reference page is made from it; tests compare it with every route, table, event and body (decision 0037).
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "classification.toml"
TAKES = "takes"
# What may stand in a log line, a metric, a trace, the header of an event of the ledger.
LOGGED = frozenset({"public", "operational"})
PLAIN_ON_THE_LEDGER = LOGGED | {"confidential", "member"}


class Unclassed(Exception):
    """A route or a name has no class; the message has the line to add."""


class ClassificationInvalid(Exception):
    """The file says something that cannot be; the message names it."""


@dataclass(frozen=True, slots=True)
class RouteClass:
    """The class of one route: of what it shows, for whom, kept how long, and of what a call brings in."""

    shows: str
    audience: str
    retention: str
    takes: str

    def as_extension(self) -> dict[str, str]:
        """The class as it stands in an OpenAPI document."""
        return {"x-sensitivity": self.shows, "x-audience": self.audience, "x-retention": self.retention}


@dataclass(frozen=True, slots=True)
class Classification:
    """The whole file, checked."""

    sensitivities: Mapping[str, str]
    audiences: Mapping[str, str]
    retentions: Mapping[str, str]
    roles: Mapping[str, frozenset[str]]
    routes: Mapping[str, Mapping[str, RouteClass]]
    fields: Mapping[str, str]
    exceptions: Mapping[str, str]
    tables: Mapping[str, str]
    logs: frozenset[str]

    def of_field(self, name: str, *, place: str = "") -> str | None:
        """The class of a name, or of the name at one place (`schema.table.column`); None when it has none."""
        return (_found(self.exceptions, f"{place}.{name}") if place else None) or _found(self.fields, name)

    def of_table(self, table: str) -> str | None:
        """How long the rows of a table (`schema.table`) are kept; None when it has no class."""
        return _found(self.tables, table)


def require_classed(door: str, routes: Iterable[str]) -> None:
    """`Unclassed` unless each of the door's routes (`GET /path`) has its class: then the door does not start."""
    known = classification().routes.get(door, {})
    missing = sorted(set(routes) - set(known))
    if missing:
        lines = "; ".join(f'"{route}" = "<sensitivity> <audience> <retention>"' for route in missing)
        raise Unclassed(f"add to [routes.{door}] of {FILE.name}: {lines}")


@cache
def classification() -> Classification:
    """The file, read and checked once; `ClassificationInvalid` when it contradicts itself."""
    return read_classification(FILE.read_text(encoding="utf-8"))


def read_classification(text: str) -> Classification:
    """The classification of a file's text; `ClassificationInvalid` names what cannot be."""
    raw = tomllib.loads(text)
    named = {kind: raw[kind] for kind in ("sensitivities", "audiences", "retentions")}
    fields = raw.get("fields", {})
    exceptions = dict(fields.pop("exceptions", {}))
    read = Classification(
        **named,
        roles={role: frozenset(levels) for role, levels in raw["roles"].items()},
        routes={
            door: {route: _route_class(route, words, named) for route, words in routes.items()}
            for door, routes in raw["routes"].items()
        },
        fields=_fields(fields, named["sensitivities"]),
        exceptions=exceptions,
        tables=raw["tables"],
        logs=frozenset(raw["logs"]["fields"]),
    )
    _check(read)
    return read


def _route_class(route: str, words: str, named: Mapping[str, Any]) -> RouteClass:
    shows, audience, retention, *more = (*words.split(), "", "", "")[: max(3, len(words.split()))]
    takes = "operational" if not more else more[1] if len(more) == 2 and more[0] == TAKES else ""
    is_known = shows in named["sensitivities"] and audience in named["audiences"] and retention in named["retentions"]
    if not is_known or takes not in named["sensitivities"]:
        raise ClassificationInvalid(f"{route}: {words!r} is no class")
    return RouteClass(shows, audience, retention, takes)


def _fields(lists: Mapping[str, list[str]], sensitivities: Mapping[str, str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for sensitivity, names in lists.items():
        if sensitivity not in sensitivities:
            raise ClassificationInvalid(f"[fields] {sensitivity} is no sensitivity")
        for name in names:
            if name in fields:
                raise ClassificationInvalid(f"{name} is {fields[name]} and {sensitivity}; it can be one")
            fields[name] = sensitivity
    return fields


def _found(named: Mapping[str, str], name: str) -> str | None:
    """What stands for a name itself, else for the first pattern that it fits."""
    fitting = (kind for pattern, kind in named.items() if "*" in pattern and fnmatchcase(name, pattern))
    return named.get(name) or next(fitting, None)


def _check(read: Classification) -> None:
    unknown = {
        "sensitivity": set(read.exceptions.values()).union(*read.roles.values()) - set(read.sensitivities),
        "retention": set(read.tables.values()) - set(read.retentions),
    }
    for kind, words in unknown.items():
        if words:
            raise ClassificationInvalid(f"{', '.join(sorted(words))} is no {kind}")
    for name in sorted(read.logs):
        sensitivity = read.of_field(name, place="log") or "nothing"
        if sensitivity not in LOGGED:
            raise ClassificationInvalid(f"{name} is classed as {sensitivity} and must not be logged")
