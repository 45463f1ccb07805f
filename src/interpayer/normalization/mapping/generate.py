"""A mapping as one generated Python function: the resource as a nested literal, built from local values.

    def run(content, given, zone, issues): ... return [resource, ...]

An object or list that holds something of the record is written only when something of it was found; `Value` carries
what is known about that. The traced form does the same work and wraps every value with the rule that gave it.
"""

from typing import Any

from interpayer.normalization.mapping import running
from interpayer.normalization.mapping.emission import Code, Name, Scope, Value, Written
from interpayer.normalization.mapping.language import (
    Constant,
    Elements,
    Entries,
    Mapping,
    Node,
    Rule,
)
from interpayer.normalization.mapping.loops import only_new, open_loop
from interpayer.normalization.mapping.sources import Reading
from interpayer.normalization.mapping.values import Valuing

CALLED = {
    "step_into": running.step_into,
    "every": running.every,
    "object_of": running.object_of,
    "text_of": running.text_of,
    "joined": running.joined,
    "invalid": running.invalid,
    "unmapped": running.unmapped,
    "Traced": running.Traced,
}

TRACED = {
    "step_into": lambda value, steps: running.step_into(running.bare(value), steps),
    "every": lambda value, steps: running.every(running.bare(value), steps),
    "text_of": lambda value: running.text_of(running.bare(value)),
}


def generate(mapping: Mapping, *, is_traced: bool = False) -> tuple[str, dict[str, Any], list[Written], Code]:
    """The text of the function, the names it uses, the rules by their numbers, and the code with its problems."""
    writer = _Writer(mapping, is_traced=is_traced)
    writer.function()
    code = writer.code
    called = CALLED | TRACED if is_traced else CALLED
    return "\n".join(code.lines) + "\n", called | code.bound, writer.rules, code


class _Writer:
    def __init__(self, mapping: Mapping, *, is_traced: bool) -> None:
        self.mapping = mapping
        self.code = Code(mapping.file, is_traced)
        self.reading = Reading(self.code, mapping)
        self.valuing = Valuing(self.code, self.reading, self.rule)
        self.rules: list[Written] = []

    def function(self) -> None:
        self.code.lines.append("def run(content, given, zone, issues):")
        self.code.add("get = content.get")
        scope = Scope({}, {})
        self.code.add("member = given.get('member')")
        self.lets(self.mapping.lets, "", scope)
        if self.mapping.member is not None:
            self.code.add(f"member = {self.rule(self.mapping.member, 'member', scope).text}")
        found = self.code.local("l")
        self.code.add(f"{found} = []")
        for entry in self.mapping.to.entries:
            self.entry(entry, "", scope.inner(sequence=found))
        self.code.add(f"return {found}")

    def node(self, node: Node, path: str, scope: Scope) -> Value:
        if isinstance(node, Constant):
            return Value(repr(node.value), always=True)
        if isinstance(node, Elements):
            return self.elements(node, path, scope)
        return self.entries(node, path, scope) if isinstance(node, Entries) else self.rule(node, path, scope)

    # ---- objects

    def elements(self, node: Elements, path: str, scope: Scope) -> Value:
        members = [(key, self.member(value, f"{path}.{key}".lstrip("."), scope)) for key, value in node.members]
        literal = "{" + ", ".join(f"{key!r}: {value.text}" for key, value in members) + "}"
        alive = " or ".join(dict.fromkeys(value.alive for _, value in members if value.alive is not None))
        unsure = [(key, value) for key, value in members if not value.always]
        if not unsure:
            found = self.code.local("d")
            self.code.add(f"{found} = {literal}")
            return Value(found, always=True, alive=alive or None)
        found = self.code.local("d")
        self.code.add(f"{found} = {literal} if {alive} else None")
        if len(unsure) > 1 or alive != unsure[0][1].alive:
            with self.code.block(f"if {found} is not None:"):
                for key, value in unsure:
                    self.code.add(f"if {value.text} is None: del {found}[{key!r}]")
        return Value(found, alive=f"{found} is not None")

    def member(self, node: Node, path: str, scope: Scope) -> Value:
        """A value that is written into a resource; the traced form says which rule gave it."""
        value = self.node(node, path, scope)
        if not self.code.is_traced or not isinstance(node, Rule) or node.to is not None:
            return value
        self.rules.append(Written(node, path, dict(scope.names), scope.loop_names))
        found = self.code.local()
        loops = f"({''.join(f'{loop}, ' for loop in scope.loops)})"
        made = f"Traced({value.text}, {len(self.rules) - 1}, {loops}, {self.chosen(node, value)})"
        self.code.add(f"{found} = {made} if {value.text} is not None else None")
        return Value(found, always=value.always, alive=value.alive)

    def chosen(self, node: Rule, value: Value) -> str:
        return self.valuing.chosen.get(id(node), "0")

    # ---- lists

    def entries(self, node: Entries, path: str, scope: Scope) -> Value:
        found = self.code.local("l")
        self.code.add(f"{found} = []")
        inside = scope.inner(sequence=found)
        sure = [self.entry(entry, path, inside, at=at) for at, entry in enumerate(node.entries)]
        always = [value for value in sure if value is not None and value.always]
        if not always:
            self.code.add(f"if not {found}: {found} = None")
            return Value(found, alive=f"{found} is not None")
        alive = [value.alive for value in always if value.alive is not None]
        if len(always) < len(node.entries):
            alive.append(f"len({found}) > {len(always)}")
        return Value(found, always=True, alive=" or ".join(alive) or None)

    def entry(self, node: Node, path: str, scope: Scope, *, at: int = 0) -> Value | None:
        """Append what one entry of a list stands for; the value when it is exactly one, written at this place."""
        if isinstance(node, Entries):
            for inner in node.entries:
                self.entry(inner, path, scope)
            return None
        if isinstance(node, Rule) and (node.foreach is not None or node.to is not None):
            self.opened(node, path, scope)
            return None
        where = path if path == "" else f"{path}[{at}]"
        value = self.member(node, where, scope) if isinstance(node, Rule) else self.node(node, where, scope)
        line = f"{scope.sequence}.append({value.text})"
        self.code.add(line if value.always else f"if {value.alive}: {line}")
        return value

    def opened(self, rule: Rule, path: str, scope: Scope) -> None:
        """Entries under `foreach`, `let` and `when`."""
        depth = self.code.depth
        # What only `when` reads is read outside its block: the entries beside this one may need it too.
        inside = scope.inner() if rule.lets else scope
        met = self.code.local("m")
        if rule.foreach is not None:
            if rule.foreach.distinct is not None:
                self.code.add(f"{met} = set()")
            inside = open_loop(self.code, rule.foreach, scope)
        self.lets(rule.lets, path, inside)
        if rule.when is not None:
            self.code.add(f"if {self.reading.condition(rule.when, inside, line=rule.line)}:")
            self.code.depth += 1
            inside = inside.inner()
        if rule.foreach is not None and rule.foreach.distinct is not None:
            only_new(self.code, self.reading.text(rule.foreach.distinct, inside, line=rule.line), met)
        where = f"{path}[]" if path else ""
        if rule.to is not None:
            self.entry(rule.to, path, inside) if _is_spread(rule.to) else self.append(rule.to, where, inside)
        else:
            self.append(Rule(rule.line, rule.sources, rule.const, None, rule.table, rule.transforms), where, inside)
        self.code.depth = depth

    def append(self, node: Node, path: str, scope: Scope) -> None:
        value = self.member(node, path, scope)
        line = f"{scope.sequence}.append({value.text})"
        self.code.add(line if value.always else f"if {value.alive}: {line}")

    # ---- rules

    def lets(self, lets: tuple[tuple[str, Node], ...], path: str, scope: Scope) -> None:
        for name, node in lets:
            value = self.node(node, f"{path} let {name}".strip(), scope)
            local = self.code.local()
            self.code.add(f"{local} = {value.text}")
            scope.define(name, Name(local, meaning=node))

    def rule(self, rule: Rule, path: str, scope: Scope) -> Value:
        """The value of a rule that is no entry of a list."""
        if rule.foreach is not None:
            self.code.wrong(rule.line, path, "`foreach` gives several values: it stands in a list, `- foreach:`")
        inside = scope.inner() if rule.lets else scope
        self.lets(rule.lets, path, inside)
        if rule.when is None:
            return self.bare(rule, path, inside)
        condition = self.reading.condition(rule.when, inside, line=rule.line)
        found = self.code.local()
        self.code.add(f"{found} = None")
        with self.code.block(f"if {condition}:"):
            self.code.add(f"{found} = {self.bare(rule, path, inside.inner()).text}")
        return Value(found, alive=f"{found} is not None")

    def bare(self, rule: Rule, path: str, scope: Scope) -> Value:
        if rule.to is not None:
            return self.node(rule.to, path, scope)
        if rule.const is not None:
            return Value(repr(rule.const.value), always=True)
        return self.valuing.of_sources(rule, path, scope)


def _is_spread(node: Node) -> bool:
    """Whether it may stand for several entries."""
    return isinstance(node, Entries) or (isinstance(node, Rule) and (node.foreach is not None or node.to is not None))
