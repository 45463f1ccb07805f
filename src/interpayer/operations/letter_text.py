"""The letter of a recall, for a payer whose systems take no notice by machine. It names no member and no record."""

from collections.abc import Mapping, Sequence
from typing import Any

from interpayer.model.agreement import Contact
from interpayer.model.partner import Partner
from interpayer.model.reason import REASONS

_LETTER = """To: {partner}{addressed}
From: {sender}
Recall: {recall}
Answer by: {due:%Y-%m-%d %H:%M} UTC

Records that we released to you must not be used: {meaning}
Please
  1. set apart what you received by the requests below, and stop serving it;
  2. tell whom you gave it to, and recall it from them;
  3. say what you did: deleted, quarantined or refused.

Your requests, by their correlation id:
{requests}

Name the recall above in your answer. This letter holds no member's data, and neither should your answer.
"""


def letter(
    recall: Mapping[str, Any],
    *,
    partner: Partner,
    correlations: Sequence[str],
    sender: str,
    contacts: Sequence[Contact],
) -> str:
    """The text to send to the incident contact of the partner, or to its name where none is known."""
    addressed = "".join(f"\n    {c.name or 'incident contact'} {c.email or c.phone or ''}".rstrip() for c in contacts)
    return _LETTER.format(
        partner=partner.name,
        addressed=addressed,
        sender=sender,
        recall=recall["id"],
        due=recall["due_at"],
        meaning=REASONS[recall["reason"]].meaning,
        requests="\n".join(f"  {correlation}" for correlation in correlations),
    )
