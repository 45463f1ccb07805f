"""What a profile asks of each element, by its JSON path: for whoever writes resources (compile checks of mappings)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interpayer.validation.elements import PRIMITIVES, Definitions, Element, TypeOf


@dataclass(frozen=True, slots=True)
class ElementRule:
    """How often an element must and may be there (`max` None: without limit), and of which types."""

    min: int
    max: int | None
    types: tuple[str, ...]


class ElementTable(Mapping[str, ElementRule]):
    """Elements by JSON path without the type: `item.adjudication.category`, `valueQuantity`, `value[x]`.

    Any path can be asked for, however deep; walking over all of them leaves out what is inside extensions and inside a
    type within itself. A slice stands under `identifier:memberid`. What a profile forbids has max 0.
    """

    def __init__(self, definitions: Definitions, root: Element) -> None:
        """`root` is the profile's or type's first element."""
        self._definitions = definitions
        self._root = root

    def __getitem__(self, path: str) -> ElementRule:
        """The rule of one path; KeyError when the profile has no such element."""
        above, _, last = path.rpartition(".")
        rule = self.children(above).get(last)
        if rule is None:
            raise KeyError(path)
        return rule

    def __iter__(self) -> Iterator[str]:
        """Every path but those inside extensions and inside a type within itself."""
        return self._paths(self._root, "", ())

    def __len__(self) -> int:
        """How many paths iteration gives."""
        return sum(1 for _ in self)

    def children(self, path: str) -> dict[str, ElementRule]:
        """What may stand directly below a path, `""` for the resource itself; nothing below a primitive."""
        element: Element | None = self._root
        for key in path.split(".") if path else ():
            found = None if element is None else self._definitions.member(element, key)
            element = None if found is None else self._inside(*found, key=key)
        return {} if element is None else dict(self._rules(element))

    def _rules(self, element: Element) -> Iterator[tuple[str, ElementRule]]:
        for child in {**self._definitions.inherited(element), **element.children}.values():
            codes = tuple(one.code for one in child.types)
            if child.is_choice:
                yield child.name, ElementRule(child.min, child.max, codes)
            for key, kind in child.json_names().items():
                is_choice = child.is_choice
                yield key, ElementRule(0 if is_choice else child.min, child.max, (kind.code,) if is_choice else codes)
            for name, part in child.slices.items():
                yield f"{child.name}:{name}", ElementRule(part.min, part.max, tuple(one.code for one in part.types))

    def _inside(self, child: Element, kind: TypeOf, *, key: str) -> Element | None:
        """Where the children of an element are listed; None for primitives and what may be any resource."""
        if kind.code in PRIMITIVES | {"Resource"}:
            return None
        if not child.is_choice or child.children:
            return child
        typed = child.slices.get(key)
        return typed if typed is not None and typed.children else self._definitions.type_root(kind.code)

    def _paths(self, element: Element, above: str, chain: tuple[str, ...]) -> Iterator[str]:
        for name, _ in self._rules(element):
            yield above + name
        for child in {**self._definitions.inherited(element), **element.children}.values():
            for key, kind in child.json_names().items():
                entered = child.id if kind.code in ("BackboneElement", "Element") else kind.code
                inside = self._inside(child, kind, key=key)
                if inside is not None and child.max != 0 and entered != "Extension" and entered not in chain:
                    yield from self._paths(inside, f"{above}{key}.", (*chain, entered))
