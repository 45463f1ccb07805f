"""Which of our legal entities a question is about: one installation serves several (exchange.md, section 2).

A card names the payer that issued it, a member belongs to the payer that enrolled it. With one entity nothing is asked.
"""

from dataclasses import replace

from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.model.member import Coverage, Demographics
from interpayer.model.partner import LegalEntity
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection


def entity_of_card(tools: Tools, card: Coverage) -> LegalEntity:
    """The entity that a card names as its payer; the first one where it names none of ours."""
    return _named(tools, card.payer) or tools.entity


def entity_of_member(tools: Tools, conn: Connection, member_id: str | None) -> LegalEntity:
    """The entity that enrolled the member; the first one where nobody is named."""
    if not tools.other_entities or not member_id:
        return tools.entity
    return _named(tools, identity_store.payer_of(conn, member_id) or "") or tools.entity


def entity_of_person(tools: Tools, person: Demographics) -> LegalEntity:
    """The entity that issued one of the person's ids; the first one where none of ours did."""
    issued = (_named(tools, one.issuer) for one in person.identifiers if one.issuer)
    return next((entity for entity in issued if entity is not None), tools.entity)


def serving(tools: Tools, name: str | None) -> Tools:
    """The tools as this legal entity (id or identifier) works with them; None is the first. Refusal: none of ours."""
    if name is None:
        return tools
    entity = _named(tools, name)
    if entity is None:
        raise Refusal("request.malformed", "no legal entity of the organizations file has this id or identifier")
    others = tuple(one for one in (tools.entity, *tools.other_entities) if one is not entity)
    return replace(tools, entity=entity, other_entities=others)


def _named(tools: Tools, name: str) -> LegalEntity | None:
    """By id or identifier; one of both without its system is compared by value, as everywhere."""
    for entity in (tools.entity, *tools.other_entities):
        if name == entity.id or any(_same(name, one) for one in entity.identifiers):
            return entity
    return None


def _same(one: str, other: str) -> bool:
    if "|" in one and "|" in other:
        return one == other
    return bool(one) and one.rpartition("|")[2] == other.rpartition("|")[2]
