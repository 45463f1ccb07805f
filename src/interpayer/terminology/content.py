"""What a terminology file holds, whatever its format: code systems, value sets, concept maps."""

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Concept:
    """A code with what is known of it. The display may be licensed: it never leaves with a record."""

    code: str
    display: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    is_active: bool = True

    def holds_on(self, day: date) -> bool:
        """Whether the code may be used for a service of this day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """Codes of one system. Not complete: a fragment or an example, whose silence proves nothing."""

    url: str
    version: str
    name: str
    concepts: tuple[Concept, ...]
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What a value set includes or excludes: a code, a whole system, another value set, or by a rule not evaluated."""

    system: str | None = None
    code: str | None = None
    value_set: str | None = None
    rule: str | None = None
    is_excluded: bool = False


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A choice of codes."""

    url: str
    version: str
    name: str
    inclusions: tuple[Inclusion, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What a code becomes; `code` None: the map says that there is nothing for it."""

    from_system: str
    from_code: str
    system: str
    code: str | None
    equivalence: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class ConceptMap:
    """Codes of one or several systems with what they become in others."""

    url: str
    version: str
    name: str
    targets: tuple[Target, ...]


Content: TypeAlias = CodeSystem | ValueSet | ConceptMap


class ContentFault(Exception):
    """A file is no terminology, or says what cannot be used; the text says where."""
