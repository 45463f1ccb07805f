"""The UDAP part of the token endpoint: an assertion that brings its certificate (UDAP Security 1.0, 5.2).

The token endpoint found the client by its id and goes on with times, audience and jti after this gate said yes.
"""

from dataclasses import dataclass
from datetime import datetime

from interpayer.gateway.udap.business import means, read_business
from interpayer.model.event import JSON
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners.assertions import Assertion
from interpayer.partners.directory import Credentials
from interpayer.partners.udap import store
from interpayer.partners.udap.communities import Communities, Community
from interpayer.partners.udap.vouching import Revocations, Vouched, vouch
from interpayer.system.database import Database


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks 4 and 5 of an assertion for a partner that registered over UDAP, and its hl7-b2b."""

    database: Database
    communities: Communities
    revocations: Revocations | None

    def __call__(self, known: Credentials, assertion: Assertion, at: datetime) -> dict[str, JSON]:
        """What is asserted of organization, purpose and consent; `Refusal` when the assertion is not that client's.

        The certificate may be another one than that of the registration, as long as it names the same URI and the
        same community vouches for it: certificates are renewed, names stay.
        """
        community = self._community(known)
        vouched = vouch(assertion, [community], self.revocations, at=at)
        self._check_client(known, vouched)
        said = read_business(assertion.claims, purposes=community.purposes_of_use)
        with self.database.transaction() as conn:
            named = store.organizations(conn, known.partner.id)
        identifier = means(str(said["organization_id"]), known.partner.organizations, named)
        if identifier is None:
            raise Refusal("caller.not_acting_for", "organization_id is none that this client acts for here")
        return {**said, "organization": identifier, "community": community.uri}

    def _community(self, known: Credentials) -> Community:
        uri = known.agreed.udap_community if known.agreed.origin == "udap" else None
        community = self.communities.named(uri) if uri else None
        if community is None:
            raise Refusal("caller.unknown", "the client is not registered over UDAP in a community that is open here")
        return community

    def _check_client(self, known: Credentials, vouched: Vouched) -> None:
        if known.agreed.udap_uri not in vouched.uris:
            raise Refusal("caller.unknown", "the certificate does not name the URI that the client registered with")
        with self.database.transaction() as conn:
            registration = store.registration_of(conn, known.partner.id)
        if registration is None or registration.cancelled_at is not None:
            raise Refusal("caller.unknown", "the registration was cancelled")
        if known.partner.status is PartnerStatus.INVITED:
            raise Refusal("caller.not_activated", "the registration waits for a person of this payer")
