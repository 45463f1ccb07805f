"""YAML as declarations are written in it: a key that stands twice is an error, and a date stays text."""

from typing import Any

import yaml

# A column may be called NO, ON or Y: only true and false are truth values.
_READ_AS_TEXT = frozenset({"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"})


class NoYaml(Exception):
    """The text is no YAML, or not of the strict kind; the message says where."""


def read_yaml(text: str) -> Any:
    """What the text holds. Raises NoYaml."""
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  a SafeLoader that is stricter
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise NoYaml(f"is no YAML{line}: {getattr(error, 'problem', None) or ''}") from None
    except (TypeError, ValueError, RecursionError):
        raise NoYaml("is no YAML that can be read") from None


class _Strict(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, and a date stays text as do yes, no, on and off."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {str(key) for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"`{min(twice)}` stands twice", node.start_mark)
    return {key: loader.construct_object(value, deep=True) for key, (_, value) in zip(keys, node.value, strict=True)}


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in _READ_AS_TEXT or first in "tTfF"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
