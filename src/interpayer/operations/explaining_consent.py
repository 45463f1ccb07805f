"""What may go about one member and one payer, why, until when, and what happens next: for the person who is asked."""

from collections.abc import Mapping
from typing import Any, Final

from interpayer.consent import store as consent_store
from interpayer.consent.evaluate import Circumstances, evaluate, holds_until
from interpayer.exchange.asked import read_asked
from interpayer.exchange.steps import permission, permitting
from interpayer.exchange.tools import Tools
from interpayer.identity.graph import person_members
from interpayer.model.consent import Basis, Consent, Effect, Permission, limits_as_json
from interpayer.model.partner import Partner
from interpayer.model.reason import REASONS, Refusal
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection

# What follows from each reason by itself, beyond its remedy: nobody has to watch for it.
NEXT: Final[Mapping[str, str]] = {
    "consent.missing": "Nothing goes. A request of ours waits as blocked and goes on when a consent is recorded and it "
    "is supplemented; a partner's next match is judged anew.",
    "consent.expired": "Grants have ended with it and files are no longer handed out. The next match under a new "
    "consent is judged anew.",
    "consent.not_yet": "Nothing goes before its start; a match after it succeeds without anybody's doing.",
    "consent.revoked": "What waited, ran or lay ready was stopped when the member said so. It stays so until the "
    "member opts in again; then a new match is needed.",
    "consent.wrong_recipient": "The partner is told no, and may send a consent that names it.",
    "consent.wrong_source": "The partner is told no, and may send a consent that names this payer.",
    "consent.scope_exceeded": "The partner may ask for less, or for the purpose that the consent names.",
    "consent.cannot_segment": "Records of this member wait for their labels (interpayer labels relabel); after that "
    "the same request succeeds.",
    "consent.contradictory": "Nobody guesses: a steward asks the member, takes the wrong statement back "
    "(interpayer consent revoke), and the next request is judged anew.",
    "consent.representative_unproven": "Record the proof of the authority with the consent; the next request is judged "
    "anew.",
    "consent.aged_out": "Ask the member, who decides alone now. The parent's consent does not come back.",
    "consent.deceased": "What the living allowed stays ended. An executor with a proof may record a consent "
    "(role EXCEST).",
    "consent.no_basis": "Record the contract (interpayer consent basis add) or obtain an opt-in; a blocked request "
    "then goes on when it is supplemented.",
    "consent.proof_invalid": "Nothing was recorded. Obtain the document as it was signed and record it again.",
    "consent.malformed": "The partner is told which element breaks the profile, and sends it again.",
}


def explain(tools: Tools, conn: Connection, *, member_id: str, payer: str) -> dict[str, Any]:
    """Both ways: may this payer have the member's records, may we ask it for them; and all statements on record."""
    if member_id not in person_members(conn, [member_id]):
        raise Refusal("request.not_found", "no such member")
    partner = directory.partner(conn, payer) or directory.by_organization(conn, payer)
    if partner is None:
        raise Refusal("route.payer_unknown", "no payer of this name is in the directory")
    standing = permission.known_birth(tools, conn, None, consent_store.standings(conn, [member_id])[member_id])
    here = Circumstances(
        at=now(),
        recipients=partner.organizations,
        sources=tools.entity.identifiers,
        policy_version=tools.policy().version,
        standing=standing,
        majority_years=tools.policy().exchange.majority_years,
        can_segment=True,
    )
    known = consent_store.consents_of(conn, [member_id]).get(member_id, [])
    return {
        "member": member_id,
        "payer": partner.id,
        "at": here.at,
        "withdrawn_at": standing.withdrawn_at,
        "died_on": standing.died_on,
        "emancipated_on": standing.emancipated_on,
        "they_ask": _told(permitting.to_read(tools, conn, partner.id, [member_id])[member_id], known, here),
        "we_ask": _told(_asking(tools, conn, member_id, partner), known, here),
        "statements": [_statement(consent, here) for consent in known],
    }


def _asking(tools: Tools, conn: Connection, member_id: str, partner: Partner) -> Permission:
    organization = next(iter(partner.organizations), partner.id)
    asked = read_asked({"partner": organization, "basis": Basis.OPT_IN.value})
    _, given = permission.consent_of(tools, conn, {"member_id": member_id}, asked)
    return given


def _told(given: Permission, known: list[Consent], here: Circumstances) -> dict[str, Any]:
    reason = REASONS.get(given.reason or "")
    resting = next((consent for consent in known if consent.id == given.consent_id), None)
    return {
        "answer": given.verdict.value,
        "reason": given.reason,
        "meaning": reason.meaning if reason else "Everything that the rule lets go may go.",
        "leaves_out": limits_as_json(given.limits),
        "rests_on": given.consent_id,
        "until": holds_until(resting, here) if resting and not given.is_refused else None,
        "remedy": reason.remedy if reason and given.is_refused else None,
        "owner": reason.owner.value if reason and given.is_refused else None,
        "next": _next(given, resting, here),
    }


def _next(given: Permission, resting: Consent | None, here: Circumstances) -> str:
    if given.is_refused:
        return NEXT.get(given.reason or "", "See the reason in the reference.")
    ends = holds_until(resting, here) if resting else None
    if ends is None:
        return "It is decided again at every step."
    why = "its speaker's authority ends" if resting and ends < resting.ends_at else "the consent ends"
    return f"It is decided again at every step, and ends by itself on {ends:%Y-%m-%d %H:%M}Z, when {why}."


def _statement(consent: Consent, here: Circumstances) -> dict[str, Any]:
    """One statement in the words of its own; a permission with what it would allow between these two."""
    given = evaluate(consent, here) if consent.effect is Effect.PERMIT else None
    return {
        "id": consent.id,
        "effect": consent.effect.value,
        "scope": consent.scope.value,
        "given_at": consent.given_at,
        "by": consent.performer,
        "basis": consent.basis.value,
        "contract": consent.contract,
        "sources": list(consent.sources),
        "recipients": list(consent.recipients),
        "period": [consent.starts_at, consent.ends_at],
        "leaves_out": limits_as_json(consent.limits),
        "proof": consent.proof,
        "document_sha256": consent.document_sha256,
        "signed": consent.signature is not None,
        "attested_by": consent.attested_by,
        "received_from": consent.received_from,
        "revoked_at": consent.revoked_at,
        "would_give": given.verdict.value if given else None,
        "because": given.reason if given else None,
    }
