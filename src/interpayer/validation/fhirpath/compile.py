"""An expression of FHIRPath to a Python function, compiled once for the type it is evaluated on.

Steps are resolved against the types of FHIR when compiling, so that a choice element, a primitive with extensions and
a date are known without looking; what depends on the resource itself (contained, Bundle entries) is looked up then.
The text of the function consists of names made here and of `repr` of strings and numbers, never of the expression.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.validation.fhirpath import comparing, runtime, strings
from interpayer.validation.fhirpath.emit import NOTHING, Code, Membership, Scope, Truth, Workshop, single
from interpayer.validation.fhirpath.functions import call
from interpayer.validation.fhirpath.model import TypeModel
from interpayer.validation.fhirpath.narrative import narrative_faults
from interpayer.validation.fhirpath.operators import operation, truth_of
from interpayer.validation.fhirpath.parse import parse
from interpayer.validation.fhirpath.paths import is_type, narrow, step, variable
from interpayer.validation.fhirpath.references import any_member, resolve, unknown_set
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

# The longest of the guides' own invariants becomes some 3,000 characters of Python.
_LONGEST = 100_000
_CALLED: Mapping[str, Any] = {
    **{name: getattr(module, name) for module in (runtime, comparing, strings) for name in vars(module)
       if not name.startswith("_")},
    "narrative_faults": narrative_faults, "resolve": resolve, "any_member": any_member,
    "unknown_set": unknown_set,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to run: `holds` says whether it is true, `values` gives its items.

    Both take the node, the resource it stands in, and the outermost resource (the same unless contained). They raise
    CannotTell, and any TypeError or AttributeError when the resource has not the structure of its type.
    """

    text: str
    context: str
    holds: Callable[[Any, Any, Any], bool]
    values: Callable[[Any, Any, Any], list[Any]]


def compile_expression(
    text: str, *, model: TypeModel, context: str, member_of: Callable[[str], Membership | None] = lambda _: None
) -> Compiled:
    """The expression for nodes of a type (`Period`) or path (`ExplanationOfBenefit.item`); NotSupported if it is not.

    `member_of` gives for the url of a value set the test of a code, Coding or CodeableConcept; None if not at hand.
    """
    try:
        return _compiled(text, model, context, member_of)
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise NotSupported("too complex") from error


def _compiled(text: str, model: TypeModel, context: str, member_of: Callable[[str], Membership | None]) -> Compiled:
    tree = parse(text)
    kind = context.partition(".")[0]
    shop = Workshop(
        model=model, member_of=member_of, value=_value, truth=_truth,
        variables={"context": context, "resource": kind if model.is_resource(kind) else ""},
    )  # fmt: skip
    scope = Scope(shop, Code("node", frozenset({context}), is_sure=True))
    truth, code = _truth(tree, scope), _value(tree, scope)
    holds = _build(f"return bool({truth.true})", shop)
    values = _build(f"return list({code.as_list})", shop)
    return Compiled(text, context, holds, values)


def _build(body: str, shop: Workshop) -> Callable[[Any, Any, Any], Any]:
    names: dict[str, Any] = {**_CALLED, **shop.names}
    exec(compile(f"def run(node, resource, root):\n    {body}", "<fhirpath>", "exec"), names)  # noqa: S102
    return names["run"]  # type: ignore[no-any-return]


def _value(node: Node, scope: Scope) -> Code:
    found = _bounded(node, scope)
    return found.code if isinstance(found, Truth) else found


def _truth(node: Node, scope: Scope) -> Truth:
    found = _bounded(node, scope)
    return found if isinstance(found, Truth) else truth_of(found)


def _bounded(node: Node, scope: Scope) -> Truth | Code:
    """The Python of a node; logic in three values may double it at each level, which has to end somewhere."""
    found = _made(node, scope)
    length = len(found.true) + len(found.false) if isinstance(found, Truth) else len(found.as_list)
    if length > _LONGEST:
        raise NotSupported("too complex")
    return found


def _made(node: Node, scope: Scope) -> Truth | Code:
    match node:
        case Step():
            return step(node, scope)
        case Operation():
            return operation(node, scope)
        case Call():
            return call(node, scope)
        case TypeTest(operator="is"):
            return is_type(node, scope)
        case TypeTest():
            return narrow(node, scope)
        case _:
            return _plain(node, scope)


def _plain(node: Node, scope: Scope) -> Truth | Code:
    match node:
        case Literal(value=bool() as value):
            return Truth(str(value), str(not value), is_sure=True)
        case Literal(value=dict() as value):
            return Code(scope.shop.constant(value), frozenset({"Quantity"}), is_sure=True)
        case Literal():
            return Code(repr(node.value), frozenset({node.type}), is_sure=True)
        case Nothing():
            return NOTHING
        case Variable():
            return variable(node, scope)
        case Negated():
            operand = scope.value(node.operand)
            return Code(f"calculate('-', 0, {single(operand)})", operand.types)
        case Pick():
            return _picked(node, scope)
    raise NotSupported(f"{type(node).__name__}")


def _picked(node: Pick, scope: Scope) -> Code:
    target, position = scope.value(node.target), single(scope.value(node.position))
    return Code(f"one_of({target.as_list}[{position}:][:1])", target.types)
