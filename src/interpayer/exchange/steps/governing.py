"""What policy says to a partner at one hop: the facts are put together, asked, kept, and what a yes obliges to is done.

Consent says yes first; then policy may still say no or less, never the other way round.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from interpayer.exchange.steps.limiting import narrowed
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.model.consent import Basis, Limits, Permission, Verdict
from interpayer.model.partner import Partner
from interpayer.model.sensitivity import EVERY_LABEL
from interpayer.partners import directory
from interpayer.partners import store as partner_store
from interpayer.policy import store
from interpayer.policy.bundle import Bundle
from interpayer.policy.decide import decide
from interpayer.policy.facts import Facts, Question, RecordFacts, RecordKind
from interpayer.policy.told import facts_as_json, kind_of
from interpayer.system.clock import now
from interpayer.system.database import Connection

_ANY_LABEL = Limits(labels_withheld=frozenset({EVERY_LABEL}))


@dataclass(frozen=True, slots=True)
class Asker:
    """A partner as policy sees it, for one decision or a thousand: who it is, and what holds for all of them."""

    partner: Partner
    bundle: Bundle
    is_held: bool
    at: datetime
    lines_agreed: tuple[str, ...] = ()
    """The lines of business agreed with the partner; empty: every line."""
    lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The lines of members, where they count."""
    asked: dict[Question, int] = field(default_factory=dict)
    """What policy was asked, and how often: a thousand members seldom bring more than a few facts."""


def asker_of(tools: Tools, conn: Connection, partner: Partner) -> Asker:
    """The partner as policy sees it now."""
    at = now()
    acts_for = [one for one in partner_store.acts_for(conn, partner.id) if one.in_force(at.date())]
    lines = {one.line_of_business for one in acts_for}
    # one organization without a line is agreed for every line
    agreed = () if None in lines else tuple(sorted(line for line in lines if line))
    return Asker(partner, tools.policy(), tools.releases_held(conn), at, agreed)


def learn_lines(conn: Connection, asking: Asker, member_ids: Iterable[str]) -> None:
    """Look up the lines of business of these members with one query, where the agreement names any."""
    if asking.lines_agreed and (unknown := set(member_ids) - set(asking.lines)):
        found = identity_store.lines_of_business(conn, unknown)
        asking.lines.update({member_id: tuple(sorted(found.get(member_id, ()))) for member_id in unknown})


def ruled(
    tools: Tools, asking: Asker, action: str, *, given: Permission, member_id: str | None, basis: str | None = None
) -> Permission:
    """What consent gave, as far as policy lets it: the version, the rules and the facts go along."""
    facts = _facts(tools, asking, action, given=given, basis=basis)
    facts = replace(facts, lines_of_business=asking.lines.get(member_id or "", ()))
    decision = decide(asking.bundle, facts)
    asking.asked[facts] = asking.asked.get(facts, 0) + 1
    because = replace(
        given, policy_version=decision.version, policies=decision.policies, decided_on=facts_as_json(facts)
    )
    if given.is_refused:
        return because
    if not decision.allow:
        return replace(because, verdict=Verdict.REFUSED, reason=decision.reasons[0])
    limits = narrowed(given.limits, decision.obligations)
    if given.verdict is Verdict.NARROWED and limits.is_open:
        # narrowed, and nobody says by what: then nothing sensitive goes
        limits = _ANY_LABEL
    if limits != given.limits:
        because = replace(because, verdict=Verdict.NARROWED, reason="policy.narrowed", limits=limits)
    return replace(because, obligations=decision.obligations)


def refused_kinds(
    tools: Tools, conn: Connection, partner_id: str, *, given: Permission, kinds: Iterable[RecordKind]
) -> dict[RecordKind, str]:
    """Which of these kinds of records do not go to the partner under this permission, and why.

    Asked once per kind, of which thousands of records have a few. A partner that is gone gets nothing.
    """
    partner = directory.partner(conn, partner_id)
    if partner is None:
        return dict.fromkeys(kinds, "caller.unknown")
    asking = asker_of(tools, conn, partner)
    hop = _facts(tools, asking, "export", given=given)
    found: dict[RecordKind, str] = {}
    for kind in kinds:
        facts = RecordFacts(hop, kind, given.limits)
        decision = decide(asking.bundle, facts)
        asking.asked[facts] = 1
        if not decision.allow:
            found[kind] = decision.reasons[0]
    keep(conn, asking)
    return found


def keep(conn: Connection, asking: Asker, *, subject: str | None = None) -> None:
    """Keep what was asked with its answers, so that another version can be asked the same."""
    rows = []
    for facts, times in asking.asked.items():
        said = decide(asking.bundle, facts)
        kept = (said.allow, said.policies, said.reasons, said.obligations)
        rows.append(store.Kept(said.version, kind_of(facts), facts_as_json(facts), *kept, times=times, subject=subject))
    asking.asked.clear()
    store.keep(conn, rows)


def _facts(tools: Tools, asking: Asker, action: str, *, given: Permission, basis: str | None = None) -> Facts:
    return Facts(
        action=action,
        partner_id=asking.partner.id,
        partner_status=asking.partner.status.value,
        partner_environment=asking.partner.environment,
        environment=tools.environment,
        # the door compared the token's scopes with the operation's before this was accepted
        scopes=(action,),
        scope_needed=action,
        consent=given.verdict.value,
        consent_reason=given.reason if given.is_refused else None,
        attested=True,
        acts_for_recipient=given.reason not in ("consent.wrong_recipient", "caller.not_acting_for"),
        releases_held=asking.is_held,
        client_id=asking.partner.client_id,
        organizations=asking.partner.organizations,
        basis=basis or Basis.OPT_IN.value,
        lines_agreed=asking.lines_agreed,
    )
