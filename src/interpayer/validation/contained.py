"""References to contained resources: that they are there (ref-1), and of a type that may be referred to."""

from collections.abc import Iterator, Sequence
from typing import Any

from interpayer.validation.claims import entries_of
from interpayer.validation.elements import Definitions, Element, TypeOf
from interpayer.validation.issue import Issue, Resource
from interpayer.validation.schema.explain import fhir_path

Keys = list[str | int]


def local_reference_issues(definitions: Definitions, root: Element, resource: Resource) -> Iterator[Issue]:
    """What is wrong with references that begin with `#`; that sign alone is the resource around."""
    known = {str(one.get("id")): one for one in entries_of(resource.get("contained")) if isinstance(one, dict)}
    for keys, reference in _local_references(resource, []):
        inner = known.get(reference[1:])
        if inner is None and reference != "#":
            text = "refers to a contained resource that is not there"
            yield Issue(fhir_path(definitions, root, keys), "ref-1", text, code="invariant")
        elif inner is not None and not _may_be(definitions, root, keys, kind=inner.get("resourceType")):
            text = "refers to a contained resource of a type that is not allowed here"
            yield Issue(fhir_path(definitions, root, keys), "reference.target", text, code="structure")


def _local_references(node: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(node, dict):
        if "resourceType" in node and keys and "contained" not in keys[-2:]:
            # A resource of its own, such as the entry of a Bundle.
            return
        reference = node.get("reference")
        if isinstance(reference, str) and reference.startswith("#"):
            yield keys, reference
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        if isinstance(value, dict | list):
            yield from _local_references(value, [*keys, key])


def _may_be(definitions: Definitions, root: Element, keys: Sequence[str | int], *, kind: Any) -> bool:
    """Whether the reference at a place may point to a type; yes where nobody can say."""
    element: Element | None = root
    found: tuple[Element, TypeOf] | None = None
    for key in keys:
        if isinstance(key, int):
            continue
        found = None if element is None else definitions.member(element, key)
        if found is None:
            return True
        child, type_of = found
        is_own = (child.children or "contentReference" in child.content) and not child.is_choice
        element = child if is_own else definitions.type_root(type_of.code)
    targets = found[1].targets if found is not None else ()
    types = {_type_of(definitions, target, root) for target in targets}
    return not types or bool(types & {None, "Resource", "DomainResource", kind})


def _type_of(definitions: Definitions, target: str, root: Element) -> str | None:
    found = definitions.find(target, root.package)
    return None if found is None else str(definitions.tree(found).content["path"])
