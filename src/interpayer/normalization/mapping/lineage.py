"""Where a field comes from: the mapping is replayed for one record, every value bound to the rule that gave it."""

from collections.abc import Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from typing import Any

from interpayer.normalization.mapping.compiler import SHAPE_FAULTS, Compiled, Context, given_of, made
from interpayer.normalization.mapping.emission import Name, Written
from interpayer.normalization.mapping.generate import generate
from interpayer.normalization.mapping.language import (
    Elements,
    Entries,
    Foreach,
    Mapping,
    Numbered,
    Path,
    Rule,
    Template,
)
from interpayer.normalization.mapping.running import Traced, bare
from interpayer.normalization.mapping.times import zone_of

CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one field of one resource is as it is: the rule, and the places of the record that it read."""

    resource: str
    field: str
    sources: tuple[str, ...]
    line: int
    version: str
    transforms: tuple[str, ...] = ()
    table: str = ""
    when: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field that a mapping can write, without a record: what it reads and how."""

    field: str
    sources: tuple[str, ...]
    line: int
    transforms: tuple[str, ...] = ()
    table: str = ""
    when: str = ""


def fields_of(mapping: Mapping) -> tuple[FieldRule, ...]:
    """The static table field -> source of this version of a mapping."""
    _, _, rules, _ = generate(mapping, is_traced=True)
    return tuple(
        FieldRule(
            field=one.path,
            sources=tuple(dict.fromkeys(_said(one, None))),
            line=one.rule.line,
            transforms=tuple(transform.name for transform in one.rule.transforms),
            table=one.rule.table,
            when=one.rule.when_text,
        )
        for one in rules
    )


def explain(compiled: Compiled, content: Dictionary[str, Any], context: Context, *, field: str = "") -> list[Explained]:
    """What every field of every resource of this record; of one field (and what is below it) if named."""
    resources, rules = _traced(compiled, content, context)
    fields = []
    for traced in resources:
        plain = bare(traced)
        resource = f"{plain.get('resourceType', '')}/{plain.get('id', '')}"
        for path, value, trace in _walk(traced, "", None):
            if _is_wanted(path, field):
                fields.append(_explained(resource, path, value, trace, rules, compiled.version))
    return fields


def replay(compiled: Compiled, content: Dictionary[str, Any], context: Context) -> list[dict[str, Any]]:
    """The resources by the traced form, without their traces: the same bytes as `Compiled.apply` writes."""
    return [bare(one) for one in _traced(compiled, content, context)[0]]


def _traced(
    compiled: Compiled, content: Dictionary[str, Any], context: Context
) -> tuple[list[dict[str, Any]], list[Written]]:
    """The resources with every value bound to its rule, each resource once; nothing for a record of another shape."""
    if not compiled.memo:
        text, names, found, _ = generate(compiled.mapping, is_traced=True)
        compiled.memo.update(run=made(text, names, compiled.mapping.file), rules=found)
    run, rules = compiled.memo["run"], compiled.memo["rules"]
    try:
        resources = run(content, given_of(context), zone_of(context.time_zone), [])
    except SHAPE_FAULTS:
        return [], rules
    seen: dict[tuple[Any, Any], dict[str, Any]] = {}
    for at, traced in enumerate(resources):
        local_id = bare(traced.get("id"))
        seen.setdefault((traced.get("resourceType"), at if local_id is None else local_id), traced)
    return list(seen.values()), rules


def _is_wanted(path: str, field: str) -> bool:
    return not field or path == field or path.startswith((f"{field}.", f"{field}[")) or field.startswith(f"{path}.")


def _walk(value: Any, path: str, trace: Traced | None) -> Iterator[tuple[str, Any, Traced | None]]:
    """Every leaf with the innermost rule around it."""
    while isinstance(value, Traced):
        value, trace = value.value, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _walk(one, f"{path}.{key}".lstrip("."), trace)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _walk(one, f"{path}[{at}]", trace)
    else:
        yield path, value, trace


def _explained(
    resource: str, path: str, value: Any, trace: Traced | None, rules: list[Written], version: str
) -> Explained:
    if trace is None:
        return Explained(resource, path, (CONSTANT,), 0, version, value=value)
    written = rules[trace.rule]
    rule, sources = written.rule, tuple(dict.fromkeys(_said(written, trace)))
    chosen = rule.sources[trace.alternative] if len(rule.sources) > trace.alternative else None
    inner = chosen if isinstance(chosen, Rule) else rule
    transforms = tuple(one.name for one in (*(inner.transforms if inner is not rule else ()), *rule.transforms))
    return Explained(
        resource, path, sources or (CONSTANT,), inner.line, version, transforms, rule.table or inner.table,
        inner.when_text or rule.when_text, value,
    )  # fmt: skip


def _said(written: Written, trace: Traced | None) -> Iterator[str]:
    """The places that the rule reads; with a trace only those of the source that was taken, with their positions."""
    sources = written.rule.sources
    joins = bool(written.rule.transforms) and written.rule.transforms[0].name == "join"
    if trace is not None and len(sources) > 1 and not joins:
        sources = (sources[trace.alternative],)
    loops = dict(zip(written.loop_names, trace.loops, strict=True)) if trace is not None else {}
    for source in sources:
        yield from _places(source, written.names, loops)


def _places(source: object, names: Dictionary[str, Name], loops: Dictionary[str, int]) -> Iterator[str]:
    if isinstance(source, Path):
        yield from _of_path(source, names, loops)
    elif isinstance(source, Rule) and source.const is not None:
        yield CONSTANT
    else:
        for part in _parts(source):
            yield from _places(part, names, loops)


def _parts(source: object) -> tuple[object, ...]:
    """What stands inside a template, a rule, an object or a list."""
    if isinstance(source, Template):
        return source.parts
    if isinstance(source, Rule):
        return (*source.sources, source.to)
    if isinstance(source, Elements):
        return tuple(member for _, member in source.members)
    return source.entries if isinstance(source, Entries) else ()


def _of_path(path: Path, names: Dictionary[str, Name], loops: Dictionary[str, int]) -> Iterator[str]:
    meaning = names[path.root].meaning if path.root in names else None
    rest = path.text[len(path.root) :]
    if isinstance(meaning, Foreach):
        yield _in_loop(path, meaning, names, loops)
    elif meaning is not None:
        others = {name: one for name, one in names.items() if name != path.root}
        yield from _places(meaning, others, loops)
    else:
        yield path.root + rest


def _in_loop(path: Path, foreach: Foreach, names: Dictionary[str, Name], loops: Dictionary[str, int]) -> str:
    at = loops.get(foreach.name)
    rest = path.text[len(path.root) :]
    if isinstance(foreach.over, Numbered):
        template = dict(foreach.over.columns).get(rest.removeprefix("."), rest)
        return template if at is None else template.replace("{n}", str(foreach.over.first + at))
    outer = {name: one for name, one in names.items() if name != foreach.name}
    over = next(_of_path(foreach.over, outer, loops), foreach.over.text)
    return f"{over}[{'' if at is None else at}]{rest}"
