"""Beside each record that is made of several: a Provenance that says of which of our sources it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from interpayer.adapters.store import declared
from interpayer.delivery.provenance import Payer, assembler_provenance, source_form
from interpayer.exchange.tools import Tools
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Arrival, Known, canonicalize, outline
from interpayer.records.loading import save_records
from interpayer.records.removals import withdraw
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Assembled:
    """A record that goes out, and the (source, role) of each that it is made of."""

    record_id: str
    type: str
    member_id: str
    sources: Sequence[tuple[str, str]]


def tell_assembled(
    tools: Tools, conn: Connection, made: Sequence[Assembled], parted: Sequence[str], *, at: datetime
) -> None:
    """Keep a Provenance for each record that was made of several; those of records that were parted go no more."""
    if made:
        kinds = {one.name: one.kind for one in declared(conn)}
        save_records(conn, tools.codec, [record for one in made for record in _records(tools, one, kinds, at=at)])
    withdraw(conn, [_record_id(tools, record_id) for record_id in parted], at=at)


def _records(tools: Tools, one: Assembled, kinds: Mapping[str, str], *, at: datetime) -> list[Record]:
    # a Patient goes out under the member's id
    payer, shown = Payer(tools.entity.identifier, tools.entity.name), one.member_id
    target = f"{one.type}/{shown if one.type == 'Patient' else one.record_id}"
    forms = sorted({source_form(kinds.get(source, "fhir_files"), role) for source, role in one.sources})
    resource = assembler_provenance(_local_id(one.record_id), payer, target, recorded=at, forms=forms)
    ours = tools.fhir_base, tools.fhir_base, True, tools.vault.record_id
    arrival = Arrival(*ours, at, rules=tools.payload_rules, sets=tools.sets)
    place = one.type, one.record_id
    known = Known(
        members={one.record_id: one.member_id, one.member_id: one.member_id},
        aliases={place: one.record_id},
        owners={one.record_id: one.member_id},
    )
    made = canonicalize(outline(resource, orjson.dumps(resource), arrival), arrival, known)
    return [] if isinstance(made, Quarantined) else made


def _record_id(tools: Tools, record_id: str) -> str:
    return tools.vault.record_id(tools.fhir_base.rstrip("/"), "Provenance", _local_id(record_id))


def _local_id(record_id: str) -> str:
    return f"made-of-several-{record_id}"
