"""Requester: what we say about one of our members to the payer that is asked (HRex 1.2, PDex 2.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from interpayer.consent.writing import write_consent
from interpayer.exchange.asked import coverage_to_match
from interpayer.exchange.entities import entity_of_card
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.asking import asked_for
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.identity.reading import write_coverage, write_patient
from interpayer.model.member import Coverage
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners import directory
from interpayer.system.database import Connection


def describe(tools: Tools, conn: Connection, row: Mapping[str, Any]) -> MemberBundle:
    """What we send about one member: our demographics, the old card, our coverage, the consent; all refs local."""
    asked = asked_for(tools, conn, row["id"])
    known = identity_store.demographics(conn, tools.vault, row["member_id"])
    if known is None:
        raise Fault(FaultKind.OURS, "system.bug", detail="a permitted exchange has a known member")
    organizations = list(_organizations_of(conn, asked.partner or ""))
    patient_id = row["id"]
    own = _own_coverage(tools, conn, row["member_id"])
    consent, given = permission.consent_of(tools, conn, row, asked)
    if consent is None or given.is_refused:
        # the batch asked a moment ago and left those out; nothing about anybody else leaves
        raise Fault(FaultKind.OURS, "system.bug", detail="nothing is said about a member without permission")
    return MemberBundle(
        patient=write_patient(known, patient_id),
        coverage_to_match=write_coverage(
            coverage_to_match(asked, organizations),
            coverage_id="match",
            patient_id=patient_id,
            payer_name=asked.partner or "",
        ),
        coverage_to_link=write_coverage(
            own, coverage_id="link", patient_id=patient_id, payer_name=entity_of_card(tools, own).name
        ),
        consent=write_consent(consent, consent_id="consent", patient_ref=f"Patient/{patient_id}", limits=given.limits),
    )


def _organizations_of(conn: Connection, partner: str) -> Sequence[str]:
    """All identifiers of the payer that was asked for, the one named first."""
    known = directory.by_organization(conn, partner)
    return [partner, *(o for o in known.organizations if o != partner)] if known else [partner]


def _own_coverage(tools: Tools, conn: Connection, member_id: str) -> Coverage:
    coverages = identity_store.coverages(conn, tools.vault, member_id)
    current = sorted(coverages, key=lambda c: str(c.starts_on or ""))
    return current[-1] if current else Coverage(payer=tools.entity.identifier, member_id=member_id)
