"""Extensions whose definitions are in the packages: each is what its own definition says, wherever it stands.

Like the invariants they are asked by a keyword on the schema's walk, so resources without extensions pay nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from interpayer.validation.issue import Issue

KEYWORD = "defined_extension"


class Definition(Protocol):
    """What checks an extension against its definition."""

    def is_met(self, resource: Any, outer: Any = None) -> bool:
        """The verdict alone."""

    def check(self, resource: Any, outer: Any = None, path: str = "") -> tuple[list[Issue], list[str]]:
        """Every issue, and what could not be evaluated."""


class NotAsDefined(ValueError):
    """An extension is not what its definition says; the issues start at the extension."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        """Its message names no value."""
        super().__init__("an extension is not what its definition says")
        self.issues = tuple(issues)


def extension_keyword(definition_of: Callable[[str], Definition | None]) -> type:
    """The class for `jsonschema_rs` keywords; `definition_of` gives the definition of a url, None if unknown."""

    class Keyword:
        """Asks the definition of one extension; raises NotAsDefined."""

        def __init__(self, _parent: object, _value: object, _path: object) -> None:
            """Nothing to keep: the extension itself says which definition it follows."""

        def validate(self, node: Any) -> None:
            url = node.get("url") if isinstance(node, dict) else None
            # Parts of an extension have names, not urls; the definition around them speaks about them.
            definition = definition_of(url) if isinstance(url, str) and ":" in url else None
            if definition is not None and not definition.is_met(node, node):
                raise NotAsDefined(definition.check(node, node)[0])

    return Keyword
