"""The check of a resource on its way in: the built-in contract, and the profiles whose packages are at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from interpayer.exchange.sources.refining import Checked, Flaw
from interpayer.model.reason import Refusal
from interpayer.validation.check import check
from interpayer.validation.packages import PackageUnusable, read_library
from interpayer.validation.profiles import Profiles


@dataclass(frozen=True, slots=True)
class Contract:
    """The built-in contract always; with packages also the profiles that a resource claims, else its type."""

    profiles: Profiles | None = None

    def __call__(self, resource: Mapping[str, Any], raw: bytes) -> Checked:
        """What is wrong with the resource."""
        flaws = [Flaw(issue.path, issue.rule, issue.text) for issue in check(resource)]
        if self.profiles is None:
            return Checked(tuple(flaws))
        # Read again, because decimals of the resource are kept as they were written.
        verdict = self.profiles.check(orjson.loads(raw))
        flaws += [Flaw(issue.path, issue.rule, issue.text, issue.severity) for issue in verdict.issues]
        return Checked(tuple(flaws), verdict.not_evaluated)


def contract_of(packages: Path | None, *, cache: Path | None = None) -> Contract:
    """The contract with the profiles of this folder; without R4 among the packages, the built-in one alone."""
    if packages is None:
        return Contract()
    try:
        library = read_library(packages, cache)
    except PackageUnusable as error:
        raise Refusal("request.malformed", str(error)) from None
    return Contract(Profiles(library)) if library.core is not None else Contract()
