"""Lines of members whose permission leaves something out: elements removed, references to what stays removed."""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import orjson

from interpayer.model.record import Lines
from interpayer.records.codec import plain_of
from interpayer.records.hiding import Blocks

_REFERRED = re.compile(rb'/([A-Za-z0-9.-]{1,64})"')
# Without one of these the resource says nothing any more: it stays as a whole.
_ESSENTIAL = frozenset({"medicationReference", "medication", "subject", "patient", "target"})


class Narrowed(NamedTuple):
    """The lines as they go, and the ids of records that do not go after all."""

    blocks: Blocks
    dropped: frozenset[str]


def narrow(blocks: Blocks, *, fields: Collection[str], hidden: Collection[str]) -> Narrowed:
    """The blocks without these fields (``Type.path``, ``*.path``) and without references to the hidden ids."""
    wanted = [name.partition(".")[::2] for name in sorted(fields)]
    names = {one.encode() for one in hidden}
    found: Blocks = {}
    dropped: set[str] = set()
    for place, block in blocks.items():
        paths = [path.split(".") for kind, path in wanted if path and kind in ("*", block.type)]
        whole = plain_of(block) if paths or names else b""
        if not paths and names.isdisjoint(_REFERRED.findall(whole)):
            found[place] = block
            continue
        lines = [_line(raw, paths, names, dropped=dropped) for raw in whole.splitlines()]
        kept = [line for line in lines if line is not None]
        if kept:
            found[place] = Lines(block.type, block.member_ids, b"\n".join([*kept, b""]), len(kept))
    return Narrowed(found, frozenset(dropped))


def _line(raw: bytes, paths: Iterable[list[str]], hidden: Collection[bytes], *, dropped: set[str]) -> bytes | None:
    points = any(one in hidden for one in _REFERRED.findall(raw))
    # numbers keep their digits
    resource = json.loads(raw, parse_float=orjson.Fragment)
    if points and not _unlinked(resource, {one.decode() for one in hidden}):
        dropped.add(str(resource.get("id")))
        return None
    for path in paths:
        _without(resource, path)
    return orjson.dumps(resource)


def _unlinked(value: Any, hidden: Collection[str]) -> bool:
    """Take references to the hidden out, and what is empty without them; False when an essential one is gone."""
    whole = True
    if isinstance(value, list):
        value[:] = [one for one in value if not _points(one, hidden) and not _rests_on(one, hidden)]
        for one in value:
            whole &= _unlinked(one, hidden)
        value[:] = [one for one in value if one not in ({}, [])]
    elif isinstance(value, dict):
        for name, one in list(value.items()):
            is_gone = _points(one, hidden)
            if not is_gone and isinstance(one, dict | list) and one:
                whole &= _unlinked(one, hidden)
                is_gone = not one
            if is_gone:
                del value[name]
                whole &= name not in _ESSENTIAL
    return whole


def _rests_on(entry: Any, hidden: Collection[str]) -> bool:
    """Whether an entry of a list is about something hidden: a diagnosis that is that Condition. Services stay."""
    return (
        isinstance(entry, dict) and "productOrService" not in entry and any(_points(v, hidden) for v in entry.values())
    )


def _points(value: Any, hidden: Collection[str]) -> bool:
    """Whether this is a reference to something hidden."""
    text = value.get("reference") if isinstance(value, dict) else None
    return isinstance(text, str) and text.rpartition("/")[2] in hidden


def _without(value: Any, path: list[str]) -> None:
    """Remove the element at this path, in every entry of every list; what becomes empty goes too."""
    if isinstance(value, list):
        for one in value:
            _without(one, path)
        value[:] = [one for one in value if one not in ({}, [])]
    elif isinstance(value, dict) and path:
        name, rest = path[0], path[1:]
        if not rest:
            value.pop(name, None)
            # extensions and ids of a primitive lie beside it
            value.pop(f"_{name}", None)
        elif name in value:
            _without(value[name], rest)
            if value[name] in ({}, []):
                del value[name]
