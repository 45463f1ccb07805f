"""`[FHIR base]/.well-known/udap`: what we do in a trust community, signed with our certificate there."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from interpayer.gateway.udap.business import EXTENSION
from interpayer.gateway.udap.statement import GRANTS, METHOD, OFFERED
from interpayer.partners.assertions import UDAP
from interpayer.partners.udap.communities import Communities, Community, Identity
from interpayer.partners.udap.signing import sign

# Well below the year that UDAP allows: whoever keeps the metadata learns of a change of ours within a day.
LIFETIME_S = 24 * 3600
RENEWED_S = 3600


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where we answer."""

    fhir_base: str
    token_url: str
    registration_url: str


@dataclass(slots=True)
class Metadata:
    """The metadata of each community, signed anew every hour and when our certificate changes."""

    addresses: Addresses
    communities: Communities
    _signed: dict[tuple[str, int], tuple[datetime, str]] = field(default_factory=dict)
    _signing: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, wanted: str | None, *, at: datetime) -> Mapping[str, Any] | None:
        """The metadata in the wanted community, or in the default one; None where we do no UDAP (404)."""
        community = self._chosen(wanted)
        if community is None or community.identity is None:
            return None
        return self._document(community, self._statement(community, community.identity, at=at))

    def _chosen(self, wanted: str | None) -> Community | None:
        """A community that names us by our FHIR base; an unknown one is none (UDAP Security 1.0, 2.4: 404)."""
        ours = [one for one in self.communities.current() if self._speaks_for_us(one)]
        if wanted is not None:
            return next((one for one in ours if one.uri == wanted), None)
        return ours[0] if ours else None

    def _speaks_for_us(self, community: Community) -> bool:
        return community.identity is not None and self.addresses.fhir_base in community.identity.uris

    def _statement(self, community: Community, identity: Identity, *, at: datetime) -> str:
        key = (community.uri, identity.chain[0].serial_number)
        with self._signing:
            known = self._signed.get(key)
            if known is None or known[0] <= at:
                known = (at + timedelta(seconds=RENEWED_S), self._sign(identity, at=at))
                self._signed[key] = known
            return known[1]

    def _sign(self, identity: Identity, *, at: datetime) -> str:
        claims = {
            "iss": self.addresses.fhir_base,
            "sub": self.addresses.fhir_base,
            "token_endpoint": self.addresses.token_url,
            "registration_endpoint": self.addresses.registration_url,
        }
        return sign(identity, claims, at=at, lifetime_s=LIFETIME_S)

    def _document(self, community: Community, statement: str) -> dict[str, Any]:
        document: dict[str, Any] = {
            "udap_versions_supported": ["1"],
            "udap_profiles_supported": ["udap_dcr", "udap_authn", "udap_authz"],
            "udap_authorization_extensions_supported": [EXTENSION],
            "udap_authorization_extensions_required": [EXTENSION],
            "udap_certifications_supported": list(community.certifications_supported),
            "grant_types_supported": list(GRANTS),
            "scopes_supported": list(OFFERED),
            "token_endpoint": self.addresses.token_url,
            "token_endpoint_auth_methods_supported": [METHOD],
            "token_endpoint_auth_signing_alg_values_supported": list(UDAP.algorithms),
            "registration_endpoint": self.addresses.registration_url,
            "registration_endpoint_jwt_signing_alg_values_supported": list(UDAP.algorithms),
            "signed_metadata": statement,
        }
        if community.certifications_supported:
            document["udap_certifications_required"] = list(community.certifications_required)
        return document
