"""The payload rules of the payer-to-payer exchange, decided once at load and filtered by columns at export.

42 CFR 422.121(b)(4)(ii), PDex 2.2: no money, no denied or drug prior authorizations, service dates kept for the window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from interpayer.normalization.money import FINANCIAL_TYPES, REMITTANCE_TYPES, strip_money
from interpayer.normalization.prior_authorizations import read_authorization
from interpayer.normalization.references import Resource
from interpayer.normalization.service_dates import service_dates

WITHHELD_TYPE = "record.withheld"
_STATUS_KEYS = ("status", "clinicalStatus", "lifecycleStatus")


@dataclass(frozen=True, slots=True)
class PayloadRules:
    """Which rules apply, with the version that goes on the ledger; a change of law switches one off."""

    version: str = "2026-11-21"
    without_money: bool = True
    without_denied: bool = True
    without_drugs: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """What may be released of a resource (None: nothing, and why), and the columns that exports decide by."""

    released: Resource | None
    excluded: str | None
    removed: Mapping[str, int]
    service_from: date | None
    service_to: date | None
    status: str | None
    pa_changed_on: date | None
    pa_ends_on: date | None


def prepare(resource: Resource, *, rules: PayloadRules, has_money: bool = True) -> Prepared:
    """Decide what of this resource may ever leave. ``has_money=False`` promises that no type Money is inside.

    The given resource is not changed; what the rules leave alone is shared with it.
    """
    authorization = read_authorization(resource)
    excluded = _exclusion(resource, authorization.excluded if authorization else None, rules)
    released, removed = resource, {}
    if rules.without_money and (has_money or resource.get("resourceType") in FINANCIAL_TYPES):
        released, counted = strip_money(resource, has_money=has_money)
        removed = dict(counted)
    span = service_dates(resource)
    return Prepared(
        released=None if excluded else released,
        excluded=excluded,
        removed={} if excluded else removed,
        service_from=span.first,
        service_to=span.last,
        status=status_of(resource),
        pa_changed_on=authorization.changed_on if authorization else None,
        pa_ends_on=authorization.ends_on if authorization else None,
    )


def _exclusion(resource: Resource, authorization: str | None, rules: PayloadRules) -> str | None:
    if resource.get("resourceType") in REMITTANCE_TYPES:
        return WITHHELD_TYPE
    switched_off = {
        "record.excluded_denied_authorization": not rules.without_denied,
        "record.excluded_drug_authorization": not rules.without_drugs,
    }
    return authorization if authorization and not switched_off[authorization] else None


def status_of(resource: Mapping[str, Any]) -> str | None:
    """The status that the resource gives itself, whatever its element is called; None when it gives none."""
    for key in _STATUS_KEYS:
        value = resource.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            codings = value.get("coding")
            codes = [c.get("code") for c in codings if isinstance(c, dict)] if isinstance(codings, list) else []
            return next((code for code in codes if isinstance(code, str)), None)
    return None


def release_patient(patient: Resource, identifiers: Sequence[Resource]) -> Resource:
    """The Patient with these identifiers (the UMB among them) first, each system and value once."""
    theirs = patient.get("identifier")
    merged = [*identifiers, *(theirs if isinstance(theirs, list) else [])]
    once = {(str(i.get("system")), str(i.get("value"))): i for i in reversed(merged) if isinstance(i, dict)}
    return {**patient, "identifier": list(reversed(once.values()))} if once else patient
