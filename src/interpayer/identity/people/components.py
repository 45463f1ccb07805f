"""Who hangs together by judgements, once one of them is taken away. Pure."""

from collections import defaultdict
from collections.abc import Iterable


def component(start: str, edges: Iterable[tuple[str, str]]) -> set[str]:
    """Everybody who is joined with `start`, directly or over others; `start` too."""
    near: dict[str, set[str]] = defaultdict(set)
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    found, waiting = {start}, [start]
    while waiting:
        fresh = near[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found
