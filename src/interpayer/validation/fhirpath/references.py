"""What references and value sets say when all that is at hand is the resource itself."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from interpayer.validation.fhirpath.runtime import CannotTell, Unseen

_RELATIVE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]+)?\Z")


def resolve(node: Any, resource: Any, root: Any) -> list[Any]:
    """The resource a Reference or uri points to: contained, in the Bundle, or only by type; else CannotTell."""
    target = node.get("reference") if isinstance(node, dict) else node
    if not isinstance(target, str):
        # A logical reference names something that has no address; its type may still be said.
        if isinstance(node, dict) and isinstance(node.get("type"), str):
            return [Unseen(resourceType=node["type"])]
        if isinstance(node, dict) and ("identifier" in node or "display" in node):
            raise CannotTell("a reference without an address")
        return []
    if target.startswith("#"):
        return [root] if target == "#" else list(_contained(target[1:], resource, root))
    found = next(_entries(target, root), None)
    if found is not None:
        return [found]
    if named := _RELATIVE.match(target):
        return [Unseen(resourceType=named[1])]
    raise CannotTell("a reference to what is not at hand")


def _contained(resource_id: str, resource: Any, root: Any) -> Iterator[Any]:
    for owner in (resource,) if resource is root else (resource, root):
        for each in owner.get("contained") or ():
            if each.get("id") == resource_id:
                yield each
                return


def _entries(target: str, root: Any) -> Iterator[Any]:
    if root.get("resourceType") != "Bundle":
        return
    for entry in root.get("entry") or ():
        url, resource = str(entry.get("fullUrl", "")), entry.get("resource")
        if resource is not None and (url == target or url.endswith(f"/{target}")):
            yield resource


def any_member(items: Sequence[Any], is_member: Callable[[Any], bool | None]) -> bool | None:
    """Whether one of the items is in a value set; None without items, CannotTell when that set cannot say."""
    if not items:
        return None
    answers = [is_member(item) for item in items]
    if True in answers:
        return True
    if None in answers:
        raise CannotTell("the value set cannot be enumerated here")
    return False


def unknown_set(url: str) -> bool:
    """Raises CannotTell: whether something is in a value set that is not at hand."""
    raise CannotTell(f"value set {url} is not at hand")
