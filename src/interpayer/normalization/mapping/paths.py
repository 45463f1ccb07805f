"""The small texts inside a rule: paths, templates, conditions. What cannot be read says what would be."""

import re

from interpayer.normalization.mapping.language import Both, Compare, Condition, Filter, Has, Not, Path, Step, Template

_ROOT = re.compile(r"\$?[A-Za-z0-9_]+")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]|\[([A-Za-z0-9_.]+)=([^\]]+)\]")
_HOLE = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>!=|==|=|[(),])|(?P<open>\[)|(?P<close>\])"
    r"|(?P<path>\$?[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+|\[\d+\]|\[[A-Za-z0-9_.]+=[^\]]+\])*))"
)
_WORDS = frozenset({"and", "or", "not", "in"})


class Unreadable(ValueError):
    """The text is no path, template or condition; the message says what is."""


def read_path(text: str) -> Path:
    """`CLM_ID`, `PID.5.1`, `lines[0].X`, `REF[01=EI].02`, `$member`. Raises Unreadable."""
    stripped = text.strip()
    root = _ROOT.match(stripped)
    if root is None:
        raise Unreadable(f"`{text}` is no path: a path is like CLM_ID, PID.5.1, lines[0].CODE or REF[01=EI].02")
    steps: list[Step] = []
    at = root.end()
    while at < len(stripped):
        step = _STEP.match(stripped, at)
        if step is None:
            raise Unreadable(f"`{text}` cannot be read from `{stripped[at:]}` on; a text with holes is a template")
        steps.append(_step(step))
        at = step.end()
    return Path(stripped, root.group(), tuple(steps))


def _step(found: re.Match[str]) -> Step:
    name, index, key, values = found.groups()
    if name is not None:
        return str(name)
    if index is not None:
        return int(index)
    return Filter(tuple(key.split(".")), tuple(value.strip().strip("\"'") for value in values.split("|")))


def read_source(text: str) -> Path | Template:
    """A template when it has a hole, else a path. Raises Unreadable."""
    return read_template(text) if "{" in text else read_path(text)


def read_template(text: str) -> Template:
    """Text with `{path}` in it. Raises Unreadable."""
    parts: list[str | Path] = []
    at = 0
    for hole in _HOLE.finditer(text):
        parts += [text[at : hole.start()]] if hole.start() > at else []
        parts.append(read_path(hole.group(1)))
        at = hole.end()
    parts += [text[at:]] if at < len(text) else []
    if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
        raise Unreadable(f"`{text}` has a bracket without its pair")
    return Template(text, tuple(parts))


def read_condition(text: str) -> Condition:
    """One line of `=`, `!=`, `in [...]`, `not`, `and`, `or`. Raises Unreadable."""
    reader = _Conditions(text)
    found = reader.either()
    if reader.peek() is not None:
        raise Unreadable(f"`{text}`: nothing may follow here: `{reader.peek()}`")
    return found


class _Conditions:
    """A reader of one condition, by descent: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split(text)
        self.at = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            token = _TOKEN.match(text, at)
            if token is None:
                raise Unreadable(f"`{text}` cannot be read from `{text[at:].strip()}` on")
            tokens.append(token.group().strip())
            at = token.end()
        return tokens

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def next(self) -> str:
        token = self.peek()
        if token is None:
            raise Unreadable(f"`{self.text}` ends too early")
        self.at += 1
        return token

    def take(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise Unreadable(f"`{self.text}`: `{token}` is missing")

    def either(self) -> Condition:
        parts = [self.all()]
        while self.take("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else Both("or", tuple(parts))

    def all(self) -> Condition:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Both("and", tuple(parts))

    def one(self) -> Condition:
        if self.take("not"):
            return Not(self.one())
        if self.take("("):
            inner = self.either()
            self.expect(")")
            return inner
        return self.comparison(self.path(self.next()))

    def comparison(self, path: Path) -> Condition:
        if self.take("=="):
            raise Unreadable(f"`{self.text}`: write one `=`")
        if self.take("="):
            return self.compared(path)
        if self.take("!="):
            return Not(self.compared(path))
        if self.take("in"):
            return Compare(path, self.values())
        if self.take("not"):
            self.expect("in")
            return Not(Compare(path, self.values()))
        return Has(path)

    def compared(self, path: Path) -> Compare:
        token = self.next()
        if token[0] in "\"'":
            return Compare(path, (token[1:-1],))
        return Compare(path, (token,)) if token.isdigit() else Compare(path, other=self.path(token))

    def values(self) -> tuple[str, ...]:
        self.expect("[")
        found = [self.value()]
        while self.take(","):
            found.append(self.value())
        self.expect("]")
        return tuple(found)

    def value(self) -> str:
        token = self.next()
        if token[0] not in "\"'" and not token.isdigit():
            raise Unreadable(f'`{self.text}`: a value stands in quotes: "{token}"')
        return token.strip("\"'")

    def path(self, token: str) -> Path:
        if token in _WORDS or not (token[0].isalnum() or token[0] in "$_"):
            raise Unreadable(f"`{self.text}`: a path is missing before or after `{token}`")
        return read_path(token)
