"""Whom a partner acts for, since when, until when, and by which proof (exchange.md section 2)."""

from collections.abc import Mapping
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.partner import Partner
from interpayer.operations import partner_life, partners
from interpayer.partners import store
from interpayer.partners.agreements import acts_for_as_document, read_acts_for
from interpayer.system.database import Connection


def acts_for(
    tools: Tools, conn: Connection, name: str, *, document: Mapping[str, Any], reason: str, actor: Actor
) -> Partner:
    """Let the partner act for one more payer, or change the dates and the proof of one that it acts for.

    Refusal when another partner acts for that payer on one of the days.
    """
    wanted = read_acts_for(document)
    partner = partners.find(conn, name)
    stands = [one for one in store.acts_for(conn, partner.id) if one.identifier != wanted.identifier]
    organizations = [acts_for_as_document(one) for one in [*stands, wanted]]
    return partner_life.change(
        tools, conn, partner.id, document={"organizations": organizations}, reason=reason, actor=actor
    )
