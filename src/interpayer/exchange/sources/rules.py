"""Which mappings read which records of a source, and what the pipeline sees of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from interpayer.adapters import store as sources_store
from interpayer.adapters.base import Found
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.refining import Mapped, Rules
from interpayer.model.reason import Refusal
from interpayer.normalization.mapping.compiler import Compiled, Context
from interpayer.normalization.mapping.keeping import kept_form
from interpayer.normalization.mapping.language import MappingFault
from interpayer.normalization.mapping.library import SHIPPED, Library
from interpayer.normalization.mapping.running import UNMAPPED, MapIssue
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Kinds of source whose records have one form everywhere: the mappings of this family read them without being named.
FAMILIES = {"x12": "x12", "hl7v2": "hl7v2", "documents": "documents"}


@dataclass(frozen=True, slots=True)
class MappingRules:
    """A compiled mapping with what the declaration tells it."""

    compiled: Compiled
    declaration: Declaration

    @property
    def name(self) -> str:
        """`family/name@version`."""
        return self.compiled.version

    def apply(self, found: Found) -> Mapped:
        """The resources in this record."""
        mapped = self.compiled.apply(found.content or {}, self.context(found))
        unmapped = [_code(issue) for issue in mapped.issues if issue.reason == UNMAPPED]
        return Mapped(mapped.resources, unmapped, [_place(one) for one in mapped.issues if one.reason != UNMAPPED])

    def context(self, found: Found) -> Context:
        """What the mapping is told besides this record."""
        return Context(
            source=self.declaration.name,
            file=found.file,
            received_on=now().date().isoformat(),
            time_zone=self.declaration.time_zone,
            given=self.declaration.context,
        )


def rules_of(declaration: Declaration) -> Callable[[str], Sequence[Rules]]:
    """Entity to the mappings that read it: those declared, else those of the kind's family; looked up once each.

    Raises Refusal(request.malformed) when a mapping is not there or not sound; those declared are looked at now.
    """
    library = library_of(declaration)
    known: dict[str, Sequence[Rules]] = {}

    def rules_for(entity: str) -> Sequence[Rules]:
        if entity not in known:
            known[entity] = _rules(library, declaration, entity)
        return known[entity]

    for entity in declaration.entities:
        rules_for(entity)
    return rules_for


def library_of(declaration: Declaration) -> Library:
    """The mappings of a source: its own folder before what is shipped."""
    return Library((declaration.maps, SHIPPED) if declaration.maps else (SHIPPED,))


def keep_mappings(conn: Connection, declaration: Declaration, versions: Collection[str]) -> None:
    """Keep what these versions say, so that records made by them can be explained when the mapping has changed."""
    unknown = sources_store.unknown_mappings(conn, versions) if versions else set()
    library = library_of(declaration)
    for version in sorted(unknown):
        compiled = library.compiled(version.rpartition("@")[0])
        if compiled.version == version:
            sources_store.keep_mapping(conn, version, kept_form(compiled))


def _rules(library: Library, declaration: Declaration, entity: str) -> Sequence[Rules]:
    rule = declaration.entities.get(entity)
    family = FAMILIES.get(declaration.kind)
    try:
        if rule is not None and rule.mappings:
            compiled = [library.compiled(name) for name in rule.mappings]
        else:
            compiled = library.reading(entity, family=family) if family else []
    except MappingFault as fault:
        raise Refusal("request.malformed", f"`entities.{entity}`: {fault}") from None
    return [MappingRules(one, declaration) for one in compiled]


def _code(issue: MapIssue) -> str:
    return f"{issue.table or issue.path}: {issue.value}"


def _place(issue: MapIssue) -> str:
    return f"{issue.path} from {issue.source}"
