"""What is wrong, out of the errors of a JSON Schema: the element as FHIRPath, the rule, and words without values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from interpayer.validation.elements import Definitions, Element
from interpayer.validation.issue import Issue

# By keyword: the rule that is broken, FHIR's IssueType, and the words.
_WORDS = {
    "type": ("type", "structure", "is not of the JSON type that FHIR wants here"),
    "pattern": ("format", "value", "is not written as its type wants it"),
    "minLength": ("format", "value", "is empty"),
    "minimum": ("format", "value", "is smaller than its type allows"),
    "maximum": ("format", "value", "is larger than its type allows"),
    "minItems": ("min", "structure", "is an empty list"),
    "maxItems": ("max", "structure", "is there more often than allowed"),
    "minProperties": ("empty", "structure", "is empty"),
    "falseSchema": ("max", "structure", "is not allowed here"),
    "const": ("fixed", "value", "is not the value that is wanted here"),
    "enum": ("binding", "code-invalid", "is none of the codes that are allowed here"),
}
_OTHER = ("structure", "structure", "is not what is allowed here")


class SchemaError(Protocol):
    """One error of a JSON Schema validator."""

    @property
    def kind(self) -> Any:
        """The keyword and what belongs to it."""

    @property
    def instance_path(self) -> Sequence[str | int]:
        """Where in the resource."""

    @property
    def schema_path(self) -> Sequence[str | int]:
        """Where in the schema, references followed."""


def explain(
    errors: Iterable[SchemaError], schema: Mapping[str, Any], *, definitions: Definitions, root: Element
) -> tuple[Issue, ...]:
    """One issue for each element and rule that is broken."""
    found: dict[tuple[str, str, str], Issue] = {}
    for error in errors:
        for keys, rule, code, text in _said(error, schema):
            issue = Issue(fhir_path(definitions, root, keys), rule, text, code=code)
            found.setdefault((issue.path, rule, text), issue)
    return tuple(found.values())


def _said(error: SchemaError, schema: Mapping[str, Any]) -> Iterator[tuple[list[str | int], str, str, str]]:
    """Where, rule, code and words: those written beside the schema that failed, else those of the keyword."""
    keys = list(error.instance_path)
    keyword = error.kind.name
    words, below = _words_beside(schema, error.schema_path)
    if words is not None:
        place = keys[: len(keys) - below] if below else keys
        if error.schema_path[-1] == "maxContains" and "most" in words:
            words = {**words, "rule": "slice.max", "code": "structure", "text": words["most"]}
        yield place + ([words["at"]] if words["at"] else []), words["rule"], words["code"], words["text"]
    elif keyword == "required":
        yield [*keys, error.kind.property], "required", "required", "is required"
    elif keyword == "additionalProperties":
        for name in error.kind.unexpected:
            yield [*keys, name], "unknown", "structure", "is no element of this type"
    else:
        rule, code, text = _WORDS.get(keyword, _OTHER)
        yield keys, rule, code, text


def _words_beside(schema: Mapping[str, Any], path: Sequence[str | int]) -> tuple[dict[str, str] | None, int]:
    """The innermost words on the way to the keyword, and how many steps of the resource lie below them."""
    node: Any = schema
    words, below = None, 0
    is_name = False
    for step in path:
        node = node[step]
        if is_name or (step == "items" and isinstance(node, dict)):
            below += 1
            is_name = False
        else:
            is_name = step == "properties"
        if isinstance(node, dict) and "x" in node and step != "properties":
            words, below = node["x"], 0
    return words, below


def fhir_path(definitions: Definitions, root: Element, keys: Sequence[str | int]) -> str:
    """Keys of JSON as simple FHIRPath: names of elements and indexes (R4 OperationOutcome.issue.expression)."""
    path = str(root.content["path"])
    # By the type: a profile does not know the names that it forbids.
    element = definitions.type_root(path) or root
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
            continue
        found = definitions.member(element, key)
        if found is None:
            path += f".{key.removeprefix('_')}"
            element = definitions.type_root("Element") or root
            continue
        child, kind = found
        path += f".{child.name.removesuffix('[x]')}"
        typed = child.is_choice or not (child.children or "contentReference" in child.content)
        element = (definitions.type_root(kind.code) or child) if typed else child
    return path
