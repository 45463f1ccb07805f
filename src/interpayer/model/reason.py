"""Reason codes: dotted, stable, listed once (docs/reference/reasons.md is made from this list)."""

from dataclasses import dataclass
from enum import StrEnum


class Retry(StrEnum):
    """Whether doing the same again can help."""

    NO = "no"
    LATER = "later"
    AFTER_CHANGE = "after_change"


class Owner(StrEnum):
    """Who has to act on a reason."""

    CALLER = "caller"
    PLAN = "plan"
    PARTNER = "partner"
    MEMBER = "member"
    OPERATOR = "operator"


class FaultKind(StrEnum):
    """The failure class of a fault; decides what follows (exchange.md, section 6)."""

    RETRYABLE = "retryable"
    CONDITIONAL = "conditional"
    TERMINAL = "terminal"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code with what it means and what helps."""

    code: str
    meaning: str
    remedy: str
    retry: Retry
    owner: Owner


class Refusal(Exception):
    """A deliberate no where the call cannot go on; carries a reason code and words free of member data."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Fault(Exception):
    """A thing that broke: its failure class, reason code and, where known, when to try again (seconds)."""

    def __init__(self, kind: FaultKind, reason: str, *, retry_after_s: float | None = None, detail: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.detail = detail


def _table(rows: str) -> dict[str, Reason]:
    catalog: dict[str, Reason] = {}
    for row in rows.strip().splitlines():
        code, meaning, remedy, retry, owner = (cell.strip() for cell in row.split("|"))
        catalog[code] = Reason(code, meaning, remedy, Retry(retry), Owner(owner))
    return catalog


REASONS: dict[str, Reason] = _table(
    """
request.malformed | The request is not readable or breaks the shape of its guide. | Correct the named element and send it again. | after_change | caller
request.missing_member | The member's demographics are missing. | Send MemberPatient with name, birth date and sex. | after_change | caller
request.missing_consent | No consent came with the request. | Send the member's Consent resource. | after_change | caller
request.missing_attestation | Nobody vouches for enrollment and opt-in. | Send CoverageToLink and a Consent, or agree an attestation by contract. | after_change | caller
request.missing_payer | The payer to be asked is not named. | Name the previous or concurrent payer. | after_change | plan
request.unsupported_version | The version of the guide is not supported. | Use a version listed in our capability statement. | after_change | caller
request.unsupported_parameter | A parameter is not supported here. | Leave it out, or ask for lenient handling. | after_change | caller
request.unsupported_media | The media type is not supported here. | Use the media type that the guide names. | after_change | caller
request.too_large | The body is larger than agreed. | Split the request. | after_change | caller
request.duplicate_differs | The same idempotency key came with another body. | Use a new key for a new request. | no | caller
request.references_repaired | References named other ids than the one member in the bundle; they were repaired. | Send local references with matching ids. | no | caller
request.not_found | Nothing of this id belongs to the caller. | Check the id. | no | caller
request.wrong_state | The exchange is not in a state that allows this. | Look at its state and its next action. | no | caller
request.held | A legal hold keeps this. | Wait until a second person ends the hold. | later | plan
caller.unknown | The caller cannot be authenticated. | Check client id, key id, signature and audience. | after_change | caller
caller.suspended | The partner is suspended. | Talk to the contact of this payer. | after_change | operator
caller.wrong_scope | The token does not allow this call. | Ask for the scope that the operation needs. | after_change | caller
caller.wrong_environment | Test credentials at production, or the reverse. | Use the credentials of this environment. | after_change | caller
caller.certificate_mismatch | The client certificate is not the one that the token is bound to. | Call with the certificate used for the token. | after_change | caller
caller.certificate_untrusted | The certificate does not lead to an authority that is trusted here, or is out of date. | Use a certificate of an agreed authority or community. | after_change | caller
caller.certificate_revoked | The certificate was taken back, or nobody who should know says that it was not. | Use a certificate that is good; publish its revocation lists. | after_change | caller
caller.not_activated | The registration waits for a person of this payer. | Wait, or talk to the contact of this payer. | later | operator
caller.certificate_unexpected | A client certificate came in a way that is not agreed here. | Send it by TLS alone; only agreed proxies may hand one on. | after_change | caller
caller.certificate_unchecked | Nobody could say whether the client certificate was taken back. | Wait; its authority's list or responder has to answer. | later | caller
caller.not_acting_for | The caller does not act for the payer that the consent names. | Register who acts for whom, or correct the consent. | after_change | caller
caller.keys_unreachable | The caller's public keys cannot be read at the address that was registered. | Let the jwks_url answer with a JWKS: https, no redirect, within 3 seconds, at most 64 KiB. | later | caller
caller.purpose_missing | The assertion does not say for which organization and purpose it asks. | Send extensions.hl7-b2b with version, organization_id and purpose_of_use as registered. | after_change | caller
caller.replayed | This assertion was used before. | Make a new assertion with a new jti. | after_change | caller
caller.too_many | More calls than agreed. | Wait as told by Retry-After. | later | caller
caller.slowed | Too many different requests of one kind were made; answers come more slowly. | Wait as told by Retry-After; send what the member's card says. | later | caller
caller.guessing | The pattern of requests looks like guessing. | Talk to the contact of this payer. | after_change | caller
caller.scraping | Calls look like a search through what others have. | Talk to the contact of this payer. | after_change | caller
caller.not_permitted | This person's role does not allow this. | Ask somebody who has the role. | after_change | operator
identity.certain | Exactly one person fits, by a rule or by the weight of the evidence. | Nothing to do. | no | plan
identity.ambiguous | More than one person fits. | Send more identifying data. | after_change | caller
identity.weak | The evidence is too weak to be certain. | Send the member id of the old card and the full birth date. | after_change | caller
identity.conflict_birth_date | An id fits, the birth date does not. | Check the birth date. | after_change | caller
identity.conflict_name | An id fits, the name does not. | Check the name; send former names. | after_change | caller
identity.household_only | Only facts shared by a household agree. | Send the person's own identifiers. | after_change | caller
identity.insufficient | The request says too little, or what nobody's record can hold. | Send name, birth date and the member id of the old card. | after_change | caller
identity.not_enrolled | No member fits. | Check which payer covered the member. | after_change | caller
identity.coverage_gap | The member is known, but not covered in the period. | Check the coverage period. | after_change | caller
identity.too_little_to_learn | The records hold too little to learn from. | Give a file of requests, or train when more members are held. | after_change | operator
identity.reviewer_refused | A reviewer decided that this is not the same person. | Send corrected data. | after_change | caller
consent.missing | No consent is known. | Obtain the member's consent. | after_change | member
consent.expired | The consent's period is over. | Obtain a new consent. | after_change | member
consent.not_yet | The consent's period has not begun. | Wait for its start. | later | member
consent.revoked | The member withdrew the consent. | Respect it; a new consent is needed. | after_change | member
consent.wrong_recipient | The consent names another recipient. | Obtain a consent that names this payer. | after_change | caller
consent.wrong_source | The consent does not name this payer as source. | Obtain a consent that names this payer. | after_change | caller
consent.scope_exceeded | More was asked than the consent allows. | Ask for less. | after_change | caller
consent.cannot_segment | Only non-sensitive data may go, and this payer cannot tell them apart yet. | Obtain a consent for all data. | after_change | member
consent.contradictory | Two facts about consent contradict each other. | Clear it with the member. | after_change | plan
consent.representative_unproven | The representative's authority is not proven. | Send the proof. | after_change | caller
consent.aged_out | A parent's authority ended at majority. | Obtain the member's own consent. | after_change | member
consent.deceased | The member has died; what the member or a living representative allowed ended with it. | An executor may decide: send the proof. | after_change | caller
consent.no_basis | No contract or law on record lets data go without an opt-in. | Record the contract, or obtain an opt-in. | after_change | plan
consent.proof_invalid | The signature or digest of the proof does not fit the document. | Send the document as it was signed, and the right key. | after_change | plan
consent.malformed | The Consent resource breaks its profile. | Correct the named element. | after_change | caller
policy.denied | A policy says no. | See the policy named. | after_change | operator
policy.narrowed | A policy allows less than asked. | Nothing to do. | no | operator
policy.line_of_business | The line of business is outside the agreement. | Check the agreement. | after_change | operator
policy.engine_error | The policy could not be evaluated; that is a no. | Look at the policy bundle. | later | operator
policy.version_unknown | The policy version is unknown; that is a no. | Publish the bundle again. | later | operator
policy.second_person | A second person has to agree. | Ask another named person to approve it. | after_change | operator
policy.too_long | More time was asked for than the policy allows. | Ask for less. | after_change | operator
policy.cases_fail | The policy's own cases do not hold. | Correct the rules or the cases: `interpayer policy test`. | after_change | operator
policy.legal_hold | A legal hold keeps this. | Release the hold first. | after_change | operator
policy.not_due | It is kept until its time is over. | Wait for its retention to end. | later | operator
route.no_capability | No endpoint of the payer can do what is needed. | Register an endpoint with the capability. | after_change | partner
route.no_api | The payer has no API. | Use the manual channel. | after_change | plan
route.payer_unknown | The payer is not in the directory. | Onboard the payer. | after_change | plan
route.version_mismatch | No version is shared with the payer. | Agree on a version. | after_change | partner
route.maintenance | The endpoint is in its maintenance window. | Wait. | later | partner
route.quarantined | The partner is in quarantine. | End the quarantine when its cause is gone. | after_change | operator
route.breaker_open | The endpoint failed often; calls rest for a while. | Wait for the probe. | later | partner
route.paced | We keep to the pace that the partner's endpoint bears. | Wait; it goes on by itself. | later | plan
route.all_rejected | Every endpoint was rejected; see each reason. | See the rejected routes. | after_change | operator
partner.unreachable | The partner cannot be reached. | Wait; attempts go on. | later | partner
partner.timeout | The partner did not answer in time. | Wait; attempts go on. | later | partner
partner.refused | The partner refused the request. | See the partner's OperationOutcome. | after_change | partner
partner.not_found | The partner knows no such member. | Correct the data and ask again. | after_change | plan
partner.multiple | The partner found several members. | Send more identifying data. | after_change | plan
partner.consent_constrained | The partner knows the member but cannot meet the consent. | Clear the consent with the member. | after_change | member
partner.throttled | The partner asks us to slow down. | Wait as told. | later | partner
partner.bad_answer | The partner's answer is not what the guide says. | Tell the partner's contact. | no | partner
partner.job_lost | The partner lost the job. | Start it again. | later | partner
partner.partial_ack | The partner acknowledged only a part. | Ask for the rest. | later | partner
source.unreachable | The source cannot be reached. | Attempts go on. | later | plan
source.late | The source did not answer in time. | Attempts go on. | later | plan
source.refused | The source refused us. | Check its credentials. | after_change | plan
source.empty | The source says that it has none. | Nothing to do. | no | plan
source.invalid | The source's data are invalid. | See the rejected records. | after_change | plan
source.deferred | The source is not essential and is asked after the answer. | Ask for what changed since. | later | plan
source.stale | The source's data are older than agreed. | Check the feed. | later | plan
record.invalid | The record breaks the contract. | Correct it at its source. | after_change | plan
record.unmapped | A code has no mapping. | Extend the map. | after_change | plan
record.out_of_scope | The record is of a kind that no mapping reads, or that is left out by declaration. | Nothing to do, or declare a mapping for it. | after_change | plan
record.unsupported_version | The record is of a version or release that is not read here. | Send it in a version that is. | after_change | plan
record.withheld | The record is not released. | Nothing to do. | no | plan
record.duplicate | The record is known already. | Nothing to do. | no | plan
record.conflict | Two sources contradict each other. | See both values. | after_change | plan
record.replaced | A later claim takes its place. | Nothing to do. | no | plan
record.test_data | The record says that it is made up; production takes none. | Load it into a test installation, or take the mark off at its source when it is real. | no | plan
record.foreign_member | The record belongs to a person who was not asked for. | Tell the partner's contact. | no | partner
record.unattributed | The record names no member, nor a record of one. | Tell the partner's contact. | no | partner
record.excluded_denied_authorization | A denied prior authorization is not exchanged. | Nothing to do. | no | plan
record.excluded_drug_authorization | A prior authorization for drugs is not exchanged. | Nothing to do. | no | plan
record.excluded_service_date | The service date is outside the window. | Nothing to do. | no | plan
record.excluded_session_notes | Notes of a session that are kept apart from the chart are not exchanged. | Nothing to do. | no | plan
record.withheld_label | The consent or a policy withholds records of this sensitivity. | Nothing to do. | no | member
record.withheld_type | The consent or a policy withholds records of this type. | Nothing to do. | no | member
record.withheld_period | The consent does not cover the day of the service. | Nothing to do. | no | member
record.excluded_old_authorization | The prior authorization is closed for more than a year. | Nothing to do. | no | plan
delivery.count_mismatch | A file has another number of lines than announced. | Fetch it again. | later | partner
delivery.checksum_mismatch | A file's checksum is wrong. | Fetch it again. | later | partner
delivery.link_expired | The link to a file is over. | Read the manifest again. | later | partner
delivery.interrupted | The transfer broke off. | It resumes. | later | partner
delivery.member_withdrawn | Data of a member were withdrawn from this file. | Nothing to do. | no | member
handoff.unreachable | The plan's own system could not be told. | Attempts go on; see its address. | later | plan
recall.wrong_member | Data of the wrong person were released. | Contain, scope, tell. | no | operator
recall.scope | More was released than allowed. | Contain, scope, tell. | no | operator
recall.consent_invalid | The consent was not valid. | Contain, scope, tell. | no | operator
recall.source_corrected | The source corrected its data. | Send the correction. | no | plan
recall.merge_undone | Two persons had been joined wrongly. | Contain, scope, tell. | no | operator
system.overloaded | Too much work at once. | Wait. | later | operator
system.storage | Storage failed or is full. | Make room; the work resumes. | later | operator
system.restored | A backup was restored; nothing is released until consents are re-synced. | Load consents, revocations and recalls, then say so. | after_change | operator
system.engine_missing | An optional engine is not installed. | Install the extra `learning` or `spark` of the package. | after_change | operator
system.index_stale | The index of people is of another version than this program. | Run interpayer identity index. | later | operator
system.bug | A fault of ours. | It is kept as a dead letter; tell the maintainers. | later | operator
system.gave_up | Our own time limit is over. | An owner decides. | no | operator
"""
)
