"""A declared SQL database as a source: a query per entity, for all members or for the one who is asked for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interpayer.adapters.base import Asked, Found
from interpayer.adapters.declaration import ENVIRONMENT, Declaration
from interpayer.adapters.tables.spec import TableSpec, table_spec
from interpayer.adapters.tables.store import read_query
from interpayer.model.reason import Refusal

_MEMBER = re.compile(r"(?<![:\w]):member\b")


@dataclass(frozen=True, slots=True)
class TableDatabase:
    """A database that is read whole by `query`, and live, one member at a time, by `member_query`."""

    declaration: Declaration
    specs: tuple[TableSpec, ...]
    address: str

    @property
    def name(self) -> str:
        """The declared name."""
        return self.declaration.name

    def read(self) -> Iterator[Found]:
        """Every record of every entity that has a `query`. Raises Fault as `store.read_query`."""
        for spec in self.specs:
            if spec.query:
                yield from grouped(read_query(self.address, spec.query, {}), spec)

    def read_member(self, asked: Asked) -> Iterator[Found]:
        """The records of one member, by each of the ids that this source knows the member by."""
        system = self.declaration.members.system
        members = dict.fromkeys(value for name, value in asked.ids if not system or name == system)
        first, last = asked.window
        window = {
            "from": first.isoformat() if first else "0001-01-01",
            "to": last.isoformat() if last else "9999-12-31",
        }
        for spec in self.specs:
            for member in members if spec.member_query else ():
                yield from self._member(spec, {"member": member, **window}, asked.until)

    def _member(self, spec: TableSpec, values: Mapping[str, str], until: datetime) -> Iterator[Found]:
        used = {name: value for name, value in values.items() if re.search(rf"(?<![:\w]):{name}\b", spec.member_query)}
        yield from grouped(read_query(self.address, spec.member_query, used, until=until), spec)


def grouped(rows: Iterator[dict[str, Any]], spec: TableSpec) -> Iterator[Found]:
    """Rows as records: adjacent rows with the same `group_by` are one, with all of them as `lines`."""
    group: list[dict[str, Any]] = []
    position = 0
    for row in rows:
        if group and not (spec.group_by and _text(row, spec.group_by) == _text(group[0], spec.group_by)):
            position += 1
            yield _found(group, spec, position)
            group = []
        group.append(row)
    if group:
        yield _found(group, spec, position + 1)


def _found(group: list[dict[str, Any]], spec: TableSpec, position: int) -> Found:
    content = {**group[0], spec.lines: group} if spec.group_by else group[0]
    raw = b"\n".join(orjson.dumps(row) for row in group)
    return Found(spec.entity, content, raw, spec.entity, position, key="-".join(_text(group[0], spec.key)))


def _text(row: Mapping[str, Any], columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(row.get(column, "")) for column in columns)


def open_table_database(declaration: Declaration, environment: Mapping[str, str]) -> TableDatabase:
    """The source of this declaration; the address stands in the environment. Raises Refusal(request.malformed)."""
    named = str(declaration.where["database"])
    variable = named.removeprefix(ENVIRONMENT)
    address = environment.get(variable, "")
    if not named.startswith(ENVIRONMENT) or not address:
        raise Refusal("request.malformed", f"`where.database`: the environment variable {variable} is not set")
    specs = tuple(table_spec(name, rule.options) for name, rule in declaration.entities.items())
    for spec in specs:
        _check(spec)
    return TableDatabase(declaration, specs, address)


def _check(spec: TableSpec) -> None:
    place = f"entities.{spec.entity}"
    if not spec.query and not spec.member_query:
        raise Refusal("request.malformed", f"`{place}`: needs `query` (all), `member_query` (one member), or both")
    if spec.member_query and not _MEMBER.search(spec.member_query):
        raise Refusal("request.malformed", f"`{place}.member_query`: must ask by `:member`")
