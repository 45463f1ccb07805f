"""UDAP put together: our trust communities, the addresses at the door, and the way of our own calls."""

from collections.abc import Callable

from interpayer.app.peers import revocations_of
from interpayer.exchange.tools import Tools
from interpayer.gateway.udap.gate import Gate
from interpayer.gateway.udap.routes import Offer
from interpayer.partners.udap.communities import Communities
from interpayer.partners.udap.tokens import UdapWay
from interpayer.policy.bundle import Bundle
from interpayer.system.certificates.revocation import Revocations
from interpayer.system.settings import Settings


def offer_of(settings: Settings, revocations: Revocations | None) -> Offer:
    """What the door offers to strangers; without communities it answers 404 and refuses every statement."""
    return Offer(Communities(settings.udap_communities), revocations)


def gate_of(tools: Tools, offer: Offer) -> Gate:
    """The UDAP part of the token endpoint."""
    return Gate(tools.database, offer.communities, offer.revocations)


def way_of(settings: Settings, policy: Callable[[], Bundle]) -> UdapWay:
    """How our own calls go out where we are registered over UDAP."""
    return UdapWay(Communities(settings.udap_communities), revocations_of(settings, policy))
