"""Python for operators: logic in three values, comparison, membership, arithmetic."""

from interpayer.validation.fhirpath.emit import BOOLEAN, STRING, Code, Scope, Truth, exists, single
from interpayer.validation.fhirpath.model import PRIMITIVES
from interpayer.validation.fhirpath.syntax import Literal, Node, Operation

_ORDER = {"<": ("(-1,)", "(0, 1)"), "<=": ("(-1, 0)", "(1,)"), ">": ("(1,)", "(-1, 0)"), ">=": ("(0, 1)", "(-1,)")}
_MOMENTS = frozenset({"date", "dateTime", "instant", "time"})
_WORDS = frozenset({"string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid"})
_PLAIN = frozenset(PRIMITIVES.keys() - _MOMENTS)


def truth_of(code: Code) -> Truth:
    """What a value counts as: a boolean as itself, anything else that is there as true."""
    if code.types == BOOLEAN:
        if code.is_many:
            return Truth(f"is_true({code.as_list})", f"is_false({code.as_list})")
        if code.is_sure:
            return Truth(code.text, f"not {code.text}", is_sure=True)
        return Truth(f"({code.text}) is True", f"({code.text}) is False")
    if code.types is None or "boolean" in code.types:
        return Truth(f"is_true({code.as_list})", f"is_false({code.as_list})")
    return Truth(exists(code).true, "False")


def operation(node: Operation, scope: Scope) -> Truth | Code:
    """The truth of a logical operator, the value of another."""
    operator = node.operator
    if operator in {"and", "or", "xor", "implies"}:
        return _logic(operator, scope.truth(node.left), scope.truth(node.right))
    if operator in {"=", "!="}:
        found = _equality(node, scope)
        return found if operator == "=" else Truth(found.false, found.true, found.is_sure)
    if operator in {"~", "!~"}:
        text = f"equivalent({scope.value(node.left).as_list}, {scope.value(node.right).as_list})"
        return Truth(text, f"not {text}", True) if operator == "~" else Truth(f"not {text}", text, True)
    if operator in _ORDER:
        return _comparison(operator, scope.value(node.left), scope.value(node.right))
    if operator in {"in", "contains"}:
        left, right = (node.left, node.right) if operator == "in" else (node.right, node.left)
        return _membership(left, right, scope)
    if operator == "|":
        return _union(node, scope)
    return _arithmetic(operator, scope.value(node.left), scope.value(node.right))


def _logic(operator: str, left: Truth, right: Truth) -> Truth:
    is_sure = left.is_sure and right.is_sure
    if operator == "and":
        return Truth(f"({left.true} and {right.true})", f"({left.false} or {right.false})", is_sure)
    if operator == "or":
        return Truth(f"({left.true} or {right.true})", f"({left.false} and {right.false})", is_sure)
    if operator == "implies":
        return Truth(f"({left.false} or {right.true})", f"({left.true} and {right.false})", is_sure)
    true = f"(({left.true} and {right.false}) or ({left.false} and {right.true}))"
    false = f"(({left.true} and {right.true}) or ({left.false} and {right.false}))"
    return Truth(true, false, is_sure)


def _equality(node: Operation, scope: Scope) -> Truth:
    left, right = scope.value(node.left), scope.value(node.right)
    if left.is_many and isinstance(node.right, Literal) and _is_of(left, _WORDS):
        return Truth(f"{left.as_list} == [{right.text}]", f"{left.as_list} not in ([], [{right.text}])")
    if left.is_many or right.is_many:
        text = f"equal({left.as_list}, {right.as_list})"
        return Truth(f"{text} is True", f"{text} is False")
    if _is_of(left, _MOMENTS) and _is_of(right, _MOMENTS | STRING):
        text = f"compare_dates({left.text}, {right.text})"
        return Truth(f"{text} == 0", f"{text} in (-1, 1)")
    if isinstance(node.right, Literal) and _is_of(left, _PLAIN) and (left.types == BOOLEAN) == (right.types == BOOLEAN):
        if left.is_sure:
            return Truth(f"{left.text} == {right.text}", f"{left.text} != {right.text}", is_sure=True)
        return Truth(f"{left.text} == {right.text}", f"{left.text} not in (None, {right.text})")
    if left.types == right.types == BOOLEAN and left.is_sure and right.is_sure:
        return Truth(f"{left.text} == {right.text}", f"{left.text} != {right.text}", is_sure=True)
    text = f"equal({left.as_list}, {right.as_list})"
    return Truth(f"{text} is True", f"{text} is False")


def _is_of(code: Code, types: frozenset[str]) -> bool:
    return bool(code.types) and code.types is not None and code.types <= types


def _comparison(operator: str, left: Code, right: Code) -> Truth:
    name = "compare_dates" if _is_of(left, _MOMENTS) and _is_of(right, _MOMENTS) else "compare"
    text = f"{name}({single(left)}, {single(right)})"
    true, false = _ORDER[operator]
    return Truth(f"{text} in {true}", f"{text} in {false}")


def _membership(left: Node, right: Node, scope: Scope) -> Truth:
    item, options = scope.value(left), _literals(right)
    if options is not None and not item.is_many:
        listed = f"({', '.join(map(repr, options))},)"
        if item.is_sure:
            return Truth(f"{item.text} in {listed}", f"{item.text} not in {listed}", is_sure=True)
        return Truth(f"{item.text} in {listed}", f"{item.text} not in (None, {listed[1:]}")
    text = f"is_in({item.as_list}, {scope.value(right).as_list})"
    return Truth(f"{text} is True", f"{text} is False")


def _literals(node: Node) -> list[object] | None:
    """The constants of a union of nothing else."""
    if isinstance(node, Literal) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, Operation) and node.operator == "|":
        left, right = _literals(node.left), _literals(node.right)
        return left + right if left is not None and right is not None else None
    return None


def _union(node: Operation, scope: Scope) -> Code:
    left, right = scope.value(node.left), scope.value(node.right)
    types = None if left.types is None or right.types is None else left.types | right.types
    return scope.listed(f"union({left.as_list}, {right.as_list})", types)


def _arithmetic(operator: str, left: Code, right: Code) -> Code:
    if operator == "&":
        return Code(f"join({single(left)}, {single(right)})", STRING, is_sure=True)
    types = (
        frozenset({"integer", "decimal"}) if operator != "+" or not (left.types == right.types == STRING) else STRING
    )
    return Code(f"calculate({operator!r}, {single(left)}, {single(right)})", types)
