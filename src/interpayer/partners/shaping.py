"""The request in the form that a partner wants, where its guide or its server leaves a choice (`profile`)."""

from dataclasses import dataclass
from typing import Any

from interpayer.model.agreement import Profile

PAYER_TO_PAYER = "hl7.fhir.us.davinci-pdex#payertopayer"
MATCH_NAMES = ("bulk-member-match", "multi-member-match")
# A header that servers of PDex read beside the guide: it has none for its version (standards.md 0.1, trap 7).
SPEC_VERSION = "X-PDex-Spec-Version"


@dataclass(frozen=True, slots=True)
class ExportWanted:
    """What to ask an export for; empty means everything that the guide's scope holds."""

    since: str | None = None
    until: str | None = None
    types: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()


def match_names(profile: Profile) -> tuple[str, ...]:
    """The names of the bulk match to try, in order: the partner's own alone, or that of PDex 2.2 and then of 2.1."""
    return (profile.bulk_match_operation,) if profile.bulk_match_operation else MATCH_NAMES


def version_headers(profile: Profile) -> dict[str, str]:
    """The version of the guide that we speak to this partner, where it wants to be told."""
    return {SPEC_VERSION: profile.spec_version} if profile.spec_version else {}


def export_parameters(wanted: ExportWanted, profile: Profile) -> dict[str, Any]:
    """The body of `Group/{id}/$davinci-data-export` (ATR 2.1) for payer to payer.

    Always a body: whom the export is for stands in it, and patients have no place in an address (Bulk Data 2.0).
    """
    parameters: list[dict[str, Any]] = [{"name": "exportType", "valueCanonical": PAYER_TO_PAYER}]
    parameters += [{"name": "_type", "valueString": one} for one in _types(wanted.types, profile.types)]
    instants = [("_since", wanted.since), ("_until", wanted.until)]
    parameters += [{"name": name, "valueInstant": value} for name, value in instants if value]
    parameters += [{"name": "patient", "valueReference": {"reference": f"Patient/{p}"}} for p in wanted.patients]
    return {"resourceType": "Parameters", "parameter": parameters}


def _types(types: tuple[str, ...], style: str) -> tuple[str, ...]:
    """`_type` once with commas, once per type, or not at all: then everything comes, and we take what we asked for."""
    if not types or style == "none":
        return ()
    return types if style == "repeat" else (",".join(types),)
