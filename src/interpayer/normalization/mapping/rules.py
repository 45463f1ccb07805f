"""The rules of a mapping from their YAML nodes: objects, lists and the eight words."""

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from interpayer.normalization.mapping import language as say
from interpayer.normalization.mapping.paths import Unreadable, read_condition, read_path, read_source
from interpayer.normalization.mapping.yaml_text import NodeMap, Text, plain, value_of


def read_node(text: Text, node: Node, *, path: str) -> say.Node:
    """A constant, an object, a list or a rule; what is wrong is noted in `text`."""
    line = node.start_mark.line + 1
    if isinstance(node, ScalarNode):
        return _constant(text, node, path)
    if isinstance(node, SequenceNode):
        return say.Entries(
            tuple(read_node(text, entry, path=f"{path}[{at}]") for at, entry in enumerate(node.value)), line
        )
    members = text.members(node, path=path)
    words = members.keys() & say.RULE_WORDS
    if words and members.keys() <= say.RULE_WORDS:
        return _rule(text, node, members, path)
    if words:
        text.wrong(
            node,
            f"`{min(words)}` stands beside elements of FHIR: put them under `to:`, or write `{{const: ...}}`",
            path=path,
        )
    elements = ((key, read_node(text, value, path=f"{path}.{key}".lstrip("."))) for key, (_, value) in members.items())
    return say.Elements(tuple(elements), line)


def _constant(text: Text, node: ScalarNode, path: str) -> say.Constant:
    value = value_of(node)
    if value is None or value == "":
        text.wrong(node, "nothing stands here: write a value, a rule, or leave the element out", path=path)
        return say.Constant("", node.start_mark.line + 1)
    return say.Constant(value, node.start_mark.line + 1)


def _rule(text: Text, node: Node, members: NodeMap, path: str) -> say.Rule:
    values = [word for word in ("from", "const", "to") if word in members]
    if len(values) != 1:
        text.wrong(node, "a rule has exactly one of `from`, `const`, `to`", path=path)
    if "from" not in members and members.keys() & {"table", "transform"}:
        text.wrong(node, "`table` and `transform` belong to `from`", path=path)
    const = read_node(text, members["const"][1], path=path) if "const" in members else None
    if const is not None and not isinstance(const, say.Constant):
        text.wrong(node, "`const` is one value; an object stands under `to`", path=path)
        const = None
    return say.Rule(
        line=node.start_mark.line + 1,
        sources=read_sources(text, members["from"][1], path=path) if "from" in members else (),
        const=const,
        to=read_node(text, members["to"][1], path=path) if "to" in members else None,
        table=text.text(members["table"][1], path=path) if "table" in members else "",
        transforms=_transforms(text, members["transform"][1], path) if "transform" in members else (),
        when=_condition(text, members["when"][1], path) if "when" in members else None,
        when_text=text.text(members["when"][1], path=path) if "when" in members else "",
        foreach=_foreach(text, members["foreach"][1], path) if "foreach" in members else None,
        lets=read_lets(text, members["let"][1], path=path) if "let" in members else (),
    )


def read_sources(text: Text, node: Node, *, path: str) -> tuple[say.Path | say.Template | say.Rule, ...]:
    """What `from` names: one, or several of which the first with a value counts."""
    found: list[say.Path | say.Template | say.Rule] = []
    for item in text.items(node):
        if isinstance(item, MappingNode):
            rule = read_node(text, item, path=path)
            if isinstance(rule, say.Rule):
                found.append(rule)
            else:
                text.wrong(item, "in a list of `from` stand paths, templates and rules", path=path)
            continue
        try:
            found.append(read_source(text.text(item, path=path)))
        except Unreadable as error:
            text.wrong(item, str(error), path=path)
    return tuple(found)


def _transforms(text: Text, node: Node, path: str) -> tuple[say.Transform, ...]:
    found = []
    for item in text.items(node):
        if isinstance(item, ScalarNode):
            found.append(say.Transform(item.value))
            continue
        members = text.members(item, path=path)
        if len(members) != 1:
            text.wrong(item, "a transform is a name, or one name with its argument: {date: YYYYMMDD}", path=path)
            continue
        [(name, (_, argument))] = members.items()
        found.append(say.Transform(name, plain(argument)))
    return tuple(found)


def _condition(text: Text, node: Node, path: str) -> say.Condition | None:
    try:
        return read_condition(text.text(node, path=path))
    except Unreadable as error:
        text.wrong(node, str(error), path=path)
        return None


def _foreach(text: Text, node: Node, path: str) -> say.Foreach | None:
    members = text.members(node, path=path)
    names = [name for name in members if name not in {"n", "distinct"}]
    if len(names) != 1:
        text.wrong(node, "`foreach` is {name: list}, or {name: {field: COLUMN{n}}, n: 1..12}", path=path)
        return None
    _, over = members[names[0]]
    try:
        distinct = read_path(text.text(members["distinct"][1], path=path)) if "distinct" in members else None
        if "n" in members or isinstance(over, MappingNode):
            numbered = _numbered(text, node, members, names[0])
            return None if numbered is None else say.Foreach(names[0], numbered, distinct)
        return say.Foreach(names[0], read_path(text.text(over, path=path)), distinct)
    except Unreadable as error:
        text.wrong(over, str(error), path=path)
        return None


def _numbered(text: Text, node: Node, members: NodeMap, name: str) -> say.Numbered | None:
    fields = {field: text.text(value) for field, (_, value) in text.members(members[name][1]).items()}
    bounds = text.text(members["n"][1]).split("..") if "n" in members else []
    if len(bounds) != 2 or not all(bound.strip().isdigit() for bound in bounds):
        text.wrong(node, "numbered columns say from where to where: {d: {code: CODE{n}}, n: 1..12}")
        return None
    if any("{n}" not in template for template in fields.values()):
        text.wrong(node, "each numbered column has `{n}` in its name")
    first, last = (int(bound) for bound in bounds)
    return say.Numbered(tuple(fields.items()), first, last)


def read_lets(text: Text, node: Node, *, path: str) -> tuple[tuple[str, say.Node], ...]:
    """Names with their rules, objects or lists, in the order of the file."""
    members = text.members(node, path=path)
    return tuple((name, read_node(text, value, path=f"{path} {name}")) for name, (_, value) in members.items())


class Found:
    """What the rules of a mapping name: tables with the line of their first use."""

    def __init__(self, mapping: say.Mapping) -> None:
        self.tables: dict[str, int] = {}
        for node in (mapping.member, mapping.to, *(value for _, value in mapping.lets)):
            self._look(node)

    def _look(self, node: object) -> None:
        if isinstance(node, say.Elements):
            for _, member in node.members:
                self._look(member)
        elif isinstance(node, say.Entries):
            for entry in node.entries:
                self._look(entry)
        elif isinstance(node, say.Rule):
            if node.table:
                self.tables.setdefault(node.table, node.line)
            for part in (node.to, *node.sources, *(value for _, value in node.lets)):
                self._look(part)
