"""What goes must not tell of what does not: targets of Provenances that are withheld are taken out."""

from collections.abc import Mapping
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


def hide_targets(conn: Connection, blocks: Blocks, parameters: Mapping[str, object]) -> None:
    """Take targets that do not go out of Provenances; one without any other target does not go either."""
    if not any(kind == "Provenance" for _, kind in blocks):
        return
    for row in conn.execute(_HIDDEN, parameters):
        block = blocks.pop((row["member_id"], "Provenance"), None)
        if block is None:
            continue
        hidden = set(row["ids"])
        shown = [line for raw in plain_of(block).splitlines() if (line := _without(raw, hidden))]
        if shown:
            plain = b"\n".join([*shown, b""])
            blocks[row["member_id"], "Provenance"] = Lines("Provenance", block.member_ids, plain, len(shown))


def _without(line: bytes, hidden: set[str]) -> bytes | None:
    resource = orjson.loads(line)
    kept = [t for t in resource["target"] if str(t.get("reference")).rpartition("/")[2] not in hidden]
    if len(kept) == len(resource["target"]):
        return line
    return orjson.dumps({**resource, "target": kept}) if kept else None
