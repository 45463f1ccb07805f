"""A mapping from its YAML text, checked as far as the text alone allows."""

import hashlib
from collections.abc import Mapping as Dictionary
from dataclasses import replace

import orjson
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from interpayer.normalization.mapping import rules
from interpayer.normalization.mapping.language import CodeTable, Entries, Mapping, Problem, Rule
from interpayer.normalization.mapping.tables import table_of
from interpayer.normalization.mapping.yaml_text import NodeMap, Text, plain

_KEYS = ("about", "entity", "member", "empty", "context", "tables", "let", "to")
# What is written depends on the language too: a change of meaning changes every version.
LANGUAGE = 1


def read_mapping(text: str, *, name: str, tables: Dictionary[str, CodeTable] | None = None) -> Mapping:
    """The mapping `name` (family/name) of this YAML; `tables` are those it may name. Raises MappingFault."""
    reader = Text(f"{name}.yaml")
    root = reader.compose(text)
    members = reader.members(root)
    for key, (at, _) in members.items():
        if key not in _KEYS:
            reader.wrong(at, f"`{key}` is unknown here; known are {', '.join(_KEYS)}")
    for key in ("entity", "to"):
        if key not in members:
            reader.wrong(root, f"`{key}` is missing")
    mapping = _mapping(reader, members, name=name)
    named = rules.Found(mapping)
    mapping = replace(mapping, tables=_tables(reader, members, named.tables, tables or {}))
    reader.fail_if_wrong()
    return replace(mapping, digest=_digest(root, mapping), text=text)


def _mapping(reader: Text, members: NodeMap, *, name: str) -> Mapping:
    def texts(key: str) -> tuple[str, ...]:
        return reader.texts(members[key][1], path=key) if key in members else ()

    lets = rules.read_lets(reader, members["let"][1], path="let") if "let" in members else ()
    return Mapping(
        id=name,
        entity="".join(texts("entity")),
        member=_member(reader, members["member"][1]) if "member" in members else None,
        to=_resources(reader, members["to"][1]) if "to" in members else Entries((), 0),
        lets=lets,
        empty=texts("empty"),
        context=texts("context"),
        about=" ".join(texts("about")),
        file=f"{name}.yaml",
    )


def _member(reader: Text, node: Node) -> Rule | None:
    """A path as it stands, or a rule."""
    if isinstance(node, ScalarNode):
        return Rule(node.start_mark.line + 1, sources=rules.read_sources(reader, node, path="member"))
    found = rules.read_node(reader, node, path="member")
    if isinstance(found, Rule):
        return found
    reader.wrong(node, "a path or a rule with `from` is expected", path="member")
    return None


def _resources(reader: Text, node: Node) -> Entries:
    if not isinstance(node, SequenceNode):
        reader.wrong(node, "a list of resources is expected: start each with `- resourceType:`", path="to")
        return Entries((), 0)
    found = rules.read_node(reader, node, path="")
    return found if isinstance(found, Entries) else Entries((), 0)


def _tables(
    reader: Text, members: NodeMap, named: Dictionary[str, int], given: Dictionary[str, CodeTable]
) -> dict[str, CodeTable]:
    """The tables of the mapping itself and those it names."""
    own: dict[str, CodeTable] = {}
    if "tables" in members:
        for name, (_, node) in reader.members(members["tables"][1], path="tables").items():
            own[name] = table_of(reader, node, name=name, rows={})
    found = {}
    for full, line in named.items():
        name = full.removesuffix(".code")
        table = own.get(name) or given.get(name)
        if table is None:
            known = ", ".join(sorted({*own, *given})) or "none"
            reader.problems.append(Problem(reader.file, line, "", f"the table {name} is not there; known: {known}"))
        else:
            found[name] = table
    return found


def _digest(root: MappingNode, mapping: Mapping) -> str:
    """Of what the mapping says, its tables included; not of comments, spaces or `about`."""
    content = [[key.value, plain(value)] for key, value in root.value if key.value != "about"]
    tables = [
        [t.name, dict(t.rows), t.system, t.original, t.default, t.unmapped] for _, t in sorted(mapping.tables.items())
    ]
    text = orjson.dumps([LANGUAGE, mapping.id, content, tables])
    return hashlib.sha256(text).hexdigest()[:12]
