"""FHIR R4 from files: NDJSON, Bundles (collection, searchset, transaction) and single resources, gzipped or not."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.files import files_below, read_files

LINE_SUFFIXES = (".ndjson", ".jsonl")
PATTERNS = ("*.ndjson", "*.jsonl", "*.json")
INVALID = "record.invalid"
# Longer than any resource we have seen by far; a longer "line" is no NDJSON.
LONGEST_LINE = 64 * 1024 * 1024
# A Bundle or a single resource is held in memory.
LARGEST_WHOLE = 256 * 1024 * 1024


def read_path(path: Path) -> Iterator[Found]:
    """Every resource of a file or folder; files that are no FHIR by their name are passed over."""
    return read_files(files_below(path, PATTERNS), read_opened)


def read_opened(opened: BinaryIO, file: str) -> Iterator[Found]:
    """The resources of one opened file: NDJSON by its name, else one Bundle or resource."""
    is_lines = file.lower().removesuffix(".gz").endswith(LINE_SUFFIXES)
    return read_lines(_lines(opened), file) if is_lines else _read_whole(opened, file)


def read_lines(lines: Iterable[bytes], file: str) -> Iterator[Found]:
    """The resources of NDJSON lines; blank lines count as positions only."""
    for position, line in enumerate(lines, start=1):
        raw = line.strip()
        if raw:
            yield from _unfold(parse(raw), raw, file, position)


def parse(raw: bytes) -> dict[str, Any] | None:
    """The resource in these bytes, decimals with their digits; None when it is none or could not be written again."""
    try:
        parsed = json.loads(raw, parse_float=orjson.Fragment, parse_constant=_refuse)
        orjson.dumps(parsed)
    except (ValueError, TypeError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and isinstance(parsed.get("resourceType"), str) else None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _read_whole(opened: BinaryIO, file: str) -> Iterator[Found]:
    raw = opened.read(LARGEST_WHOLE + 1).removeprefix(b"\xef\xbb\xbf").strip()
    if len(raw) > LARGEST_WHOLE:
        detail = "is larger than is read as one piece: send it as NDJSON"
        yield Found("", None, b"", file, 1, problem="source.invalid", detail=detail)
        return
    yield from _unfold(parse(raw), raw, file, 1)


def _unfold(resource: dict[str, Any] | None, raw: bytes, file: str, position: int) -> Iterator[Found]:
    if resource is None:
        yield _unreadable(raw, file, position)
    elif resource["resourceType"] == "Bundle":
        yield from _unfold_bundle(resource, file)
    else:
        yield Found(resource["resourceType"], resource, raw, file, position, local_id(resource))


def _unfold_bundle(bundle: dict[str, Any], file: str) -> Iterator[Found]:
    raw_entries = bundle.get("entry")
    entries = [e for e in raw_entries if isinstance(e, dict)] if isinstance(raw_entries, list) else []
    local = dict(filter(None, map(_full_url, entries)))
    for position, entry in enumerate(entries, start=1):
        resource = entry.get("resource")
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            if resource is not None:
                yield _unreadable(orjson.dumps(resource), file, position)
            continue
        # The bytes are the entry as it came; only the parsed form gets local references.
        raw = orjson.dumps(resource)
        if "id" not in resource and (named := local.get(str(entry.get("fullUrl")))):
            resource["id"] = named.partition("/")[2]
        local_form = cast("dict[str, Any]", _localize(resource, local))
        yield Found(resource["resourceType"], local_form, raw, file, position, local_id(resource))


def local_id(resource: dict[str, Any]) -> str:
    """The resource's own id at the source; empty when it has none."""
    found = resource.get("id")
    return found if isinstance(found, str) else ""


def _unreadable(raw: bytes, file: str, position: int) -> Found:
    return Found("", None, raw, file, position, problem=INVALID, detail="is no JSON, or no resource with a type")


def _full_url(entry: dict[str, Any]) -> tuple[str, str] | None:
    """What a fullUrl of the Bundle means as a local reference."""
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if not isinstance(url, str) or not isinstance(resource, dict):
        return None
    local_id = resource.get("id") or url.rpartition(":" if url.startswith("urn:") else "/")[2]
    return url, f"{resource.get('resourceType')}/{local_id}"


def _localize(node: Any, local: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_localize(value, local) for value in node]
    if not isinstance(node, dict):
        return node
    walked = {key: _localize(value, local) if isinstance(value, (dict, list)) else value for key, value in node.items()}
    text = walked.get("reference")
    if isinstance(text, str) and text in local:
        walked["reference"] = local[text]
    return walked


def _lines(opened: BinaryIO) -> Iterator[bytes]:
    """Line by line; what is longer than any line may be comes in pieces that are no JSON, so it is reported."""
    while line := opened.readline(LONGEST_LINE):
        yield line
