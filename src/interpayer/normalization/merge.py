"""Who a record is: its author and the author's own id, carried through every relay in ``meta.source``.

Form: ``<author>/<Type>/<original id>#<the author's version time>``, author being the FHIR base (or a URN) of the payer
or system that made the record. Business identifiers are deliberately no identity: several Coverages share one member
number and several Observations one accession number, and joining them would lose records.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from interpayer.normalization.references import Resource

_SOURCE = re.compile(
    r"^(?P<author>[a-z][a-z0-9+.-]*:\S+?)/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:#(?P<version>\S*))?$"
)
_FHIR_ID = re.compile(r"^[A-Za-z0-9.-]{1,64}$")
# A quotation mark inside a JSON text is escaped, so this finds elements only.
_TARGET = re.compile(rb'("reference":"[A-Z][A-Za-z]+)/[A-Za-z0-9.-]+"')
# Set anew by every holder: no part of what the record says.
_HOLDER_META = frozenset({"lastUpdated", "versionId", "source"})


@dataclass(frozen=True, slots=True)
class Identity:
    """The author, the author's id, and when the author last changed the record (None: nobody said)."""

    author: str
    original_id: str
    updated_at: datetime | None


def identity_of(resource: Mapping[str, Any], *, sender: str, trusts_source: bool) -> Identity:
    """Who the resource is: by its ``meta.source`` if that has our form, else the sender's namespace and its id."""
    raw_meta = resource.get("meta")
    meta = raw_meta if isinstance(raw_meta, dict) else {}
    updated_at = read_instant(meta.get("lastUpdated"))
    source = meta.get("source")
    found = _SOURCE.match(source) if trusts_source and isinstance(source, str) else None
    if found and found["type"] == resource.get("resourceType"):
        return Identity(found["author"], found["id"], read_instant(found["version"]) or updated_at)
    return Identity(sender.rstrip("/"), local_id_of(resource), updated_at)


def local_id_of(resource: Mapping[str, Any]) -> str:
    """The sender's id; a resource without a valid one is identified by its content."""
    local_id = resource.get("id")
    if isinstance(local_id, str) and _FHIR_ID.match(local_id):
        return local_id
    if isinstance(local_id, str) and local_id:
        return f"h-{hashlib.sha256(local_id.encode()).hexdigest()[:40]}"
    return f"c-{hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]}"


def fed_id(feed: str, local_id: str) -> str:
    """A source's own id among all our sources' ids: still a FHIR id, the same every time."""
    if not feed:
        return local_id
    joined = f"{feed}.{local_id}"
    return joined if _FHIR_ID.match(joined) else f"f-{hashlib.sha256(joined.encode()).hexdigest()[:40]}"


def source_uri(identity: Identity, resource_type: str) -> str:
    """The ``meta.source`` that carries an identity to the next payer."""
    version = f"#{write_instant(identity.updated_at)}" if identity.updated_at else ""
    return f"{identity.author}/{resource_type}/{identity.original_id}{version}"


def content_digest(resource: Resource) -> str:
    """SHA-256 of what a record says, whoever relays it: without holder's metadata, ids and reference targets."""
    text = orjson.dumps(_essence(resource), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(_TARGET.sub(rb'\1"', text)).hexdigest()


def read_instant(value: object) -> datetime | None:
    """An aware UTC time; None when unreadable or without a zone."""
    if not isinstance(value, str) or len(value) < 20:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def write_instant(moment: datetime) -> str:
    """A FHIR instant in UTC with microseconds, so that what is read again compares equal."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _essence(resource: Resource) -> Resource:
    essence = {key: value for key, value in resource.items() if key not in {"id", "meta"}}
    meta = resource.get("meta")
    if isinstance(meta, dict) and (kept := {k: v for k, v in meta.items() if k not in _HOLDER_META}):
        essence["meta"] = kept
    return essence
