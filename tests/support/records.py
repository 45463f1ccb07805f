"""Records for tests: small resources, and the whole way from a resource to what is held."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from interpayer.adapters.fhir_files import parse
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Arrival, Known, canonicalize, outline, targets
from interpayer.records import loading, store
from interpayer.records.codec import Codec
from interpayer.records.loading import SaveReport
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

OURS = "https://ours.example/fhir"
THEIRS = "https://theirs.example/fhir"
VAULT = Vault(b"k" * 32, "test")


def an_arrival(*, source: str = OURS, own: bool = True, at: datetime | None = None, **more: Any) -> Arrival:
    """An own load unless told otherwise."""
    moment = at or datetime(2026, 11, 21, 12, tzinfo=UTC)
    return Arrival(source=source, our_author=OURS, own=own, record_id=VAULT.record_id, available_at=moment, **more)


def raw_of(resource: Mapping[str, Any]) -> bytes:
    """The resource as a line."""
    return json.dumps(resource, separators=(",", ":")).encode()


def an_encounter(number: str = "e1", *, patient: str = "p1", start: str = "2026-01-02", **more: Any) -> dict[str, Any]:
    """An Encounter of a day."""
    return {
        "resourceType": "Encounter",
        "id": number,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": start, "end": start},
        **more,
    }


def make(
    resources: Sequence[Mapping[str, Any]],
    arrival: Arrival,
    members: Mapping[str, str],
    *,
    conn: Connection | None = None,
) -> tuple[list[Record], list[Quarantined]]:
    """The records of these resources; with a connection, aliases and owners are looked up as a load does it."""
    outlines = []
    for resource in resources:
        raw = raw_of(resource)
        parsed = parse(raw)
        assert parsed is not None
        outlines.append(outline(parsed, raw, arrival))
    known = Known(members)
    if conn is not None:
        aliases = store.aliases(conn, arrival.source, {ref for o in outlines for ref in o.references})
        known = Known(members, aliases, store.owners(conn, targets(outlines, arrival, aliases)))
    records: list[Record] = []
    quarantined: list[Quarantined] = []
    for one in outlines:
        made = canonicalize(one, arrival, known)
        if isinstance(made, Quarantined):
            quarantined.append(made)
        else:
            records += made
    return records, quarantined


def load(
    conn: Connection,
    resources: Sequence[Mapping[str, Any]],
    members: Mapping[str, str],
    *,
    arrival: Arrival | None = None,
) -> SaveReport:
    """Load the whole way: aliases, lookups, records, quarantine."""
    codec = Codec(VAULT)
    how = arrival or an_arrival(at=loading.begin_load(conn))
    if not how.own:
        parsed = [(parse(raw_of(resource)), raw_of(resource)) for resource in resources]
        store.save_aliases(conn, how.source, [outline(r, raw, how).alias for r, raw in parsed if r is not None])
    records, quarantined = make(resources, how, members, conn=conn)
    store.quarantine(conn, codec, quarantined)
    return loading.save_records(conn, codec, records)
