"""Python for steps, types and functions that move through a resource."""

from collections.abc import Iterable

from interpayer.validation.fhirpath.emit import NOTHING, Code, Scope, Truth, certain, exists
from interpayer.validation.fhirpath.model import PRIMITIVES, Member, plain_type
from interpayer.validation.fhirpath.runtime import Walker
from interpayer.validation.fhirpath.syntax import Call, Node, NotSupported, Step, TypeTest, Variable

# Types that stand for resources of any type: their members are known only when the resource is seen.
_ANY = {"Resource", "DomainResource"}


def step(node: Step, scope: Scope) -> Code:
    """The members of that name."""
    return _narrowed_step(node, scope, None)


def _narrowed_step(node: Step, scope: Scope, wanted: str | None) -> Code:
    target = scope.this if node.target is None else scope.value(node.target)
    if node.target is None and _names_focus(node.name, scope):
        return scope.this
    if target.text == "None":
        return NOTHING
    if target.types is None:
        return _looked_up(target, node.name, scope)
    if node.name in {"extension", "id"} and target.types <= PRIMITIVES.keys():
        return _beside(node.target, node.name, scope)
    members = [found for each in sorted(target.types) if (found := scope.shop.model.member(each, node.name))]
    if not members:
        return _looked_up(target, node.name, scope) if target.types & _ANY else NOTHING
    keys = {key: kind for member in members for key, kind in member.keys}
    if wanted is not None:
        keys = {key: kind for key, kind in keys.items() if scope.shop.model.is_a(kind, wanted)}
    if not keys:
        return NOTHING
    return _reached(target, Member(tuple(keys.items()), any(each.is_many for each in members)), scope)


def _names_focus(name: str, scope: Scope) -> bool:
    """Whether a first step is the name of the focus's own type (`Patient.name` on a Patient)."""
    types = scope.this.types or frozenset()
    return name[:1].isupper() and any(scope.shop.model.is_a(each, name) for each in types)


def _looked_up(target: Code, name: str, scope: Scope) -> Code:
    items = scope.each(target)
    found = scope.listed(f"look_up({items.text}, {name!r})", None)
    return Code(found.text, None, items.clauses + found.clauses)


def _reached(target: Code, member: Member, scope: Scope) -> Code:
    types = frozenset(kind for _, kind in member.keys)
    if target.is_many:
        items = scope.each(target)
        found = _members_of(items.text, member, scope)
        return Code(found.text, types, items.clauses + found.clauses)
    if target.text.isidentifier() and target.is_sure:
        return _from_name(target.text, member, scope)
    if member.is_many or len(member.keys) > 1:
        found = _members_of(f"({target.text} or EMPTY)", member, scope)
        return found if member.is_many else Code(_access(f"({target.text} or EMPTY)", member, scope), types)
    return Code(_access(f"({target.text} or EMPTY)", member, scope), types)


def _from_name(name: str, member: Member, scope: Scope) -> Code:
    types = frozenset(kind for _, kind in member.keys)
    return _members_of(name, member, scope) if member.is_many else Code(_access(name, member, scope), types)


def _members_of(text: str, member: Member, scope: Scope) -> Code:
    types = frozenset(kind for _, kind in member.keys)
    name = scope.shop.fresh()
    if not member.is_many:
        return Code(name, types, (f"for {name} in ({_access(text, member, scope)},) if {name} is not None",))
    if len(member.keys) > 1:
        keys = scope.shop.constant(tuple(key for key, _ in member.keys))
        return Code(name, types, (f"for {name} in mixed({text}, {keys})",))
    key = member.keys[0][0]
    if types <= PRIMITIVES.keys():
        return Code(name, types, (f"for {name} in paired({text}, {key!r})",))
    return Code(name, types, (f"for {name} in {text}.get({key!r}) or ()",))


def _access(text: str, member: Member, scope: Scope) -> str:
    """Python of a member that is there at most once: its value, or the object of its extensions."""
    if len(member.keys) > 1:
        plain = frozenset(key for key, _ in member.keys)
        marked = frozenset(f"_{key}" for key, kind in member.keys if kind in PRIMITIVES)
        return f"choice({text}, {scope.shop.constant(plain)}, {scope.shop.constant(marked)})"
    key, kind = member.keys[0]
    if kind not in PRIMITIVES:
        return f"{text}.get({key!r})"
    return f"{text}.get({key!r}, {text}.get({'_' + key!r}))"


def _beside(node: Node | None, name: str, scope: Scope) -> Code:
    """The extensions or the id of a primitive: they stand in the member beside it."""
    if not isinstance(node, Step):
        raise NotSupported(f"{name} of a primitive that is not reached by its name")
    parent = scope.this if node.target is None else scope.value(node.target)
    items = scope.each(parent)
    found = scope.listed(f"beside({items.text}, {node.name!r}, {name!r})", frozenset({"Extension", "string"}))
    types = frozenset({"Extension"}) if name == "extension" else frozenset({"string"})
    return Code(found.text, types, items.clauses + found.clauses)


def narrow(node: TypeTest, scope: Scope) -> Code:
    """The items of a type (`as`, `ofType`)."""
    wanted = plain_type(node.type)
    if not scope.shop.model.knows(wanted):
        # A type of another version of FHIR: nothing here is of it.
        return NOTHING
    if isinstance(node.operand, Step):
        target = scope.value(node.operand)
        if target.types and not target.types & _ANY:
            return _narrowed_step(node.operand, scope, wanted)
    if isinstance(node.operand, Call) and node.operand.name == "descendants":
        return descendants(node.operand, scope, wanted)
    target = scope.value(node.operand)
    if target.types is not None and not target.types & _ANY:
        return _narrow_known(target, target.types, wanted, scope)
    return _narrow_unknown(target, wanted, scope)


def _narrow_unknown(target: Code, wanted: str, scope: Scope) -> Code:
    """Items of whatever type: resources say theirs, and a walk marks its strings with theirs."""
    items, model = scope.each(target), scope.shop.model
    if model.is_resource(wanted):
        test = f"is_resource({items.text}, {wanted!r})"
    elif wanted in PRIMITIVES:
        kinds = scope.shop.constant(frozenset(each for each in PRIMITIVES if model.is_a(each, wanted)))
        test = f"is_kind({items.text}, {kinds})"
    else:
        raise NotSupported(f"whether an item is {wanted} cannot be seen")
    return Code(items.text, frozenset({wanted}), (*items.clauses, f"if {test}"))


def _narrow_known(target: Code, types: frozenset[str], wanted: str, scope: Scope) -> Code:
    fitting = frozenset(each for each in types if scope.shop.model.is_a(each, wanted))
    if fitting == types:
        return target
    if fitting:
        raise NotSupported(f"whether an item is {wanted} cannot be seen")
    return NOTHING


def is_type(node: TypeTest, scope: Scope) -> Truth:
    """Whether the one item is of a type."""
    there, fitting = exists(scope.value(node.operand)), exists(narrow(node, scope))
    return Truth(fitting.true, f"({there.true}) and ({fitting.false})")


def descendants(node: Call, scope: Scope, wanted: str | None = None) -> Code:
    """Everything below, or everything below of a type."""
    walker = scope.shop.constant(Walker(scope.shop.model))
    items = scope.each(target_of(node, scope))
    kinds = _only(items.types)
    found = scope.listed(f"{walker}.below({items.text}, {kinds!r}, {wanted!r})", None)
    return Code(found.text, frozenset({wanted}) if wanted else None, items.clauses + found.clauses)


def children(node: Call, scope: Scope) -> Code:
    """Everything one step below."""
    walker = scope.shop.constant(Walker(scope.shop.model))
    items = scope.each(target_of(node, scope))
    found = scope.listed(f"{walker}.children({items.text}, {_only(items.types)!r})", None)
    return Code(found.text, None, items.clauses + found.clauses)


def _only(types: Iterable[str] | None) -> str:
    names = list(types or ())
    return names[0] if len(names) == 1 else ""


def target_of(node: Call, scope: Scope) -> Code:
    """What a function is called on: what stands before it, else the item in hand."""
    return scope.this if node.target is None else scope.value(node.target)


def resolve(node: Call, scope: Scope) -> Code:
    """The resources that references point to."""
    items = scope.each(target_of(node, scope))
    found = scope.listed(f"resolve({items.text}, resource, root)", None)
    return Code(found.text, None, items.clauses + found.clauses)


def extension(node: Call, scope: Scope) -> Code:
    """The extensions of a url."""
    items = scope.each(step(Step(node.target, "extension"), scope))
    url = scope.inside(items).value(node.arguments[0])
    return Code(items.text, frozenset({"Extension"}), (*items.clauses, f"if {items.text}.get('url') == {url.text}"))


def has_value(node: Call, scope: Scope) -> Truth:
    """Whether the one item is a primitive with a value."""
    target = target_of(node, scope)
    if target.types is not None and not target.types & PRIMITIVES.keys():
        return Truth("False", "True", is_sure=True)
    if target.is_many:
        return certain(f"has_value({target.as_list})")
    return certain(f"bool(isinstance({target.text}, PRIMITIVE))")


def variable(node: Variable, scope: Scope) -> Code:
    """`$this`, `$index`, `$total`, and the environment."""
    if node.name == "$this":
        return scope.this
    if node.name == "$index" and scope.index:
        return Code(scope.index, frozenset({"integer"}), is_sure=True)
    if node.name == "$total" and scope.total is not None:
        return scope.total
    name = node.name[1:]
    if name in {"resource", "rootResource"}:
        kind = frozenset({"Resource"})
        # The focus of a constraint on a resource is that resource.
        if name == "resource" and scope.shop.variables.get("resource"):
            kind = frozenset({scope.shop.variables["resource"]})
        return Code("resource" if name == "resource" else "root", kind, is_sure=True)
    if name == "context":
        return Code("node", frozenset({scope.shop.variables["context"]}), is_sure=True)
    if (constant := _constant(name)) is not None:
        return Code(repr(constant), frozenset({"string"}), is_sure=True)
    raise NotSupported(f"unknown variable {node.name}")


def _constant(name: str) -> str | None:
    known = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
    for prefix, base in (("vs-", "ValueSet/"), ("ext-", "StructureDefinition/")):
        if name.startswith(prefix):
            return f"http://hl7.org/fhir/{base}{name.removeprefix(prefix)}"
    return known.get(name)
