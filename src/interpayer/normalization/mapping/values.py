"""Code that makes one value of a rule: first of several, transforms, tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from interpayer.normalization.mapping.emission import Code, Scope, Value
from interpayer.normalization.mapping.language import CodeTable, Path, Rule, Template, Transform
from interpayer.normalization.mapping.running import Place
from interpayer.normalization.mapping.sources import Reading
from interpayer.normalization.mapping.transforms import KINDS, Kind


def source_text(source: Path | Template | Rule) -> str:
    """What a source is called in issues and explanations."""
    if isinstance(source, Rule):
        if source.const is not None:
            return f"constant at line {source.line}"
        return ", ".join(map(source_text, source.sources)) or f"line {source.line}"
    return source.text


@dataclass(slots=True)
class Valuing:
    """Writes the code of the values that rules with `from` give."""

    code: Code
    reading: Reading
    rule_value: Callable[[Rule, str, Scope], Value]
    # Of a rule in the traced form: the local name that holds the number of the source that was taken.
    chosen: dict[int, str] = field(default_factory=dict)

    def of_sources(self, rule: Rule, path: str, scope: Scope) -> Value:
        """What `from`, `transform` and `table` give, in this order."""
        transforms = list(rule.transforms)
        joins = transforms and KINDS.get(transforms[0].name, Kind(lambda _: str)).takes_list
        key = f"{[source_text(s) for s in rule.sources]} {rule.transforms}" if self._is_plain(rule) else ""
        if key in scope.reads and key:
            return Value(scope.reads[key], alive=f"{scope.reads[key]} is not None")
        value = self._joined(transforms.pop(0), rule, path, scope) if joins else self._first(rule, path, scope)
        place = Place(path, rule.line, ", ".join(map(source_text, rule.sources)), rule.table)
        if transforms:
            value = self._transformed(value, transforms, place)
        if key:
            scope.reads[key] = value.text
        return self._looked_up(value, rule, place) if rule.table else value

    @staticmethod
    def _is_plain(rule: Rule) -> bool:
        """Whether the value may be computed once for all places that read it the same way."""
        texts = all(isinstance(source, (Path, Template)) for source in rule.sources)
        sequence = any("$sequence" in source_text(source) for source in rule.sources)
        return texts and not sequence and bool(rule.transforms) and not rule.table

    def _one(self, source: Path | Template | Rule, path: str, scope: Scope, *, line: int) -> Value:
        if isinstance(source, Path):
            return self.reading.path(source, scope, line=line)
        if isinstance(source, Template):
            return self.reading.template(source, scope, line=line)
        return self.rule_value(source, path, scope)

    def _first(self, rule: Rule, path: str, scope: Scope) -> Value:
        """The first source with a value; the others are not even read."""
        if len(rule.sources) == 1:
            return self._one(rule.sources[0], path, scope, line=rule.line)
        found, depth = self.code.local(), self.code.depth
        chosen = self.code.local("k") if self.code.is_traced else ""
        alive, always = self.code.local("a"), False
        self.code.add(f"{found} = {alive} = None")
        if chosen:
            self.code.add(f"{chosen} = 0")
            self.chosen[id(rule)] = chosen
        for at, source in enumerate(rule.sources):
            if at:
                self.code.add(f"if {found} is None:")
                self.code.depth += 1
            value = self._one(source, path, scope.inner() if at else scope, line=rule.line)
            self.code.add(f"{found} = {value.text}")
            if value.alive is not None:
                self.code.add(f"{alive} = {value.alive}")
            if chosen:
                self.code.add(f"{chosen} = {at}")
            self.code.depth = depth
            if value.always and at + 1 < len(rule.sources):
                self.code.wrong(rule.line, path, "what stands behind a value that is always there is never reached")
            always = always or value.always
        return Value(found, always=always, alive=alive if always else f"{found} is not None")

    def _joined(self, transform: Transform, rule: Rule, path: str, scope: Scope) -> Value:
        values = [self._one(source, path, scope, line=rule.line) for source in rule.sources]
        found = self.code.local()
        between = "" if transform.argument is None else str(transform.argument)
        self.code.add(f"{found} = joined({between!r}, ({', '.join(value.text for value in values)},))")
        return Value(found, alive=f"{found} is not None")

    def _transformed(self, value: Value, transforms: list[Transform], place: Place) -> Value:
        found = self.code.local()
        at = self.code.bind("P", place)
        self.code.add(f"{found} = {value.text}")
        with self.code.block(f"if {found} is not None:"):
            self.code.add(f"if {found}.__class__ is not str: {found} = text_of({found})")
            for number, transform in enumerate(transforms):
                function, needs_zone = self._function(transform, place)
                call = f"{function}({found}, zone)" if needs_zone else f"{function}({found})"
                self.code.add(f"{'if ' + found + ': ' if number else ''}{found} = {call}")
            self.code.add(f"if {found} is None: invalid(issues, {at}, {value.text})")
            self.code.add(f"elif {found} == '': {found} = None")
        return Value(found, alive=f"{found} is not None")

    def _function(self, transform: Transform, place: Place) -> tuple[str, bool]:
        kind = KINDS.get(transform.name)
        if kind is None:
            known = ", ".join(KINDS)
            self.code.wrong(place.line, place.path, f"the transform {transform.name} is unknown; known are {known}")
            return "str", False
        try:
            return self.code.bind("t", kind.make(transform.argument)), kind.needs_zone
        except (ValueError, TypeError) as error:
            self.code.wrong(place.line, place.path, f"{transform.name}: {error}")
            return "str", False

    def _looked_up(self, value: Value, rule: Rule, place: Place) -> Value:
        name, _, column = rule.table.partition(".")
        table = self.reading.mapping.tables[name]
        if column not in {"", "code"} or (column and not table.system):
            self.code.wrong(rule.line, place.path, f"`{rule.table}`: only a table with `system` has the column `code`")
        is_coding = bool(table.system) and not column
        rows, otherwise = _rows(table, is_coding=is_coding)
        where = Place(
            place.path, place.line, place.source, name, table.original if is_coding else "", otherwise,
            table.unmapped == "keep",
        )  # fmt: skip
        t, at, found = self.code.bind("T", rows), self.code.bind("P", where), self.code.local()
        self.code.add(f"{found} = {value.text}")
        with self.code.block(f"if {found} is not None:"):
            self.code.add(f"{found} = {t}.get({found}) if {found}.__class__ is str else None")
            self.code.add(f"if {found} is None: {found} = unmapped(issues, {at}, {value.text}, rows={t})")
            if is_coding:
                self.code.add(f"if {found} is not None: {found} = {found}.copy()")
        return Value(found, alive=f"{found} is not None")


def _rows(table: CodeTable, *, is_coding: bool) -> tuple[dict[str, Any], Any]:
    """What each code becomes, and what the others do."""
    if not is_coding:
        return {code: row[0] for code, row in table.rows.items()}, table.default
    rows = {code: _coding(table, *row) for code, row in table.rows.items()}
    return rows, None if table.default is None else _coding(table, table.default, "")


def _coding(table: CodeTable, code: str, display: str) -> dict[str, str]:
    coding = {"system": table.system, "code": code}
    return coding | {"display": display} if display else coding
