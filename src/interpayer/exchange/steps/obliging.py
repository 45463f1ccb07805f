"""Whom a policy obliges to tell: an event for each, which the plan's own systems and people act on."""

from collections.abc import Iterable, Iterator

from interpayer.model.consent import Permission
from interpayer.model.event import Event

WHOM = {"notify_member": "member", "notify_privacy": "privacy"}


def owed(decisions: Iterable[tuple[str, str | None, Permission]], *, partner_id: str | None) -> Iterator[Event]:
    """What is owed for decisions that were acted on: each with its exchange and the member it is about."""
    for exchange_id, member_id, decision in decisions:
        if decision.is_refused:
            continue
        for whom in sorted({WHOM[name] for name in decision.obligations if name in WHOM}):
            yield Event(
                *("notice.owed", exchange_id, "process", "interpayer"),
                exchange_id=exchange_id,
                partner_id=partner_id,
                member_id=member_id,
                policy_version=decision.policy_version,
                facts={"whom": whom, "policies": [*decision.policies]},
            )
