"""Text of an expression to its syntax tree (FHIRPath N1, grammar)."""

from interpayer.validation.fhirpath.syntax import (
    Call,
    Literal,
    Negated,
    Node,
    Nothing,
    NotSupported,
    Operation,
    Pick,
    Step,
    TypeTest,
    Variable,
)
from interpayer.validation.fhirpath.tokens import Token, read_tokens

# How tightly an operator binds, from `implies` (loosest) up.
_BINDING = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<=": 6, "<": 6, ">": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_DEEPEST = 60
_UNITS = {"year", "month", "week", "day", "hour", "minute", "second", "millisecond"}


def parse(text: str) -> Node:
    """The tree of an expression; NotSupported when it is not FHIRPath or nested too deep."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(read_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression(0)
        if self._peek().kind != "end":
            raise self._stumble()
        return node

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _sign(self, text: str) -> bool:
        """Whether the next word is this sign, which is then taken."""
        token = self._peek()
        if token.kind == "sign" and token.text == text:
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._sign(text):
            raise self._stumble()

    def _stumble(self) -> NotSupported:
        token = self._peek()
        return NotSupported(f"unexpected {token.text or 'end'!r} at {token.at}")

    def _expression(self, floor: int) -> Node:
        self._deepen()
        left = self._prefixed()
        while (binding := self._binding()) > floor:
            operator = self._take().text
            if operator in {"is", "as"}:
                left = TypeTest(operator, left, self._type_name())
            else:
                left = Operation(operator, left, self._expression(binding))
        self._depth -= 1
        return left

    def _deepen(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotSupported("nested too deep")

    def _binding(self) -> int:
        token = self._peek()
        return _BINDING.get(token.text, 0) if token.kind in {"sign", "word"} else 0

    def _prefixed(self) -> Node:
        sign = self._peek().text if self._peek().kind == "sign" else ""
        if sign not in {"-", "+"}:
            return self._chain(self._term())
        self._take()
        self._deepen()
        operand = self._prefixed()
        self._depth -= 1
        return Negated(operand) if sign == "-" else operand

    def _chain(self, node: Node) -> Node:
        while True:
            if self._sign("."):
                node = self._invocation(node)
            elif self._sign("["):
                node = Pick(node, self._expression(0))
                self._expect("]")
            else:
                return node

    def _term(self) -> Node:
        token = self._peek()
        if self._sign("("):
            node = self._expression(0)
            self._expect(")")
            return node
        if self._sign("{"):
            self._expect("}")
            return Nothing()
        if token.kind in {"string", "number", "moment"} or (token.kind == "word" and token.text in {"true", "false"}):
            return self._literal()
        if token.kind == "variable":
            return Variable(self._take().text)
        return self._invocation(None)

    def _literal(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return self._number(token.text)
        if token.kind == "moment":
            return Literal(token.text[1:].removeprefix("T"), _moment_type(token.text))
        if token.kind == "word":
            return Literal(token.text == "true", "boolean")
        return Literal(token.text, "string")

    def _number(self, text: str) -> Literal:
        number = float(text) if "." in text else int(text)
        unit = self._peek()
        if unit.kind == "string" or (unit.kind == "word" and unit.text.removesuffix("s") in _UNITS):
            return Literal({"value": number, "unit": self._take().text}, "Quantity")
        return Literal(number, "decimal" if "." in text else "integer")

    def _invocation(self, target: Node | None) -> Node:
        if self._peek().kind == "variable" and self._peek().text.startswith("$") and target is None:
            return Variable(self._take().text)
        if self._peek().kind not in {"word", "quoted"}:
            raise self._stumble()
        name = self._take().text
        if not self._sign("("):
            return Step(target, name)
        if name in {"is", "as", "ofType"}:
            return self._type_function(target, name)
        return Call(target, name, self._arguments())

    def _type_function(self, target: Node | None, name: str) -> TypeTest:
        wanted = self._type_name()
        self._expect(")")
        return TypeTest(name, target or Variable("$this"), wanted)

    def _arguments(self) -> tuple[Node, ...]:
        if self._sign(")"):
            return ()
        arguments = [self._expression(0)]
        while self._sign(","):
            arguments.append(self._expression(0))
        self._expect(")")
        return tuple(arguments)

    def _type_name(self) -> str:
        if self._peek().kind not in {"word", "quoted"}:
            raise self._stumble()
        name = self._take().text
        if self._sign("."):
            name = f"{name}.{self._take().text}"
        return name


def _moment_type(text: str) -> str:
    if text.startswith("@T"):
        return "time"
    return "dateTime" if "T" in text else "date"
