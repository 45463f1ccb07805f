"""References: read what a resource refers to, and rewrite them to our ids (PDex 2.2: new ids on ingest)."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]
LocalRef: TypeAlias = tuple[str, str]
Rename: TypeAlias = Callable[[str, str], str | None]

# Resources of nobody in particular, which many members' records refer to.
SHARED_TYPES = frozenset({
    "Practitioner", "PractitionerRole", "Organization", "OrganizationAffiliation", "Location", "Medication",
    "HealthcareService", "Endpoint", "InsurancePlan", "Substance", "DeviceDefinition",
})  # fmt: skip
MASKED = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}

_LITERAL = re.compile(
    r"^(?:(?P<base>[a-z][a-z0-9+.-]*:\S*)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/\S+)?$"
)
_OWNERS = ("patient", "subject", "beneficiary", "for")


def parse_reference(text: str, base: str) -> LocalRef | None:
    """(type, id) of a reference to a resource of the same sender; None for contained, logical and foreign ones.

    An absolute reference to a Patient always counts as one: whose server it names does not make it another person's
    (standards.md, trap 6), and an id that nobody knows is refused later.
    """
    found = _LITERAL.match(text)
    if found is None:
        return None
    if found["base"] and found["type"] != "Patient" and found["base"].rstrip("/") != base.rstrip("/"):
        return None
    return found["type"], found["id"]


def entries_of(value: object) -> Iterator[Resource]:
    """The objects of an array; none of anything else."""
    yield from (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()


def references_of(resource: Mapping[str, Any], base: str) -> tuple[LocalRef, ...]:
    """What the resource refers to at its sender, each once, in order of appearance."""
    texts = dict.fromkeys(_texts(resource, []))
    return tuple(dict.fromkeys(ref for text in texts if (ref := parse_reference(text, base))))


def patients_of(resource: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """Local ids of the patients whose resource this is; several only for Provenance and other many-sided resources."""
    if resource.get("resourceType") == "Patient":
        local_id = resource.get("id")
        return (local_id,) if isinstance(local_id, str) else ()
    for key in _OWNERS:
        owners = _patients_in(resource.get(key), base)
        if owners:
            return owners
    return tuple(i for kind, i in references_of(resource, base) if kind == "Patient")


def rewrite(resource: Resource, rename: Rename, base: str = "") -> tuple[Resource, tuple[str, ...]]:
    """The resource with new ids in its references, and the new ids in order of appearance.

    ``rename`` gives the new id of (type, local id); None masks the reference, because it names somebody else. The given
    resource stays as it is; what refers to nothing is shared with it.
    """
    seen: dict[str, None] = {}
    return _Rewriter(rename, base, seen).object(resource), tuple(seen)


class _Rewriter:
    """One walk over one resource."""

    __slots__ = ("base", "rename", "seen")

    def __init__(self, rename: Rename, base: str, seen: dict[str, None]) -> None:
        self.rename = rename
        self.base = base
        self.seen = seen

    def object(self, node: Resource) -> Resource:
        """The node with new references; the very same one where nothing below it refers to anything."""
        text = node.get("reference")
        if type(text) is str and (ref := parse_reference(text, self.base)):
            return self.reference(node, ref)
        walked = node
        for key, value in node.items():
            kind = type(value)
            if kind is not dict and kind is not list:
                continue
            renewed = self.object(value) if kind is dict else self.array(value)
            if renewed is not value:
                if walked is node:
                    walked = node.copy()
                walked[key] = renewed
        if (page := _page_of(node, self.base)) is not None:
            walked = self.page(walked.copy(), page)
        return walked

    def page(self, node: Resource, page: LocalRef) -> Resource:
        new_id = self.rename(*page)
        if new_id is None:
            del node["url"]
        else:
            self.seen[new_id] = None
            node["url"] = f"{page[0]}/{new_id}"
        return node

    def array(self, nodes: list[Any]) -> list[Any]:
        walked = nodes
        for place, node in enumerate(nodes):
            kind = type(node)
            if kind is not dict and kind is not list:
                continue
            renewed = self.object(node) if kind is dict else self.array(node)
            if renewed is not node:
                if walked is nodes:
                    walked = nodes.copy()
                walked[place] = renewed
        return walked

    def reference(self, node: Resource, ref: LocalRef) -> Resource:
        new_id = self.rename(*ref)
        if new_id is None:
            return {"extension": [dict(MASKED)]}
        self.seen[new_id] = None
        return {**node, "reference": f"{ref[0]}/{new_id}"}


def _page_of(node: Mapping[str, Any], base: str) -> LocalRef | None:
    """The Binary that an attachment means by its address: the only reference of R4 that is no Reference."""
    url = node.get("url")
    if type(url) is not str or "Binary/" not in url:
        return None
    found = parse_reference(url, base)
    return found if found and found[0] == "Binary" else None


def _texts(node: Any, found: list[str]) -> list[str]:
    """Every text that may refer to something, in order of appearance."""
    if type(node) is dict:
        text, url = node.get("reference"), node.get("url")
        if type(text) is str:
            found.append(text)
        if type(url) is str and "Binary/" in url:
            found.append(url)
        node = node.values()
    for value in node:
        if type(value) is dict or type(value) is list:
            _texts(value, found)
    return found


def _patients_in(node: Any, base: str) -> tuple[str, ...]:
    entries = node if isinstance(node, list) else [node]
    texts = [entry.get("reference") for entry in entries if isinstance(entry, dict)]
    refs = [parse_reference(text, base) for text in texts if isinstance(text, str)]
    return tuple(dict.fromkeys(ref[1] for ref in refs if ref and ref[0] == "Patient"))
