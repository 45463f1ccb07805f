"""Terminology as loaded, by release. What was loaded last counts where no version is asked. The caller commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from interpayer.system.database import Connection, sql
from interpayer.terminology.content import CodeSystem, Concept, ConceptMap, Content, Inclusion, ValueSet
from interpayer.terminology.forms import canonical
from interpayer.terminology.translate import Code, CodeMap

KINDS = {CodeSystem: "code_system", ValueSet: "value_set", ConceptMap: "concept_map"}
# What stands where, by kind: the table, its columns, and the rows of the content.
_CONCEPT = ("code", "display", "valid_from", "valid_to", "is_active")
_INCLUSION = ("system", "code", "value_set", "rule", "is_excluded")
_TARGET = ("from_system", "from_code", "to_system", "to_code", "equivalence", "to_display")


@dataclass(frozen=True, slots=True)
class Release:
    """One loaded version of one list."""

    kind: str
    url: str
    version: str
    name: str
    entries: int
    is_complete: bool
    loaded_at: datetime
    loaded_by: str


@dataclass(frozen=True, slots=True)
class Found:
    """A code that a loaded system has, and the version that has it."""

    code: Code
    concept: Concept
    version: str


def save(conn: Connection, content: Content, *, by: str) -> str:
    """Keep the content as a release: ``new``, ``same`` (nothing changed), ``changed`` (it replaces what was there)."""
    kind, rows = KINDS[type(content)], _rows(content)
    digest = sha256(orjson.dumps([kind, content.name, _is_complete(content), rows])).hexdigest()
    here = "from terminology.release where kind = %s and url = %s and version = %s"
    key = [kind, content.url, content.version]
    known = conn.execute(f"select digest {here}", key).fetchone()
    if known and known["digest"] == digest:
        return "same"
    conn.execute(f"delete {here}", key)
    made = conn.execute(
        "insert into terminology.release (kind, url, version, name, digest, is_complete, entries, loaded_by) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s) returning release_id",
        [*key, content.name, digest, _is_complete(content), len(rows), by],
    ).fetchone()
    if made is None:
        raise AssertionError("an insert gives its row")
    _copy(conn, kind, int(made["release_id"]), rows)
    return "changed" if known else "new"


def _is_complete(content: Content) -> bool:
    return not isinstance(content, CodeSystem) or content.is_complete


def _rows(content: Content) -> list[list[Any]]:
    if isinstance(content, CodeSystem):
        return [[c.code, c.display, c.valid_from, c.valid_to, c.is_active] for c in content.concepts]
    if isinstance(content, ValueSet):
        return [[i.system, i.code, i.value_set, i.rule, i.is_excluded] for i in content.inclusions]
    return [[t.from_system, t.from_code, t.system, t.code, t.equivalence, t.display] for t in content.targets]


def _copy(conn: Connection, kind: str, release_id: int, rows: Sequence[Sequence[Any]]) -> None:
    table, columns = {
        "code_system": ("concept", _CONCEPT),
        "value_set": ("inclusion", ("position", *_INCLUSION)),
        "concept_map": ("target", ("position", *_TARGET)),
    }[kind]
    statement = f"copy terminology.{table} (release_id, {', '.join(columns)}) from stdin"
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for position, row in enumerate(rows, start=1):
            copy.write_row([release_id, *row] if kind == "code_system" else [release_id, position, *row])


def releases(conn: Connection) -> list[Release]:
    """Everything loaded, by address; the release that counts of several is the last one."""
    found = conn.execute(
        "select kind, url, version, name, entries, is_complete, loaded_at, loaded_by from terminology.release "
        "order by url, kind, release_id"
    ).fetchall()
    return [Release(**row) for row in found]


def knows_system(conn: Connection, system: str) -> bool | None:
    """Whether the codes of this system are loaded in full; None when none are."""
    row = conn.execute(_NEWEST.format("is_complete"), ["code_system", system, None, None]).fetchone()
    return bool(row["is_complete"]) if row else None


# The release that counts: the asked version, else the last one loaded. Parameters: kind, url, version, version.
_NEWEST = (
    "select release_id, version, {} from terminology.release where kind = %s and url = %s "
    "and (%s::text is null or version = %s) order by release_id desc limit 1"
)


def look_up(conn: Connection, code: Code, *, version: str | None = None) -> Found | None:
    """The code as its system has it, however it is spelled here; None when no loaded release has it."""
    spelled = canonical(code)
    tried = list(
        dict.fromkeys([code.code.strip(), *([spelled.code, spelled.code.replace(".", "")] if spelled else [])])
    )
    row = conn.execute(
        sql(
            f"with release as ({_NEWEST.format('is_complete')}) "  # noqa: S608
            "select c.code, c.display, c.valid_from, c.valid_to, c.is_active, release.version "
            "from release join terminology.concept c using (release_id) where c.code = any(%s) "
            "order by array_position(%s, c.code) limit 1"
        ),
        ["code_system", code.system, version, version, tried, tried],
    ).fetchone()
    if row is None:
        return None
    concept = Concept(row["code"], row["display"], row["valid_from"], row["valid_to"], row["is_active"])
    return Found(Code(code.system, spelled.code if spelled else row["code"]), concept, row["version"])


def read_map(conn: Connection, url: str, *, version: str | None = None) -> CodeMap | None:
    """The concept map, ready to translate by; None when it is not loaded."""
    release = conn.execute(_NEWEST.format("name"), ["concept_map", url, version, version]).fetchone()
    if release is None:
        return None
    rows = conn.execute(
        "select from_system, from_code, to_system, to_code, equivalence from terminology.target "
        "where release_id = %s order by position",
        [release["release_id"]],
    ).fetchall()
    return _code_map(url, release["version"], rows)


def maps_between(conn: Connection, from_system: str, to_system: str | None = None) -> list[CodeMap]:
    """Every map, in the release that counts, that speaks of codes of one system, or of what they are in another."""
    rows = conn.execute(
        "select distinct r.url from terminology.target t join terminology.release r using (release_id) "
        "where t.from_system = %s and (%s::text is null or t.to_system = %s) order by r.url",
        [from_system, to_system, to_system],
    ).fetchall()
    return [found for row in rows if (found := read_map(conn, row["url"]))]


def _code_map(url: str, version: str, rows: Sequence[dict[str, Any]]) -> CodeMap:
    """By the one spelling of each code, so that a map written with dots translates codes without."""
    targets: dict[Code, list[tuple[Code, str]]] = {}
    for row in rows:
        code = Code(row["from_system"], row["from_code"])
        found = targets.setdefault(canonical(code) or code, [])
        if row["to_code"] is not None:
            found.append((Code(row["to_system"], row["to_code"]), row["equivalence"]))
    return CodeMap(url, version, {code: tuple(found) for code, found in targets.items()}, canonical)


def inclusions_of(conn: Connection, url: str, *, version: str | None = None) -> tuple[Inclusion, ...] | None:
    """What the value set is made of; None when it is not loaded."""
    release = conn.execute(_NEWEST.format("name"), ["value_set", url, version, version]).fetchone()
    if release is None:
        return None
    rows = conn.execute(
        "select system, code, value_set, rule, is_excluded from terminology.inclusion where release_id = %s "
        "order by position",
        [release["release_id"]],
    ).fetchall()
    return tuple(Inclusion(**row) for row in rows)
