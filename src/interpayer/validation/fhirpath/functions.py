"""Python for functions on collections, strings and numbers."""

import re
from collections.abc import Callable, Mapping

from interpayer.validation.fhirpath.emit import (
    BOOLEAN,
    INTEGER,
    STRING,
    Code,
    Scope,
    Truth,
    argument,
    certain,
    exists,
    single,
)
from interpayer.validation.fhirpath.operators import truth_of
from interpayer.validation.fhirpath.paths import children, descendants, extension, has_value, resolve, target_of
from interpayer.validation.fhirpath.syntax import Call, Literal, NotSupported

_DECIMAL = frozenset({"decimal"})
_DATE = frozenset({"date"})
_MOMENT = frozenset({"dateTime"})


def call(node: Call, scope: Scope) -> Truth | Code:
    """The result of a function; NotSupported when nobody wrote it."""
    if node.name in _OF_ONE:
        return _of_one(node, scope)
    written = _WRITTEN.get(node.name)
    if written is None:
        raise NotSupported(f"function {node.name}()")
    return written(node, scope)


def _filtered(node: Call, scope: Scope) -> Code:
    """The items for which the argument is true."""
    items = scope.each(target_of(node, scope))
    inner = scope.inside(items)
    clauses = items.clauses
    if _asks_position(node):
        inner, clauses = _counted(items, scope)
    test = inner.truth(argument(node.arguments, 0)).true
    return Code(items.text, items.types, (*clauses, f"if {test}"))


def _asks_position(node: Call) -> bool:
    return "name='$index'" in repr(node.arguments)


def _counted(items: Code, scope: Scope) -> tuple[Scope, tuple[str, ...]]:
    """The same items with their position."""
    name = scope.shop.fresh()
    clause = f"for {name}, {items.text} in enumerate({items.as_list})"
    inner = scope.inside(items)
    return Scope(inner.shop, inner.this, name), (clause,)


def _exists(node: Call, scope: Scope) -> Truth:
    return exists(_filtered(node, scope) if node.arguments else target_of(node, scope))


def _empty(node: Call, scope: Scope) -> Truth:
    there = exists(target_of(node, scope))
    return Truth(there.false, there.true, is_sure=True)


def _not(node: Call, scope: Scope) -> Truth:
    found = scope.truth(node.target) if node.target is not None else truth_of(scope.this)
    return Truth(found.false, found.true, found.is_sure)


def _all(node: Call, scope: Scope) -> Truth:
    items = scope.each(target_of(node, scope))
    test = scope.inside(items).truth(argument(node.arguments, 0)).true
    return certain(f"not [1 {' '.join(items.clauses)} if not ({test})]")


def _every(expected: str, is_any: bool) -> Callable[[Call, Scope], Truth]:
    def write(node: Call, scope: Scope) -> Truth:
        items = scope.each(target_of(node, scope))
        test = f"{items.text} is {expected}" if is_any else f"{items.text} is not {expected}"
        found = f"[1 {' '.join(items.clauses)} if {test}]"
        return certain(f"bool({found})" if is_any else f"not {found}")

    return write


def _count(node: Call, scope: Scope) -> Code:
    return Code(f"len({target_of(node, scope).as_list})", INTEGER, is_sure=True)


def _select(node: Call, scope: Scope) -> Code:
    items = scope.each(target_of(node, scope))
    found = scope.inside(items).value(argument(node.arguments, 0))
    if found.is_many:
        return Code(found.text, found.types, items.clauses + found.clauses)
    name = scope.shop.fresh()
    ending = "" if found.is_sure else f" if {name} is not None"
    return Code(name, found.types, (*items.clauses, f"for {name} in ({found.text},){ending}"))


def _repeat(node: Call, scope: Scope) -> Code:
    target = target_of(node, scope)
    name = scope.shop.fresh()
    # What is found is searched again, and may be of another type than the start.
    inner = scope.inside(Code(name, None))
    projected = inner.value(argument(node.arguments, 0))
    return scope.listed(f"repeat({target.as_list}, lambda {name}: {projected.as_list})", None)


def _item(position: str) -> Callable[[Call, Scope], Code]:
    def write(node: Call, scope: Scope) -> Code:
        target = target_of(node, scope)
        if not target.is_many:
            return target
        return Code(f"({target.as_list} or (None,))[{position}]", target.types)

    return write


def _part(form: str) -> Callable[[Call, Scope], Code]:
    def write(node: Call, scope: Scope) -> Code:
        target = target_of(node, scope)
        count = single(scope.value(node.arguments[0])) if node.arguments else "0"
        return scope.listed(f"{target.as_list}{form.format(count=count)}", target.types)

    return write


def _single(node: Call, scope: Scope) -> Code:
    target = target_of(node, scope)
    return Code(single(target), target.types)


def _with_other(name: str) -> Callable[[Call, Scope], Code]:
    def write(node: Call, scope: Scope) -> Code:
        target, other = target_of(node, scope), scope.value(argument(node.arguments, 0))
        types = None if target.types is None or other.types is None else target.types | other.types
        return scope.listed(f"{name}({target.as_list}, {other.as_list})", types)

    return write


def _combine(node: Call, scope: Scope) -> Code:
    target, other = target_of(node, scope), scope.value(argument(node.arguments, 0))
    return scope.listed(f"({target.as_list} + {other.as_list})", target.types if target.types == other.types else None)


def _distinct(node: Call, scope: Scope) -> Code:
    target = target_of(node, scope)
    return scope.listed(f"distinct({target.as_list})", target.types)


def _is_distinct(node: Call, scope: Scope) -> Truth:
    items = target_of(node, scope).as_list
    return certain(f"len(distinct({items})) == len({items})")


def _subset(is_turned: bool) -> Callable[[Call, Scope], Truth]:
    def write(node: Call, scope: Scope) -> Truth:
        both = [target_of(node, scope).as_list, scope.value(argument(node.arguments, 0)).as_list]
        return certain(f"is_subset({', '.join(reversed(both) if is_turned else both)})")

    return write


def _iif(node: Call, scope: Scope) -> Code:
    inner = scope if node.target is None else scope.inside(scope.each(target_of(node, scope)))
    if node.target is not None:
        inner = Scope(scope.shop, scope.value(node.target))
    test = inner.truth(argument(node.arguments, 0)).true
    yes = inner.value(argument(node.arguments, 1))
    no = inner.value(node.arguments[2]) if len(node.arguments) > 2 else Code("None", frozenset())
    types = None if yes.types is None or no.types is None else yes.types | no.types
    if yes.is_many or no.is_many:
        return scope.listed(f"({yes.as_list} if {test} else {no.as_list})", types)
    return Code(f"({yes.text} if {test} else {no.text})", types, is_sure=yes.is_sure and no.is_sure)


def _member_of(node: Call, scope: Scope) -> Truth:
    url = argument(node.arguments, 0)
    if not isinstance(url, Literal):
        raise NotSupported("a value set that is computed")
    known = scope.shop.member_of(str(url.value))
    if known is None:
        # Only where the answer hangs on the value set is it missed.
        text = f"unknown_set({url.value!r})"
        return Truth(text, text)
    items, test = scope.each(target_of(node, scope)), scope.shop.constant(known)
    text = f"any_member({items.as_list}, {test})"
    return Truth(f"{text} is True", f"{text} is False")


def _matches(node: Call, scope: Scope) -> Code:
    return Code(f"matches({single(target_of(node, scope))}, {_pattern(node, scope)})", BOOLEAN)


def _pattern(node: Call, scope: Scope) -> str:
    """The name of the compiled pattern that the first argument is."""
    pattern = argument(node.arguments, 0)
    if not isinstance(pattern, Literal):
        raise NotSupported("a pattern that is computed")
    try:
        compiled = re.compile(str(pattern.value), re.DOTALL)
    except re.error as error:
        raise NotSupported(f"pattern: {error}") from error
    return scope.shop.constant(compiled)


def _replace_matches(node: Call, scope: Scope) -> Code:
    found, by = _pattern(node, scope), scope.value(argument(node.arguments, 1))
    return Code(f"replace_matches({single(target_of(node, scope))}, {found}, {single(by)})", STRING)


def _html(node: Call, scope: Scope) -> Truth:
    return certain(f"not narrative_faults({single(target_of(node, scope))})")


# Functions of one item that Python computes from it and the arguments: the name there, the type of the result.
_OF_ONE: Mapping[str, tuple[str, frozenset[str]]] = {
    "startsWith": ("starts", BOOLEAN), "endsWith": ("ends", BOOLEAN), "contains": ("holds", BOOLEAN),
    "length": ("length", INTEGER), "substring": ("substring", STRING), "indexOf": ("index_of", INTEGER),
    "replace": ("replace", STRING), "upper": ("upper", STRING), "lower": ("lower", STRING), "trim": ("trim", STRING),
    "toString": ("to_text", STRING), "toInteger": ("to_integer", INTEGER), "toDecimal": ("to_decimal", _DECIMAL),
    "toBoolean": ("to_boolean", BOOLEAN), "toDate": ("to_date", _DATE), "toDateTime": ("to_moment", _MOMENT),
    "round": ("rounded", _DECIMAL), "abs": ("magnitude", _DECIMAL | INTEGER), "ceiling": ("ceiling", INTEGER),
    "floor": ("floor", INTEGER),
}  # fmt: skip


def _of_one(node: Call, scope: Scope) -> Code:
    name, types = _OF_ONE[node.name]
    target = target_of(node, scope)
    given = [single(target), *(single(scope.value(each)) for each in node.arguments)]
    return Code(f"{name}({', '.join(given)})", types)


def _converts(node: Call, scope: Scope) -> Truth:
    plain = Call(node.target, node.name.replace("convertsTo", "to"), ())
    target, result = exists(target_of(node, scope)), exists(_of_one(plain, scope))
    return Truth(result.true, f"({target.true}) and ({result.false})")


_WRITTEN: Mapping[str, Callable[[Call, Scope], Truth | Code]] = {
    "exists": _exists, "empty": _empty, "not": _not, "all": _all, "count": _count, "where": _filtered,
    "allTrue": _every("True", False), "allFalse": _every("False", False),
    "anyTrue": _every("True", True), "anyFalse": _every("False", True),
    "select": _select, "repeat": _repeat, "first": _item("0"), "last": _item("-1"), "single": _single,
    "tail": _part("[1:]"), "skip": _part("[max(0, {count}):]"), "take": _part("[: max(0, {count})]"),
    "union": _with_other("union"), "intersect": _with_other("intersect"), "exclude": _with_other("exclude"),
    "combine": _combine, "distinct": _distinct, "isDistinct": _is_distinct,
    "subsetOf": _subset(False), "supersetOf": _subset(True), "iif": _iif,
    "matches": _matches, "replaceMatches": _replace_matches,
    "memberOf": _member_of, "resolve": resolve, "extension": extension, "children": children,
    "descendants": descendants, "hasValue": has_value, "getValue": target_of, "trace": target_of, "htmlChecks": _html,
    "convertsToInteger": _converts, "convertsToDecimal": _converts, "convertsToBoolean": _converts,
    "convertsToDate": _converts, "convertsToDateTime": _converts, "convertsToString": _converts,
}  # fmt: skip
