"""Which resources are made up for tests: by the mark that FHIR has for it, or by a namespace that only tests use.

A production installation takes none of them in, from its own sources and from partners alike; so none can leave it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TEST_HEALTH_DATA = "HTEST"
TEST_DATA = "record.test_data"
# Identifiers of this namespace are nobody's: plans and partners may use it for people who are made up.
TEST_NAMESPACES = ("urn:interpayer:test",)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Where a resource arrives: in production or in a test installation, and which namespaces are for tests."""

    environment: str = "production"
    namespaces: tuple[str, ...] = ()

    def refuses(self, resource: Mapping[str, Any]) -> bool:
        """True for test data in production."""
        return self.environment == "production" and self.is_marked(resource)

    def is_marked(self, resource: Mapping[str, Any]) -> bool:
        """Whether the resource says that it is made up: `meta.security`, `meta.source` or an identifier."""
        meta = resource.get("meta")
        said: Mapping[str, Any] = meta if isinstance(meta, Mapping) else {}
        if any(_is_test_label(coding) for coding in _objects(said.get("security"))):
            return True
        named = [said.get("source"), *(one.get("system") for one in _objects(resource.get("identifier")))]
        return any(isinstance(name, str) and name.startswith(TEST_NAMESPACES + self.namespaces) for name in named)


def _is_test_label(coding: Mapping[str, Any]) -> bool:
    return coding.get("code") == TEST_HEALTH_DATA and coding.get("system", ACT_REASON) == ACT_REASON


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    """Objects of a list, or the one that stands without a list."""
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, Mapping)]
