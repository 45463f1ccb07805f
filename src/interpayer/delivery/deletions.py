"""What a partner is told to delete: transaction Bundles, which the manifest lists as `deleted` (Bulk Data 2.0, 4.3)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from interpayer.model.record import Lines

# Entries in one Bundle: a line stays small enough to be read at once.
MOST = 500


def deletion_lines(gone: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[Lines]:
    """The lines of each member of whom (type, id) no longer stand."""
    for member_id, records in gone.items():
        bundles = [_bundle(records[start : start + MOST]) for start in range(0, len(records), MOST)]
        plain = b"".join(orjson.dumps(bundle) + b"\n" for bundle in bundles)
        if bundles:
            yield Lines("Bundle", (member_id,), plain, len(bundles))


def read_deletions(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The (type, id) that a partner's lines tell us to delete; anything else in them is passed over."""
    for entry in _entries(lines):
        request = entry.get("request")
        if isinstance(request, dict) and request.get("method") == "DELETE":
            kind, slash, local_id = str(request.get("url")).rpartition("/")
            if slash:
                yield kind.rpartition("/")[2], local_id


def _entries(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            bundle = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        entries = bundle.get("entry") if isinstance(bundle, dict) else None
        yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


def _bundle(records: Sequence[tuple[str, str]]) -> dict[str, Any]:
    requests = [{"request": {"method": "DELETE", "url": f"{kind}/{record_id}"}} for kind, record_id in records]
    return {"resourceType": "Bundle", "type": "transaction", "entry": requests}
