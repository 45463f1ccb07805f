"""Codes of a source's resources in the systems that others know: by loaded maps, behind the codes that were there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.terminology.translate import CodeMap, translate_concept


@dataclass(frozen=True, slots=True)
class Translator:
    """The maps that a declaration names, in their order."""

    maps: tuple[CodeMap, ...]

    def __call__(self, resource: dict[str, Any]) -> tuple[dict[str, Any], Sequence[str]]:
        """The resource with every concept translated, and the codes that a map has nothing for (`map: code`).

        The resource given is not changed; one that no map speaks of comes back as it is.
        """
        unmapped: list[str] = []
        translated = self._object(resource, unmapped)
        return (resource if translated is None else translated), unmapped

    def _object(self, node: dict[str, Any], unmapped: list[str]) -> dict[str, Any] | None:
        """The changed copy, or None when nothing below changes."""
        changed = {key: new for key, value in node.items() if (new := self._value(value, unmapped)) is not None}
        found = {**node, **changed} if changed else node
        if isinstance(node.get("coding"), list):
            found = self._concept(found, unmapped)
        return found if found is not node else None

    def _value(self, value: Any, unmapped: list[str]) -> Any:
        if isinstance(value, dict):
            return self._object(value, unmapped)
        if not isinstance(value, list):
            return None
        new = [self._value(entry, unmapped) for entry in value]
        if all(entry is None for entry in new):
            return None
        return [old if entry is None else entry for old, entry in zip(value, new, strict=True)]

    def _concept(self, concept: dict[str, Any], unmapped: list[str]) -> dict[str, Any]:
        for by in self.maps:
            made, told = translate_concept(concept, by)
            unmapped += [f"{by.id}: {one.original.code}" for one in told if one.reason]
            if len(made["coding"]) > len(concept["coding"]):
                concept = made
        return concept
