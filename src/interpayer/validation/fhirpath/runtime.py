"""What compiled expressions call: members that are hard to reach, and walks over whole resources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from interpayer.validation.fhirpath.model import PRIMITIVES, TypeModel

EMPTY: Mapping[str, Any] = {}
# What JSON gives for a primitive with a value.
PRIMITIVE = (str, int, float)
_MOST_ROUNDS = 1_000


class CannotTell(Exception):
    """An expression that is known but cannot be decided here: a reference to what is not at hand, a value set."""


class Unseen(dict[str, Any]):
    """A resource that is referred to but not at hand: only its type is known."""


class Word(str):
    """A string that knows which of FHIR's types it has."""

    __slots__ = ("kind",)
    kind: str


def as_list(item: object) -> list[Any]:
    """The item as a collection."""
    return [] if item is None else [item]


def one_of(items: Sequence[Any]) -> Any:
    """The only item, None without one; CannotTell when there are several."""
    if len(items) > 1:
        raise CannotTell("one item expected, several found")
    return items[0] if items else None


def choice(node: Mapping[str, Any], plain: frozenset[str], marked: frozenset[str]) -> Any:
    """The value of a choice element, else the object of its extensions."""
    for key in node:
        if key in plain:
            return node[key]
    for key in node:
        if key in marked:
            return node[key]
    return None


def mixed(node: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    """The items under any of the keys."""
    found: list[Any] = []
    for key in keys:
        value = node.get(key)
        if isinstance(value, list):
            found.extend(value)
        elif value is not None:
            found.append(value)
    return found


def paired(node: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The items of an array of primitives; where one has no value, the object of its extensions."""
    beside_key = f"_{key}"
    values: Sequence[Any] = node.get(key) or ()
    if beside_key not in node:
        return values
    besides = node[beside_key] or ()
    length = max(len(values), len(besides))
    pairs = zip(_padded(values, length), _padded(besides, length), strict=True)
    return [value if value is not None else other for value, other in pairs if (value, other) != (None, None)]


def _padded(items: Sequence[Any], length: int) -> list[Any]:
    return [*items, *[None] * (length - len(items))]


def beside(node: Mapping[str, Any], key: str, name: str) -> list[Any]:
    """The extensions or ids that stand beside primitives."""
    besides = node.get(f"_{key}")
    found: list[Any] = []
    for each in besides if isinstance(besides, list) else [besides]:
        value = each.get(name) if isinstance(each, dict) else None
        found.extend(value if isinstance(value, list) else as_list(value))
    return found


def look_up(node: Any, name: str) -> list[Any]:
    """The members of that name of something whose type nobody knew beforehand."""
    if isinstance(node, Unseen) and name not in node:
        raise CannotTell("the resource referred to is not at hand")
    if not isinstance(node, dict):
        return []
    if name in node:
        value = node[name]
        return [each for each in value if each is not None] if isinstance(value, list) else as_list(value)
    return [node[key] for key in node if _is_choice(key, name)]


def _is_choice(key: str, name: str) -> bool:
    rest = key.removeprefix(name)
    return rest != key and rest[:1].isupper() and (rest in _CHOICES or rest[0].lower() + rest[1:] in PRIMITIVES)


_CHOICE_NAMES = """
Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count Distance Duration HumanName
Identifier Money Period Quantity Range Ratio Reference SampledData Signature Timing ContactDetail Contributor
DataRequirement Expression ParameterDefinition RelatedArtifact TriggerDefinition UsageContext Dosage Meta
"""
_CHOICES = frozenset(_CHOICE_NAMES.split())


def is_resource(node: object, wanted: str) -> bool:
    """Whether something is a resource of that type."""
    kind = node.get("resourceType") if isinstance(node, dict) else None
    return kind is not None and (wanted in {kind, "Resource"} or (wanted == "DomainResource" and kind not in _PLAIN))


def is_kind(node: object, kinds: frozenset[str]) -> bool:
    """Whether a primitive is of one of the types; CannotTell for a string that nobody marked."""
    if isinstance(node, Word):
        return node.kind in kinds
    if isinstance(node, bool):
        return "boolean" in kinds
    if isinstance(node, str):
        raise CannotTell("the type of a string is not known")
    return isinstance(node, int | float) and not kinds.isdisjoint({"integer", "decimal"})


_PLAIN = {"Bundle", "Binary", "Parameters"}


def has_value(items: Sequence[Any]) -> bool:
    """Whether there is exactly one item and it is a primitive with a value."""
    return len(items) == 1 and not isinstance(items[0], dict | list)


def repeat(items: Sequence[Any], project: Callable[[Any], list[Any]]) -> list[Any]:
    """Everything reached by projecting again and again, each thing once."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting = list(items)
    while waiting:
        fresh = [each for item in waiting for each in project(item) if id(each) not in seen]
        seen.update(map(id, fresh))
        found.extend(fresh)
        waiting = fresh
        if len(found) > _MOST_ROUNDS * 100:
            raise CannotTell("too much to repeat")
    return found


class Walker:
    """Walks through everything below a node, by the types of its members."""

    def __init__(self, model: TypeModel) -> None:
        """A walker over resources of these types."""
        self._model = model
        self._keys: dict[str, dict[str, str]] = {}

    def children(self, node: Any, kind: str) -> list[Any]:
        """What stands one step below."""
        return [child for child, _ in self._below(node, kind)]

    def below(self, node: Any, kind: str, wanted: str | None) -> list[Any]:
        """All descendants, or all of a type."""
        found: list[Any] = []
        waiting = list(self._below(node, kind))
        while waiting:
            child, child_kind = waiting.pop()
            if wanted is None or self._model.is_a(child_kind, wanted):
                found.append(_marked(child, child_kind))
            if isinstance(child, dict):
                waiting.extend(self._below(child, child_kind))
        return found

    def _below(self, node: Any, kind: str) -> Iterator[tuple[Any, str]]:
        if not isinstance(node, dict):
            return
        kinds = self._kinds(str(node.get("resourceType") or kind))
        for key, value in node.items():
            if key == "resourceType":
                continue
            if key.startswith("_"):
                yield from _besides(node.get(key[1:]), value)
            else:
                child_kind = kinds.get(key, "")
                items = value if isinstance(value, list) else (value,)
                yield from ((each, child_kind) for each in items if each is not None)

    def _kinds(self, kind: str) -> Mapping[str, str]:
        if kind not in self._keys:
            members = self._model.members(kind).values()
            self._keys[kind] = {key: each for member in members for key, each in member.keys}
        return self._keys[kind]


def _marked(child: Any, kind: str) -> Any:
    if not isinstance(child, str):
        return child
    word = Word(child)
    word.kind = kind
    return word


def _besides(values: Any, besides: Any) -> Iterator[tuple[Any, str]]:
    """The objects beside primitives stand for those without a value; of the others only their extensions count."""
    given = values if isinstance(values, list) else [values]
    for position, each in enumerate(besides if isinstance(besides, list) else [besides]):
        if isinstance(each, dict) and (position >= len(given) or given[position] is None):
            yield each, "Element"
        elif isinstance(each, dict):
            yield from ((one, "Extension") for one in each.get("extension") or ())
