"""What changed between two versions of a mapping: fields, their rules, codes; for a person who has to approve it."""

from collections.abc import Iterator
from dataclasses import dataclass

from interpayer.normalization.mapping.compiler import Compiled
from interpayer.normalization.mapping.language import CodeTable
from interpayer.normalization.mapping.lineage import FieldRule, fields_of

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of a field, of a code table (`table gender`) or of one of its codes."""

    what: str
    change: str
    before: str = ""
    after: str = ""


def changes_between(old: Compiled, new: Compiled) -> list[Change]:
    """Every change from the old version to the new one; empty for the same version."""
    return [*_fields(old, new), *_tables(old, new)] if old.version != new.version else []


def _fields(old: Compiled, new: Compiled) -> Iterator[Change]:
    before, after = _by_field(old), _by_field(new)
    for field in dict.fromkeys((*before, *after)):
        yield from _change(field, before.get(field, ""), after.get(field, ""))


def _by_field(compiled: Compiled) -> dict[str, str]:
    """Field to its rules in words; several rules may write one field (entries of a list, alternatives)."""
    found: dict[str, list[str]] = {}
    for rule in fields_of(compiled.mapping):
        found.setdefault(rule.field, []).append(_words(rule))
    return {field: "; ".join(words) for field, words in found.items()}


def _words(rule: FieldRule) -> str:
    parts = [", ".join(rule.sources) or "constant", *rule.transforms]
    parts += [f"table {rule.table}"] if rule.table else []
    return " > ".join(parts) + (f" when {rule.when}" if rule.when else "")


def _tables(old: Compiled, new: Compiled) -> Iterator[Change]:
    before, after = old.mapping.tables, new.mapping.tables
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after:
            yield Change(f"table {name}", ADDED if name in after else REMOVED)
            continue
        yield from _table(before[name], after[name])


def _table(old: CodeTable, new: CodeTable) -> Iterator[Change]:
    name = f"table {old.name}"
    yield from _change(name, _rest(old), _rest(new))
    for code in dict.fromkeys((*old.rows, *new.rows)):
        yield from _change(f"{name} {code}", _row(old, code), _row(new, code))


def _rest(table: CodeTable) -> str:
    """What a table says besides its rows."""
    other = f"default {table.default}" if table.default is not None else table.unmapped
    return f"others: {other}" + (f", {table.system}" if table.system else "")


def _row(table: CodeTable, code: str) -> str:
    return " ".join(part for part in table.rows.get(code, ("",)) if part)


def _change(what: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(what, CHANGED if before and after else ADDED if after else REMOVED, before, after)
