"""YAML as nodes with their lines. Keys and codes are text as written: `01` is no number, `NO` is no truth value."""

import re
from typing import Any, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from interpayer.normalization.mapping.language import MappingFault, Problem

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
# Deeper than any resource; what refers to itself has no end at all.
DEEPEST = 36
TOO_DEEP = "this is nested too deeply, or stands within itself"
NodeMap = dict[str, tuple[ScalarNode, Node]]


class Text:
    """One YAML file being read; collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def wrong(self, node: Node | None, text: str, *, path: str = "") -> None:
        """Note a problem at the node's line."""
        line = node.start_mark.line + 1 if node is not None else 0
        self.problems.append(Problem(self.file, line, path, text))

    def compose(self, text: str) -> MappingNode:
        """The root object. Raises MappingFault when this is no YAML object."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else 0
            self._stop(line, f"this is no YAML: {getattr(error, 'problem', None) or 'unreadable'}")
        except RecursionError:
            self._stop(0, TOO_DEEP)
        if not isinstance(root, MappingNode):
            self._stop(1, "an object with names is expected")
        if _is_too_deep(root):
            self._stop(0, TOO_DEEP)
        return root

    def _stop(self, line: int, text: str) -> NoReturn:
        raise MappingFault(*self.problems, Problem(self.file, line, "", text))

    def members(self, node: Node, *, path: str = "") -> NodeMap:
        """Names and values of an object; a name that stands twice is a problem."""
        if not isinstance(node, MappingNode):
            self.wrong(node, "an object with names is expected", path=path)
            return {}
        found: NodeMap = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.wrong(key, "a name is a text", path=path)
            elif key.value in found:
                self.wrong(key, f"`{key.value}` stands twice", path=path)
            else:
                found[key.value] = (key, value)
        return found

    def items(self, node: Node) -> list[Node]:
        """The entries of a list; anything else is a list of one."""
        return list(node.value) if isinstance(node, SequenceNode) else [node]

    def text(self, node: Node, *, path: str = "") -> str:
        """A scalar as it is written."""
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.wrong(node, "a text is expected", path=path)
        return ""

    def texts(self, node: Node, *, path: str = "") -> tuple[str, ...]:
        """A list of texts, or one."""
        return tuple(self.text(item, path=path) for item in self.items(node))

    def fail_if_wrong(self) -> None:
        """Raises MappingFault with everything that was noted."""
        if self.problems:
            raise MappingFault(*self.problems)


def _is_too_deep(root: Node) -> bool:
    level: list[Node] = [root]
    for _ in range(DEEPEST):
        below: dict[int, Node] = {}
        for node in level:
            inside = [one for pair in node.value for one in pair] if isinstance(node, MappingNode) else node.value
            below |= {id(one): one for one in inside if isinstance(one, (MappingNode, SequenceNode))}
        level = list(below.values())
        if not level:
            return False
    return True


def value_of(node: ScalarNode) -> str | int | float | bool | None:
    """A constant: quoted is text; unquoted true, false and numbers are what JSON calls so; None for nothing."""
    if node.style in {"'", '"', "|", ">"}:
        return str(node.value)
    if node.value in {"true", "false"}:
        return bool(node.value == "true")
    if node.value in {"", "null", "~"}:
        return None
    number = _NUMBER.fullmatch(node.value)
    if number is None:
        return str(node.value)
    return float(node.value) if number.group(2) else int(node.value)


def plain(node: Node) -> Any:
    """An argument as plain values, texts as written."""
    if isinstance(node, MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    return value_of(node) if isinstance(node, ScalarNode) else None
