"""Access tokens at a partner where we are registered over UDAP: our certificate proves us, hl7-b2b says for what."""

from dataclasses import dataclass
from typing import Any

import httpx2

from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.signer import Signer
from interpayer.partners.token_source import Target, TokenSource
from interpayer.partners.udap.communities import Communities, Community
from interpayer.partners.udap.server import discover
from interpayer.partners.udap.signing import sign
from interpayer.partners.udap.vouching import Revocations
from interpayer.system.clock import now


@dataclass(frozen=True, slots=True)
class UdapWay:
    """What calls over UDAP need beside the partner: our communities, and whom to ask about revocation."""

    communities: Communities
    revocations: Revocations | None


class UdapTokenSource(TokenSource):
    """Tokens for one target; the address comes from its signed metadata, checked anew every hour."""

    def __init__(self, http: httpx2.Client, signer: Signer, target: Target, *, way: UdapWay) -> None:
        super().__init__(http, signer, target)
        self._way = way

    def token(self, scopes: tuple[str, ...], *, subject: str | None = None) -> str:
        """As everywhere. What we lack ourselves (a community that is open, a certificate) ends the call as a fault."""
        try:
            return super().token(scopes, subject=subject)
        except Refusal as refusal:
            raise Fault(FaultKind.TERMINAL, refusal.reason, detail=refusal.detail) from None

    def _proof(self, endpoint: str, subject: str | None) -> dict[str, str]:
        """A client assertion with our chain (UDAP Security 1.0, 5.2). It never names a patient: `sub` is our id."""
        community = self._community()
        assert community.identity is not None
        claims = {
            "iss": self.target.client_id,
            "sub": self.target.client_id,
            "aud": endpoint,
            "extensions": {"hl7-b2b": business_of(community)},
        }
        return {"client_assertion": sign(community.identity, claims, at=now()), "udap": "1"}

    def _has_new_key(self) -> bool:
        """A certificate comes along with every assertion: there is nothing that a partner has to fetch before."""
        return False

    def _discovered(self) -> str:
        return discover(
            self._http, self.target.fhir_base, [self._community()], revocations=self._way.revocations, at=now()
        ).token_endpoint

    def _community(self) -> Community:
        community = self._way.communities.named(self.target.udap_community or "")
        if community is None or community.identity is None:
            raise Refusal("route.no_capability", "the community is closed here, or we have no certificate in it")
        return community


def business_of(community: Community) -> dict[str, Any]:
    """For whom and for what we ask (hl7-b2b): no person stands behind these calls, so no subject is named."""
    if community.organization_id is None:
        raise Refusal("route.no_capability", "community.yaml names no organization_id of ours")
    said: dict[str, Any] = {
        "version": "1",
        "organization_id": community.organization_id,
        "purpose_of_use": [community.purpose_of_use],
    }
    return {**said, "organization_name": community.organization_name} if community.organization_name else said
