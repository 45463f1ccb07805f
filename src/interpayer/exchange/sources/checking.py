"""The check of a resource on its way in: the built-in contract, and the profiles whose packages are at hand."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from interpayer.exchange.sources.refining import Checked, Flaw
from interpayer.model.reason import Refusal
from interpayer.normalization.references import SHARED_TYPES
from interpayer.validation.check import check
from interpayer.validation.packages import PackageUnusable, read_library
from interpayer.validation.profiles import Profiles

# The same provider, payer, member and coverage come with every claim; looked at once, their verdict is remembered.
REPEATED = SHARED_TYPES | {"Patient", "Coverage"}
MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Contract:
    """The built-in contract always; with packages also the profiles that a resource claims, else its type."""

    profiles: Profiles | None = None
    _remembered: dict[bytes, Checked] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, resource: Mapping[str, Any], raw: bytes) -> Checked:
        """What is wrong with the resource."""
        if resource.get("resourceType") not in REPEATED:
            return self._checked(resource, raw)
        key = hashlib.blake2b(raw, digest_size=16).digest()
        known = self._remembered.get(key)
        if known is None:
            known = self._checked(resource, raw)
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = known
        return known

    def _checked(self, resource: Mapping[str, Any], raw: bytes) -> Checked:
        broken = check(resource)
        flaws = [Flaw(issue.path, issue.rule, issue.text) for issue in broken] if broken else []
        if self.profiles is None:
            return Checked(tuple(flaws))
        # Read again, because decimals of the resource are kept as they were written.
        verdict = self.profiles.check(orjson.loads(raw))
        if not verdict.issues and not flaws:
            return Checked((), verdict.not_evaluated)
        told = [Flaw(issue.path, issue.rule, issue.text, issue.severity) for issue in verdict.issues]
        places = {(flaw.code, flaw.path.partition(".")[2]) for flaw in told}
        return Checked((*told, *(f for f in flaws if (f.code, f.path) not in places)), verdict.not_evaluated)


def contract_of(packages: Path | None, *, cache: Path | None = None) -> Contract:
    """The contract with the profiles of this folder; without R4 among the packages, the built-in one alone."""
    if packages is None:
        return Contract()
    try:
        library = read_library(packages, cache)
    except PackageUnusable as error:
        raise Refusal("request.malformed", str(error)) from None
    return Contract(Profiles(library, cache)) if library.core is not None else Contract()
