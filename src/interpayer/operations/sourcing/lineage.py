"""Where a record of ours came from, down to the column: its source is read again and its mapping replayed.

The replay is held against the bytes that are stored: only where it writes them again is the explanation a proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from interpayer.adapters import store as sources_store
from interpayer.adapters.base import Found
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.store import Stamped
from interpayer.exchange.sources.rules import MappingRules, rules_of
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.normalization.mapping.keeping import from_kept_form
from interpayer.normalization.mapping.lineage import Explained, explain, replay
from interpayer.records.store import read_record

REPRODUCED = "reproduced"
REPRODUCED_BY_FORMER = "reproduced by the version of then; the mapping has changed since"
AS_IT_WAS = "taken as it was"
NOT_THERE = "the source has it no longer"
OTHER_MAPPING = "the mapping has changed since, and that version was not kept"
DIFFERS = "the source says something else now"
UNDECLARED = "the source is not declared any more"


@dataclass(frozen=True, slots=True)
class RecordLineage:
    """One source's part in a record: its stamp, whether the replay wrote the stored bytes, and why not otherwise."""

    stamp: Stamped
    outcome: str
    fields: tuple[Explained, ...] = ()


def explain_record(tools: Tools, record_id: str, *, field: str = "") -> list[RecordLineage]:
    """What each source said, field by field; without values beyond what `Explained` holds.

    Raises Refusal(request.not_found), and what reading a source raises.
    """
    with tools.database.transaction() as conn:
        record = read_record(conn, tools.codec, record_id)
        stamps = sources_store.stamps_of(conn, [record_id])
        standings = {stamp.source: sources_store.standing(conn, stamp.source) for stamp in stamps}
    if record is None:
        raise Refusal("request.not_found", "there is no record of this id")
    found = []
    for stamp in stamps:
        standing = standings[stamp.source]
        if standing is None or not stamp.mapping:
            found.append(RecordLineage(stamp, AS_IT_WAS if standing else UNDECLARED))
        else:
            found.append(_replayed(tools, standing.declaration, stamp, original=record["original"], field=field))
    return found


def _replayed(tools: Tools, declaration: Declaration, stamp: Stamped, *, original: bytes, field: str) -> RecordLineage:
    record = next(_same(tools, declaration, stamp), None)
    if record is None:
        return RecordLineage(stamp, NOT_THERE)
    known = [one for one in rules_of(declaration)(stamp.entity) if one.name == stamp.mapping]
    if known and isinstance(known[0], MappingRules):
        return _held_against(known[0], record, stamp, original=original, field=field)
    with tools.database.transaction() as conn:
        form = sources_store.mapping_form(conn, stamp.mapping)
    if form is None:
        return RecordLineage(stamp, OTHER_MAPPING)
    then = MappingRules(from_kept_form(form), declaration)
    found = _held_against(then, record, stamp, original=original, field=field)
    return replace(found, outcome=REPRODUCED_BY_FORMER) if found.outcome == REPRODUCED else found


def _held_against(rules: MappingRules, found: Found, stamp: Stamped, *, original: bytes, field: str) -> RecordLineage:
    """The fields of the resource that was stored, and whether the replay writes its bytes."""
    content = found.content or {}
    context = rules.context(found)
    if stamp.stamped_at is not None:
        context = replace(context, received_on=stamp.stamped_at.date().isoformat())
    stored = orjson.loads(original)
    name = f"{stored.get('resourceType', '')}/{stored.get('id', '')}"
    fields = tuple(one for one in explain(rules.compiled, content, context, field=field) if one.resource == name)
    is_same = any(orjson.dumps(one) == original for one in replay(rules.compiled, content, context))
    return RecordLineage(stamp, REPRODUCED if is_same else DIFFERS, fields)


def _same(tools: Tools, declaration: Declaration, stamp: Stamped) -> Iterator[Found]:
    """The record of the source that the stamp means: by its key if it has one, else by its place."""
    for found in tools.workshop.source(declaration).read():
        if found.entity != stamp.entity or found.content is None:
            continue
        is_there = (found.file, found.position) == (stamp.file, stamp.position)
        if found.key == stamp.key if stamp.key else is_there:
            yield found
