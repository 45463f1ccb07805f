"""What the ledger says: one event per fact, its name from a closed list (docs/reference/events.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

JSON: TypeAlias = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

EVENTS: dict[str, str] = {
    "caller.accepted": "A caller proved who it is and got a token.",
    "caller.refused": "A caller could not prove who it is, or may not call.",
    "caller.scraping": "A partner's calls look like a search through what is not its own.",
    "request.refused": "A request was refused at the door, with its reason.",
    "request.repaired": "A request broke a rule of its guide and was repaired with a warning.",
    "guessing.noticed": "A partner's requests begin to look like guessing at members.",
    "guessing.slowed": "A partner's requests look like guessing; further ones of the kind come more slowly.",
    "guessing.refused": "A partner's requests look like guessing; further ones of the kind are refused for a while.",
    "guessing.pardoned": "A named person found a partner's requests harmless; they count as guessing no more.",
    "exchange.received": "A request for one member's history was kept.",
    "exchange.incomplete": "The request lacks something; it says what to supply.",
    "exchange.supplemented": "What was missing was supplied.",
    "exchange.validated": "Shape, versions and references hold.",
    "exchange.queued": "The exchange waits for capacity or for the partner.",
    "exchange.cancelled": "The exchange was cancelled.",
    "exchange.escalated": "Automation gave up; an owner has it.",
    "exchange.failed": "A fault ended the exchange.",
    "exchange.expired": "Our own time limit ended the exchange.",
    "exchange.replayed": "A named person had it done again, with a reason.",
    "exchange.recovered": "Work of a process that died was taken over.",
    "exchange.transition_refused": "Somebody tried a transition that the rules do not know.",
    "exchange.purged": "What was sent with a request was removed, because its retention was over.",
    "exchange.overdue": "The law's time passed.",
    "member.matched": "Exactly one person is meant.",
    "member.unmatched": "No person, or none for certain, is meant.",
    "member.in_review": "A person must decide who is meant.",
    "case.opened": "A decision is owed by a named person.",
    "case.assigned": "A case has an owner.",
    "case.decided": "A named person decided a case.",
    "case.proposed": "A named person decided a case that needs a second name.",
    "case.overdue": "The promised time of a case passed.",
    "case.undone": "A named person took back the decision of a case.",
    "person.merged": "Two members were judged to be one person.",
    "person.split": "Members that were one person were judged to be two.",
    "person.link_changed": "An outside id was linked to a member, or unlinked.",
    "permission.granted": "Consent and policy say yes.",
    "permission.narrowed": "Consent and policy say yes to less.",
    "permission.refused": "Consent or policy say no.",
    "notice.owed": "A policy obliges to tell the member or the privacy office of what was released.",
    "consent.recorded": "A consent was recorded.",
    "consent.revoked": "A consent was withdrawn.",
    "route.chosen": "A route was chosen; the others were rejected with reasons.",
    "route.rejected": "No route was found.",
    "request.sent": "The request was delivered to the partner.",
    "partner.acknowledged": "The partner took the request as work.",
    "partner.answered": "The partner's result is known.",
    "partner.failed": "The partner could not be reached or failed.",
    "source.fetched": "A source answered.",
    "source.empty": "A source says that it has none.",
    "source.failed": "A source did not answer.",
    "answer.assembled": "The answer is known: complete, partial or empty.",
    "answer.released": "The answer can be fetched by the partner.",
    "answer.fetched": "The partner fetched a file.",
    "answer.withdrawn": "Data of a member were withdrawn from released files.",
    "answer.received": "The partner's files were fetched and verified.",
    "answer.delivered": "The answer is in the member's record; the receipt is kept.",
    "records.taken_back": "A partner said that records it had sent no longer stand; they are served no more.",
    "handoff.sent": "What a partner sent was given on to the plan's own systems.",
    "handoff.acknowledged": "The plan's own systems said what they have of it.",
    "handoff.repeated": "A named person or system had it given on once more.",
    "handoff.recalled": "The plan's own systems were told that what they were given is recalled.",
    "answer.expired": "Files were removed by retention.",
    "job.kicked_off": "A match or export job was accepted.",
    "job.ready": "A job's result can be fetched.",
    "job.failed": "A job failed.",
    "job.deleted": "A job was deleted by its owner.",
    "terminology.loaded": "Code systems, value sets or maps between them were loaded.",
    "records.relabeled": "Records were looked at under other value sets of sensitivity.",
    "records.loaded": "Records were loaded into what this plan holds.",
    "enrollments.loaded": "The enrollment feed was loaded.",
    "members.loaded": "Members were loaded for matching.",
    "queries.matched": "A file of queries was matched against the members.",
    "identity.trained": "A model of how alike one person's records are was trained.",
    "identity.calibrated": "Labels proved a limit for matching within a false-match budget.",
    "identity.adopted": "A named person put a model or limits for matching into force.",
    "policy.proposed": "A named person proposed a policy; it waits for a second name.",
    "policy.published": "A policy was put into force.",
    "policy.rolled_back": "A policy that was in force before was put into force again.",
    "policy.withdrawn": "A proposed policy was taken back.",
    "standing.created": "A standing request was made.",
    "standing.fired": "A standing request made an exchange.",
    "standing.stopped": "A standing request ended.",
    "partner.changed": "A partner was added or changed.",
    "partner.expiring": "Something of a partner's ends soon: a certificate, its contract, whom it acts for.",
    "partner.keys_published": "A partner published other keys than before at its address.",
    "partner.keys_unreachable": "A partner's published keys cannot be fetched; those known count for a day.",
    "key.changed": "A signing key of our own was made, came into use, was taken out of it or was revoked.",
    "access.granted": "A named person or system got a role.",
    "access.revoked": "A named person or system lost access.",
    "access.looked": "A named person looked at protected data.",
    "break_glass.asked": "A named person asked to look at a payload, with a reason.",
    "break_glass.opened": "A second person opened the look, for minutes.",
    "break_glass.ended": "The look is over.",
    "break_glass.confirmed": "Somebody else went through what was looked at.",
    "break_glass.unconfirmed": "Nobody has confirmed a look a day after its end.",
    "recall.opened": "A wrong release is being undone.",
    "recall.contained": "A recall contained what was released.",
    "recall.told": "A recipient was told of a recall by machine, or by letter where no machine takes it.",
    "recall.heard": "A partner told us of a recall of its own.",
    "recall.answered": "A recipient said what it did about what we recalled.",
    "recall.replied": "A partner that told us of its recall was told what we did.",
    "recall.silent": "A recipient had not answered when the clock of a recall ran out.",
    "recall.closed": "A recall was closed.",
    "database.restored": "A backup was restored; releases stop until consents are re-synced.",
    "database.resynced": "Consents, revocations and recalls are re-synced; releases go on.",
    "vault.activated": "Another version of the key that wraps all keys came into use.",
    "vault.retired": "A version of the key that wraps all keys was destroyed; nothing needed it any more.",
    "hold.placed": "A named person said what must be kept whatever purges say.",
    "hold.released": "Another named person ended a legal hold.",
    "member.forgetting_asked": "A named person asked that a member be forgotten.",
    "member.forgotten": "A member's keys were destroyed, and what told who it was; hashes and proofs stay valid.",
    "audit.redacted": "A sealed field of an event was forgotten; hashes and proofs stay valid.",
    "database.password_changed": "A login role of the database got another password.",
    "dead_letter.kept": "A step ran out of attempts and was kept.",
    "dead_letter.replayed": "A named person had a dead letter done again.",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the ledger. `facts` are free of member data; `body` may hold them and is sealed."""

    name: str
    chain: str
    actor_type: str
    actor_id: str
    outcome: str = "ok"
    reason: str | None = None
    exchange_id: str | None = None
    partner_id: str | None = None
    member_id: str | None = None
    policy_version: str | None = None
    attempt: int = 0
    trace_id: str | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)
    body: Mapping[str, JSON] = field(default_factory=dict)
