"""Code that reads: paths, templates, conditions. Each reading is written once for a block and what is inside it."""

from interpayer.normalization.mapping.emission import Code, Scope, Value
from interpayer.normalization.mapping.language import (
    GIVEN,
    Both,
    Compare,
    Condition,
    Has,
    Mapping,
    Not,
    Path,
    Template,
)

NEVER = "None"


class Reading:
    """Writes the code that reads one mapping's paths."""

    def __init__(self, code: Code, mapping: Mapping) -> None:
        self.code = code
        self.mapping = mapping
        texts = ["", *mapping.empty]
        self._nothing = " or ".join(f"{{0}} == {text!r}" for text in texts)
        if len(texts) > 4:
            self._nothing = f"{{0}}.__class__ is str and {{0}} in {code.bind('E', frozenset(texts))}"

    def path(self, path: Path, scope: Scope, *, line: int) -> Value:
        """The value of a path, or None."""
        if path.root == "$sequence":
            return self._sequence(path, scope, line)
        known = scope.reads.get(path.text)
        if known is None:
            known = self._read(path, scope, line)
            scope.reads[path.text] = known
        return Value(known, alive=f"{known} is not None")

    def _sequence(self, path: Path, scope: Scope, line: int) -> Value:
        if path.steps or not scope.sequence:
            self.code.wrong(line, path.text, "$sequence is the number of an entry: it stands inside a list")
            return Value(NEVER)
        return Value(f"len({scope.sequence}) + 1", always=True)

    def _read(self, path: Path, scope: Scope, line: int) -> str:
        if path.root.startswith("$"):
            return self._given(path, line)
        name = scope.names.get(path.root)
        if name is None:
            return self._of_record(path)
        if name.fields is not None:
            return self._field(path, name.fields, line)
        return self._walk(name.local, path) if path.steps else name.local

    def _of_record(self, path: Path) -> str:
        if path.steps:
            return self._walk(f"get({path.root!r})", path)
        found = self.code.local()
        self.code.add(f"{found} = get({path.root!r})")
        self._first_entry(found)
        self._forget_empty(found)
        return found

    def _walk(self, start: str, path: Path) -> str:
        found = self.code.local()
        if len(path.steps) == 1 and isinstance(path.steps[0], str) and start[0] == "i" and not self.code.is_traced:
            # Beside each entry `i1` of a loop stands `o1`: the same, or an empty object when the entry is none.
            self.code.add(f"{found} = o{start[1:]}.get({path.steps[0]!r})")
            self._first_entry(found)
        else:
            self.code.add(f"{found} = step_into({start}, {self.code.bind('S', path.steps)})")
        self._forget_empty(found)
        return found

    def _first_entry(self, name: str) -> None:
        self.code.add(f"if {name}.__class__ is list: {name} = {name}[0] if {name} else None")

    def _forget_empty(self, name: str) -> None:
        self.code.add(f"if {self._nothing.format(name)}: {name} = None")

    def _given(self, path: Path, line: int) -> str:
        name = path.root[1:]
        if name == "member":
            return "member"
        if path.steps or name not in GIVEN | set(self.mapping.context):
            self.code.wrong(line, path.text, f"`{path.root}` is not given: list it under `context:`")
            return NEVER
        found = self.code.local()
        self.code.add(f"{found} = given.get({name!r}) or None")
        return found

    def _field(self, path: Path, fields: dict[str, tuple[str, str]], line: int) -> str:
        step = path.steps[0] if len(path.steps) == 1 else ""
        if not isinstance(step, str) or step not in fields:
            self.code.wrong(line, path.text, f"numbered columns have the fields {', '.join(fields)}")
            return NEVER
        local, how = fields[step]
        if not how:
            return local
        found = self.code.local()
        self.code.add(f"{found} = {how.format(local)}")
        self._first_entry(found)
        self._forget_empty(found)
        return found

    def template(self, template: Template, scope: Scope, *, line: int) -> Value:
        """The text with its holes filled; None when one is missing."""
        text, tests = "", []
        for part in template.parts:
            if isinstance(part, str):
                text += part.replace("{", "{{").replace("}", "}}")
                continue
            value = self.path(part, scope, line=line)
            tests += [] if value.always else [f"{value.text} is not None"]
            text += "{" + value.text + "}"
        found = self.code.local()
        # The text between holes is written as a literal of Python: nothing in it is read as code.
        written = "f" + _quoted(text)
        self.code.add(f"{found} = {written} if {' and '.join(dict.fromkeys(tests)) or 'True'} else None")
        return Value(found, alive=f"{found} is not None")

    def condition(self, condition: Condition, scope: Scope, *, line: int) -> str:
        """An expression that is true when the condition holds; what it reads is read before."""
        if isinstance(condition, Has):
            value = self.path(condition.path, scope, line=line)
            return "True" if value.always else f"{value.text} is not None"
        if isinstance(condition, Not):
            return f"not ({self.condition(condition.part, scope, line=line)})"
        if isinstance(condition, Both):
            parts = [f"({self.condition(part, scope, line=line)})" for part in condition.parts]
            return f" {condition.word} ".join(parts)
        return self._compared(condition, scope, line)

    def _compared(self, condition: Compare, scope: Scope, line: int) -> str:
        value = self.text(condition.path, scope, line=line)
        if condition.other is not None:
            other = self.text(condition.other, scope, line=line)
            return f"{value} is not None and {value} == {other}"
        if len(condition.values) == 1:
            return f"{value} == {condition.values[0]!r}"
        return f"{value} in {condition.values!r}"

    def text(self, path: Path, scope: Scope, *, line: int) -> str:
        """A local name that holds the value as text, or None."""
        key = f"text of {path.text}"
        if key not in scope.reads:
            value = self.path(path, scope, line=line)
            found = self.code.local()
            self.code.add(f"{found} = text_of({value.text})")
            scope.reads[key] = found
        return scope.reads[key]


def _quoted(text: str) -> str:
    """A Python literal; a hole holds names only, so quotes and escapes can only come from the text between."""
    return (
        '"'
        + text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\0", "\\x00")
        + '"'
    )
