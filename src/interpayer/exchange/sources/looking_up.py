"""Which record of a source a resource came from: the source is read until the resource comes out of a mapping again."""

from collections.abc import Iterator
from dataclasses import dataclass

from interpayer.adapters.base import Found
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.rules import MappingRules, rules_of
from interpayer.exchange.sources.workshop import Workshop
from interpayer.normalization.mapping.lineage import Explained, explain


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """One record that gives the resource, and where each field of it came from."""

    source: str
    file: str
    position: int
    key: str
    fields: tuple[Explained, ...]


def trace_resource(
    workshop: Workshop, declaration: Declaration, resource: str, *, field: str = ""
) -> Iterator[TracedRecord]:
    """Every record of the source that gives this resource (`Type/id`), in the order they are read.

    Raises Refusal, Fault, FileNotFoundError.
    """
    rules_for = rules_of(declaration)
    for found in workshop.source(declaration).read():
        if found.content is None:
            continue
        for rules in rules_for(found.entity):
            if isinstance(rules, MappingRules) and resource in _names(rules, found):
                fields = explain(rules.compiled, found.content, rules.context(found), field=field)
                wanted = tuple(one for one in fields if one.resource == resource)
                yield TracedRecord(declaration.name, found.file, found.position, found.key, wanted)


def _names(rules: MappingRules, found: Found) -> set[str]:
    return {f"{one.get('resourceType')}/{one.get('id')}" for one in rules.apply(found).resources}
