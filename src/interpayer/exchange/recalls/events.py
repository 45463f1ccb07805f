"""What the ledger says of a recall: one chain for each, whoever acts."""

from collections.abc import Mapping

from interpayer.exchange.transitions import ENGINE, Actor
from interpayer.model.event import JSON, Event


def recall_event(
    name: str,
    recall_id: str,
    *,
    facts: Mapping[str, JSON],
    actor: Actor = ENGINE,
    partner_id: str | None = None,
    reason: str | None = None,
) -> Event:
    """An event of this recall."""
    whole: dict[str, JSON] = {"recall": recall_id, **facts}
    return Event(name, f"recall:{recall_id}", actor.type, actor.id, partner_id=partner_id, reason=reason, facts=whole)
