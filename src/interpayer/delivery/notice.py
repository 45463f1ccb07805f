"""What goes along with records of substance use treatment: the notice, and what the consent covers (42 CFR 2.32)."""

from collections.abc import Mapping
from typing import Any

RULE = "https://www.ecfr.gov/current/title-42/section-2.32"
WORDS = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
CONSENT_ID = "consent"
_PART2 = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "42CFRPart2"}


def with_notice(provenance: Mapping[str, Any], consent: Mapping[str, Any] | None) -> dict[str, Any]:
    """The Provenance of what is handed on, with the notice as its reason and a copy of the Consent inside.

    Without a Consent (a basis other than opt-in) the notice goes alone.
    """
    noticed: dict[str, Any] = {
        **provenance,
        "policy": [*provenance.get("policy", ()), RULE],
        "reason": [*provenance.get("reason", ()), {"coding": [_PART2], "text": WORDS}],
    }
    if consent is None:
        return noticed
    inner = [one for one in consent.get("contained", ()) if isinstance(one, Mapping)]
    copy = {name: value for name, value in consent.items() if name not in ("meta", "contained")}
    words = {"reference": f"#{CONSENT_ID}", "display": "What the member consented to"}
    noticed["contained"] = [{**copy, "id": CONSENT_ID}, *inner]
    noticed["entity"] = [*provenance.get("entity", ()), {"role": "source", "what": words}]
    return noticed
