"""How the rows of one entity are to be read, from the options of its declaration; unknown options are refused."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from interpayer.model.reason import Refusal

_KEYS = frozenset({
    "file", "delimiter", "quote", "encoding", "header", "names", "short", "extra", "key", "group_by", "grouping",
    "lines", "missing", "join", "query", "member_query",
})  # fmt: skip
_JOIN_KEYS = (_KEYS - {"group_by", "grouping", "lines", "key", "query", "member_query"}) | {"by", "many", "lookup"}
_CHOICES = {
    "names": ("as_is", "upper", "lower"),
    "short": ("refuse", "fill"),
    "extra": ("refuse", "keep"),
    "grouping": ("adjacent", "whole"),
}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How rows are written. `header` holds the names of the columns when the file itself has no first line of them.

    `short`, `extra`: a row with fewer or more fields than columns is refused, or filled, or its surplus kept as `+1`.
    """

    entity: str
    file: str = "*"
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    names: str = "as_is"
    short: str = "refuse"
    extra: str = "refuse"
    missing: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    grouping: str = "adjacent"
    lines: str = "lines"
    query: str = ""
    member_query: str = ""
    joins: tuple["Join", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of another file that belong to a row: `on` (written `by`) pairs a column of the row with one of theirs.

    `many` gives a list under `name`, else one object. Rows of a `lookup` that nobody needs are no orphans.
    """

    name: str
    table: TableSpec
    on: tuple[tuple[str, str], ...]
    is_many: bool = False
    is_lookup: bool = False


def table_spec(entity: str, options: Mapping[str, Any]) -> TableSpec:
    """The spec of an entity. Raises Refusal(request.malformed) with the place."""
    place = f"entities.{entity}"
    _known(options, _KEYS, place)
    spec = replace(
        _layout(entity, options, place),
        key=_columns(options, "key", place),
        group_by=_columns(options, "group_by", place),
        grouping=_choice(options, "grouping", place),
        lines=str(options.get("lines", "lines")),
        query=str(options.get("query", "")),
        member_query=str(options.get("member_query", "")),
    )
    return spec if spec.key else replace(spec, key=spec.group_by)


def _layout(entity: str, options: Mapping[str, Any], place: str) -> TableSpec:
    delimiter, quote = str(options.get("delimiter", ",")), options.get("quote")
    # Pipe files quote nothing; a quote in them is a letter like any other.
    quote = ("" if delimiter == "|" else '"') if quote is None else quote
    encoding = str(options.get("encoding", "utf-8"))
    if len(delimiter.encode()) != 1 or delimiter in "\r\n":
        _refuse(f"{place}.delimiter", "must be one character")
    if quote not in ("", '"', "'"):
        _refuse(f"{place}.quote", "must be \" or ', or empty where nothing is quoted")
    try:
        codecs.lookup(encoding)
    except LookupError:
        _refuse(f"{place}.encoding", "is unknown: utf-8, latin-1, cp1252, utf-16 are usual")
    joins = options.get("join", {})
    if not isinstance(joins, Mapping):
        _refuse(f"{place}.join", "must map names to joins")
    return TableSpec(
        entity=entity,
        file=str(options.get("file", "*")),
        delimiter=delimiter,
        quote=str(quote),
        encoding=encoding,
        header=_columns(options, "header", place),
        names=_choice(options, "names", place),
        short=_choice(options, "short", place),
        extra=_choice(options, "extra", place),
        missing=_columns(options, "missing", place),
        joins=tuple(_join(entity, str(name), one, f"{place}.join.{name}") for name, one in joins.items()),
    )


def _join(entity: str, name: str, options: Any, place: str) -> Join:
    if not isinstance(options, Mapping):
        _refuse(place, "must be keys and values")
    _known(options, _JOIN_KEYS, place)
    by = options.get("by")
    pairs = tuple((str(a), str(b)) for a, b in by.items()) if isinstance(by, Mapping) else ()
    if not isinstance(by, Mapping):
        pairs = tuple((column, column) for column in _columns(options, "by", place))
    if not pairs:
        _refuse(f"{place}.by", "must name the columns: [A, B], or {ours: theirs}")
    if "file" not in options:
        _refuse(f"{place}.file", "is required: the file whose rows are joined")
    table = _layout(f"{entity}.{name}", options, place)
    return Join(name, table, pairs, is_many=bool(options.get("many")), is_lookup=bool(options.get("lookup")))


def _columns(options: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = options.get(key, ())
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(one, str | int) for one in values):
        _refuse(f"{place}.{key}", "must be a name or a list of names")
    return tuple(map(str, values))


def _choice(options: Mapping[str, Any], key: str, place: str) -> str:
    value = options.get(key, _CHOICES[key][0])
    if value not in _CHOICES[key]:
        _refuse(f"{place}.{key}", f"must be one of {', '.join(_CHOICES[key])}")
    return str(value)


def _known(options: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    strange = sorted(str(key) for key in options if key not in known)
    if strange:
        _refuse(place, f"`{strange[0]}` is unknown; known are {', '.join(sorted(known))}")


def _refuse(place: str, what: str) -> NoReturn:
    raise Refusal("request.malformed", f"`{place}`: {what}")
