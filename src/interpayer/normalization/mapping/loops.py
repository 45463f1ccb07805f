"""Code of `foreach`: over a list of the record, or over numbered columns as if they were one."""

from interpayer.normalization.mapping.emission import Code, Name, Scope
from interpayer.normalization.mapping.language import Foreach, Numbered, Path


def open_loop(code: Code, foreach: Foreach, scope: Scope) -> Scope:
    """Begin the loop; what follows in `code` is inside it. The scope in it knows the entry by its name."""
    if isinstance(foreach.over, Numbered):
        return _numbered(code, foreach, foreach.over, scope)
    return _listed(code, foreach, foreach.over, scope)


def only_new(code: Code, value: str, met: str) -> None:
    """Begin a block for entries whose value was not met before; one without a value is always new."""
    code.add(f"if {value} not in {met}:")
    code.depth += 1
    code.add(f"if {value} is not None: {met}.add({value})")


def _listed(code: Code, foreach: Foreach, over: Path, scope: Scope) -> Scope:
    known = scope.names.get(over.root)
    start, steps = (f"get({over.root!r})", over.steps) if known is None else (known.local, over.steps)
    item = code.local("i")
    entries = f"every({start}, {code.bind('S', steps)})"
    loop = _head(code, item, entries)
    code.add(f"o{item[1:]} = {item} if {item}.__class__ is dict else object_of({item})")
    inside = scope.inner(loop=loop, name=foreach.name)
    inside.define(foreach.name, Name(item, meaning=foreach))
    return inside


def _numbered(code: Code, foreach: Foreach, over: Numbered, scope: Scope) -> Scope:
    numbers = range(over.first, over.last + 1)
    rows = tuple(
        (n, *(template.rpartition(".")[2].replace("{n}", str(n)) for _, template in over.columns)) for n in numbers
    )
    n, columns = code.local("n"), [code.local("c") for _ in over.columns]
    loop = _head(code, ", ".join([n, *columns]), code.bind("C", rows))
    fields = {"n": (n, "")}
    for (field, template), column in zip(over.columns, columns, strict=True):
        fields[field] = (column, _reader(template, scope))
    inside = scope.inner(loop=loop, name=foreach.name)
    inside.define(foreach.name, Name("", fields, meaning=foreach))
    return inside


def _reader(template: str, scope: Scope) -> str:
    """`CODE{n}` is a column of the record, `line.CODE{n}` one of an entry."""
    root, dot, _ = template.rpartition(".")
    if not dot:
        return "get({})"
    known = scope.names.get(root)
    return (
        f"o{known.local[1:]}.get({{}})"
        if known is not None and known.local.startswith("i")
        else f"get({root!r}, {{{{}}}}).get({{}})"
    )


def _head(code: Code, target: str, entries: str) -> str:
    if not code.is_traced:
        code.add(f"for {target} in {entries}:")
        code.depth += 1
        return ""
    loop = code.local("j")
    code.add(f"for {loop}, ({target}) in enumerate({entries}):")
    code.depth += 1
    return loop
