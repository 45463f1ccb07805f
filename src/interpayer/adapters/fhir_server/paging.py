"""The pages of a search or of $everything, and the resources in them, with the bytes as they came."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.fhir_files import local_id, parse
from interpayer.adapters.fhir_server.calling import Caller, Reply, invalid

MOST_PAGES = 10_000


def pages(caller: Caller, first: Reply, until: datetime) -> Iterator[dict[str, Any]]:
    """This page and those that follow it, as long as they are new. Raises Fault."""
    seen: set[str] = set()
    reply: Reply | None = first
    while reply is not None:
        bundle = parse(reply.content)
        if bundle is None or bundle["resourceType"] != "Bundle":
            invalid("the answer is no Bundle")
        yield bundle
        url = _next(bundle)
        if url is None:
            return
        address = caller.absolute(url)
        if address in seen or len(seen) >= MOST_PAGES:
            invalid("the next page repeats or never ends")
        seen.add(address)
        reply = caller.get(address, until)


def search_path(resource_type: str, query: Mapping[str, str]) -> str:
    """The relative address of a search."""
    return f"{resource_type}?{urlencode(query)}"


def found_in(bundle: Mapping[str, Any], place: str, position: int) -> Iterator[Found]:
    """The resources of a page; what the server only says about the search (mode outcome) is none."""
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        search = entry.get("search")
        if isinstance(search, dict) and search.get("mode") == "outcome":
            continue
        position += 1
        yield _found(entry.get("resource"), place, position)


def _found(resource: Any, place: str, position: int) -> Found:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        detail = "an entry holds no resource with a type"
        return Found("", None, orjson.dumps(resource), place, position, problem="record.invalid", detail=detail)
    raw = orjson.dumps(resource)
    return Found(resource["resourceType"], resource, raw, place, position, key=local_id(resource))


def _next(bundle: Mapping[str, Any]) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
