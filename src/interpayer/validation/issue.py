"""What a check says about a resource: one issue per broken rule, and the verdict over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Resource: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """One broken rule: where (FHIRPath), which, in words without any value of the resource.

    `code` is of FHIR's IssueType; `rule` is the stable name of the rule, for an invariant its key.
    """

    path: str
    rule: str
    text: str
    severity: str = "error"
    code: str = "invalid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a resource is valid against the profiles named, every issue, and what could not be evaluated."""

    profile: str
    is_valid: bool
    issues: tuple[Issue, ...] = ()
    not_evaluated: tuple[str, ...] = ()
    checked_against: tuple[str, ...] = ()
