"""What a FHIR server says it can do (CapabilityStatement, R4), as far as we ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# By which search parameter a type names its patient; the first that the server promises is used.
BY_PATIENT = ("patient", "beneficiary", "subject")


@dataclass(frozen=True, slots=True)
class TypeCapability:
    """What can be done with one resource type."""

    interactions: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    reverse_includes: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()

    @property
    def patient_parameter(self) -> str:
        """The search parameter that names the patient; empty when none is promised."""
        return next((name for name in BY_PATIENT if name in self.parameters), "")


@dataclass(frozen=True, slots=True)
class Capability:
    """What the server promises; `fhir_version` as it says it."""

    fhir_version: str = ""
    software: str = ""
    formats: frozenset[str] = frozenset()
    types: Mapping[str, TypeCapability] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()

    @property
    def is_r4(self) -> bool:
        """Whether it speaks the release that we read."""
        return self.fhir_version.startswith("4.0")

    def can_everything(self) -> bool:
        """Whether `Patient/{id}/$everything` is promised."""
        return "everything" in self._operations("Patient")

    def export_path(self, group: str) -> str:
        """Where a Bulk export starts: of this Group, of all patients, of the whole server; empty when not promised."""
        if group:
            return f"Group/{group}/$export" if "export" in self._operations("Group") else ""
        if "patient-export" in self._operations("Patient") or "export" in self._own("Patient"):
            return "Patient/$export"
        return "$export" if "export" in self.operations else ""

    def _own(self, resource_type: str) -> frozenset[str]:
        return self.types.get(resource_type, TypeCapability()).operations

    def _operations(self, resource_type: str) -> frozenset[str]:
        # Many servers list the operations of types at the top.
        return self._own(resource_type) | self.operations


def read_capability(body: object) -> Capability | None:
    """The promises in a CapabilityStatement; None when it is none."""
    if not isinstance(body, dict) or body.get("resourceType") != "CapabilityStatement":
        return None
    rest = next((one for one in _dicts(body.get("rest")) if one.get("mode") == "server"), {})
    software = body.get("software")
    return Capability(
        fhir_version=str(body.get("fhirVersion", "")),
        software=str(software.get("name", "")) if isinstance(software, dict) else "",
        formats=frozenset(str(one) for one in _list(body.get("format"))),
        types={str(one["type"]): _type(one) for one in _dicts(rest.get("resource")) if "type" in one},
        operations=_operations_of(rest),
    )


def _type(raw: Mapping[str, Any]) -> TypeCapability:
    return TypeCapability(
        interactions=frozenset(str(one.get("code")) for one in _dicts(raw.get("interaction"))),
        parameters=frozenset(str(one.get("name")) for one in _dicts(raw.get("searchParam"))),
        reverse_includes=frozenset(str(one) for one in _list(raw.get("searchRevInclude"))),
        operations=_operations_of(raw),
    )


def _operations_of(raw: Mapping[str, Any]) -> frozenset[str]:
    """Names of the operations; the definition's own name counts as well, since the name is the server's choice."""
    found: set[str] = set()
    for one in _dicts(raw.get("operation")):
        found.add(str(one.get("name", "")).lstrip("$"))
        definition = str(one.get("definition", "")).partition("|")[0]
        found.add(definition.rpartition("/")[2].lower())
        found |= {"everything"} if definition.endswith("Patient-everything") else set()
        found |= {"export"} if definition.endswith(("/export", "/group-export", "/patient-export")) else set()
    return frozenset(found - {""})


def _list(raw: object) -> list[Any]:
    return raw if isinstance(raw, list) else []


def _dicts(raw: object) -> list[dict[str, Any]]:
    return [one for one in _list(raw) if isinstance(one, dict)]
