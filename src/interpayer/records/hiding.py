"""What goes must not tell of what does not: targets of Provenances that are withheld are taken out."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

import orjson

from interpayer.model.record import Lines
from interpayer.records.codec import plain_of
from interpayer.system.database import Connection

# By member and type.
Blocks: TypeAlias = dict[tuple[str, str], Lines]

_HIDDEN = b"""
select r.member_id, array_agg(t.id) as ids
from records.record r join records.record t on t.id = any(r.refs)
where r.member_id = any(%(member_ids)s::text[]) and r.type = 'Provenance'
    and records.goes(r, %(as_of)s, %(service_from)s) and not records.goes(t, %(as_of)s, %(service_from)s)
group by r.member_id
"""


def hide_targets(
    conn: Connection, blocks: Blocks, parameters: Mapping[str, object], *, hidden: Collection[str] = ()
) -> None:
    """Take targets that do not go out of Provenances; one without any other target does not go either.

    ``hidden``: what is left out beyond what the columns say.
    """
    if not any(kind == "Provenance" for _, kind in blocks):
        return
    gone = {row["member_id"]: {*row["ids"], *hidden} for row in conn.execute(_HIDDEN, parameters)}
    if hidden:
        gone = {member_id: gone.get(member_id, set(hidden)) for member_id, kind in blocks if kind == "Provenance"}
    for member_id, ids in gone.items():
        _hide(blocks, member_id, ids)


def _hide(blocks: Blocks, member_id: str, hidden: Collection[str]) -> None:
    block = blocks.pop((member_id, "Provenance"), None)
    if block is not None:
        shown = [line for raw in plain_of(block).splitlines() if (line := _without(raw, hidden))]
        if shown:
            plain = b"\n".join([*shown, b""])
            blocks[member_id, "Provenance"] = Lines("Provenance", block.member_ids, plain, len(shown))


def _without(line: bytes, hidden: Collection[str]) -> bytes | None:
    resource = orjson.loads(line)
    kept = [t for t in resource["target"] if str(t.get("reference")).rpartition("/")[2] not in hidden]
    if len(kept) == len(resource["target"]):
        return line
    return orjson.dumps({**resource, "target": kept}) if kept else None
