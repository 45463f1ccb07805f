"""What a partner must have shown before it may exchange real members' data: one list, each item with its remedy.

Pure: what is known comes in, what is open goes out. A named person may vouch for an open item, with a reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from interpayer.model.agreement import Certificate, Contact, ContactRole, ErrorMeaning
from interpayer.model.partner import Endpoint, Partner
from interpayer.partners.credentials import counts
from interpayer.partners.directory import Agreed

# A run of checks older than this says too little about today.
TRIAL_DAYS = 30
MATCHES = ("bulk-member-match", "member-match")


@dataclass(frozen=True, slots=True)
class Trial:
    """One check of one run against the partner's endpoint."""

    at: datetime
    endpoint_id: str | None
    check: str
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the gate looks at."""

    partner: Partner
    agreed: Agreed
    endpoints: Sequence[Endpoint]
    certificates: Sequence[Certificate]
    contacts: Sequence[Contact]
    last_run: Sequence[Trial]
    samples: Sequence[bool]
    at: datetime
    environment: str


@dataclass(frozen=True, slots=True)
class Open:
    """One item that is not shown yet: its name, what is missing, and what to do."""

    item: str
    missing: str
    next_step: str


def missing(shown: Shown) -> tuple[Open, ...]:
    """What is still open, in the order in which it is best done; nothing when the gate is passed."""
    found = []
    for item, check in ITEMS.items():
        open_ = check(shown)
        if open_ is not None:
            found.append(Open(item, *open_))
    return tuple(found)


_Missing = tuple[str, str] | None


def _registration(shown: Shown) -> _Missing:
    if not has_document(shown.partner, shown.agreed):
        step = "partner invite, partner rotate --jwks, partner acts-for"
        return "keys, scopes or a payer that it acts for today", step
    return None


def _environment(shown: Shown) -> _Missing:
    if shown.partner.environment != shown.environment:
        words = f"it is registered for {shown.partner.environment}, this installation is {shown.environment}"
        return words, "register it anew, with credentials of this environment"
    return None


def _certificate(shown: Shown) -> _Missing:
    if shown.agreed.certificate_names or any(counts(one, at=shown.at) for one in shown.certificates):
        return None
    step = "partner rotate --certificate FILE, or certificate_names in its document"
    return "a client certificate that is agreed and has not run out", step


def _endpoints(shown: Shown) -> _Missing:
    fit = [e for e in shown.endpoints if e.status == "active" and e.environment == shown.environment]
    if not any(set(MATCHES) & set(endpoint.capabilities) for endpoint in fit):
        return "an active endpoint of this environment that can match members", "partner endpoint add"
    return None


def _trial(shown: Shown) -> _Missing:
    recent = [one for one in shown.last_run if one.at > shown.at - timedelta(days=TRIAL_DAYS)]
    failed = sorted({one.check for one in recent if one.state == "failed"})
    if not recent:
        return f"a run of checks against its endpoint within {TRIAL_DAYS} days", "partner test"
    return (f"checks that failed: {', '.join(failed)}", "correct them, then partner test") if failed else None


def _retention(shown: Shown) -> _Missing:
    if shown.agreed.contract.retention_days is None:
        return "how long it keeps our files and answers", "contract.retention_days in its document: partner change"
    return None


def _incident_contact(shown: Shown) -> _Missing:
    if not any(contact.role is ContactRole.INCIDENT for contact in shown.contacts):
        return "whom to call when something went wrong", "contacts with the role incident: partner change"
    return None


def _errors(shown: Shown) -> _Missing:
    contract = shown.agreed.contract
    if contract.errors is ErrorMeaning.UNKNOWN or contract.escalation is None:
        return "what its refusals mean, and the way up when nobody answers", (
            "contract.errors and contract.escalation in its document: partner change"
        )
    return None


def _attestation(shown: Shown) -> _Missing:
    if shown.partner.attested_by_contract and shown.agreed.contract.attestation is None:
        return "where the contract vouches for enrollment and opt-in", "contract.attestation: partner change"
    return None


def _samples(shown: Shown) -> _Missing:
    if set(shown.samples) != {True, False}:
        return "a good and a malformed sample of what it sends", "partner sample add --good | --malformed"
    return None


def _contract(shown: Shown) -> _Missing:
    contract, today = shown.agreed.contract, shown.at.date()
    if contract.ends_on is not None and contract.ends_on < today:
        return "a contract that is in force: it has ended", "contract.ends_on: partner change"
    if contract.starts_on is not None and today < contract.starts_on:
        return f"a contract that is in force: it begins on {contract.starts_on}", "wait, or partner change"
    return None


ITEMS: dict[str, Callable[[Shown], _Missing]] = {
    "registration": _registration,
    "environment": _environment,
    "certificate": _certificate,
    "endpoints": _endpoints,
    "trial": _trial,
    "retention": _retention,
    "incident_contact": _incident_contact,
    "errors": _errors,
    "attestation": _attestation,
    "samples": _samples,
    "contract": _contract,
}
# Nobody can vouch for these: without keys there is no partner, and test data never meets real members.
NEVER_WAIVED = frozenset({"registration", "environment"})


def has_document(partner: Partner, agreed: Agreed) -> bool:
    """Whether the registration is whole: something to prove itself with, scopes, a payer it acts for today."""
    has_keys = bool(partner.jwks.get("keys")) or agreed.jwks_url is not None or agreed.udap_uri is not None
    return has_keys and bool(partner.scopes) and bool(partner.organizations)
