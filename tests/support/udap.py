"""A small UDAP world: a trust community in a folder, clients certified in it, and what they sign, good or not."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import import_key

from interpayer.system.certificates.revocation import Unreachable
from tests.support.certificates import Party, certify

COMMUNITY = "https://community.example/udap"
OTHER_COMMUNITY = "https://elsewhere.example/udap"
CERTIFICATION = "https://community.example/certified-payer"
SCOPES = (
    "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match",
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch",
    "system/*.rs",
)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
BASE = "https://plan-a.example"
SERVER = f"{BASE}/fhir"
SERVER_TOKEN, SERVER_REGISTER = f"{BASE}/token", f"{BASE}/register"
PURPOSE = "urn:oid:2.16.840.1.113883.5.8#HPAYMT"


def moment() -> datetime:
    return datetime.now(UTC)


def later(seconds: float) -> int:
    """A time of a token, so many seconds from now."""
    return int((moment() + timedelta(seconds=seconds)).timestamp())


def unreachable(_url: str, _question: bytes | None) -> bytes:
    """Whoever is asked about revocation does not answer."""
    raise Unreachable("down")


@dataclass
class Signer:
    """Somebody with a key and a chain that may or may not lead anywhere."""

    party: Party
    uri: str
    above: tuple[Party, ...] = ()
    algorithm: str = "ES256"

    @property
    def x5c(self) -> list[str]:
        """Its chain as a header brings it."""
        ders = [one.certificate.public_bytes(serialization.Encoding.DER) for one in (self.party, *self.above)]
        return [base64.b64encode(der).decode() for der in ders]

    @property
    def key_pem(self) -> bytes:
        return self.party.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, claims: Mapping[str, Any] | bytes, *, key_pem: bytes | None = None, **header: Any) -> str:
        """A compact JWS; a header member of None is left away."""
        given = {"alg": self.algorithm, "x5c": self.x5c, **header}
        kept = {name: value for name, value in given.items() if value is not None}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        pem = key_pem or self.key_pem
        key = import_key(pem, "RSA" if kept["alg"][:2] in {"RS", "PS"} else "EC")
        registry = jws.JWSRegistry(algorithms=[kept["alg"]], strict_check_header=False)
        return jws.serialize_compact(kept, payload, key, registry=registry)

    def statement(self, audience: str, **changes: Any) -> dict[str, Any]:
        """The claims of a good software statement, some of them changed; None takes one away."""
        return _changed({**self._who(self.uri, audience), **registration()}, changes)

    def assertion(self, audience: str, client_id: str, **changes: Any) -> dict[str, Any]:
        """The claims of a good client assertion, some of them changed; None takes one away."""
        return _changed({**self._who(client_id, audience), "extensions": {"hl7-b2b": business()}}, changes)

    def _who(self, issuer: str, audience: str) -> dict[str, Any]:
        at = int(moment().timestamp())
        return {
            "iss": issuer,
            "sub": issuer,
            "aud": audience,
            "iat": at,
            "exp": at + 240,
            "jti": secrets.token_urlsafe(16),
        }


def registration(**changes: Any) -> dict[str, Any]:
    """What a good statement asks for."""
    given = {
        "client_name": "Plan B exchange",
        "contacts": ["https://plan-b.example/contact", "mailto:operations@plan-b.example"],
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(SCOPES),
    }
    return _changed(given, changes)


def business(**changes: Any) -> dict[str, Any]:
    """A good hl7-b2b."""
    given = {
        "version": "1",
        "organization_id": "http://hl7.org/fhir/sid/us-npi#1234567893",
        "organization_name": "Plan B",
        "purpose_of_use": [PURPOSE],
    }
    return _changed(given, changes)


def server_statement(**changes: Any) -> dict[str, Any]:
    """The claims of good signed metadata of SERVER, some of them changed; None takes one away."""
    at = int(moment().timestamp())
    given = {
        "iss": SERVER,
        "sub": SERVER,
        "iat": at,
        "exp": at + 86400,
        "jti": "one",
        "token_endpoint": SERVER_TOKEN,
        "registration_endpoint": SERVER_REGISTER,
    }
    return _changed(given, changes)


def server_document(signed: Any, **changes: Any) -> dict[str, Any]:
    """Good metadata of SERVER around a signed statement, some of them changed; None takes one away."""
    given = {
        "udap_versions_supported": ["1"],
        "udap_profiles_supported": ["udap_dcr", "udap_authn", "udap_authz"],
        "udap_authorization_extensions_supported": ["hl7-b2b"],
        "udap_authorization_extensions_required": ["hl7-b2b"],
        "udap_certifications_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint": SERVER_TOKEN,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "registration_endpoint": SERVER_REGISTER,
        "registration_endpoint_jwt_signing_alg_values_supported": ["RS256"],
        "signed_metadata": signed,
    }
    return _changed(given, changes)


def _changed(given: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


@dataclass
class World:
    """The folder of communities of one server, and the authorities behind them; `like`: another server's, shared."""

    folder: Path
    like: "World | None" = None
    root: Party = field(init=False)
    middle: Party = field(init=False)
    elsewhere: Party = field(init=False)

    def __post_init__(self) -> None:
        at, like = moment(), self.like
        self.root = like.root if like else certify("Community root", ca=True, at=at)
        self.middle = like.middle if like else certify("Community issuer", self.root, ca=True, at=at)
        self.elsewhere = like.elsewhere if like else certify("Elsewhere root", ca=True, at=at)
        self.community("one", COMMUNITY, anchors=[self.root], default=True)
        self.community("two", OTHER_COMMUNITY, anchors=[self.elsewhere])

    def community(self, name: str, uri: str, *, anchors: Sequence[Party], **rules: Any) -> Path:
        """A community's folder."""
        place = self.folder / name
        (place / "anchors").mkdir(parents=True, exist_ok=True)
        for number, anchor in enumerate(anchors):
            (place / "anchors" / f"{number}.pem").write_bytes(anchor.pem)
        (place / "community.yaml").write_text(json.dumps({"uri": uri, **rules}))
        return place

    def certify_us(self, name: str, *uris: str, issuer: Party | None = None, rsa_key: bool = True) -> Signer:
        """Put a certificate of ours into a community's folder."""
        key: Any = {"key": RSA_KEY} if rsa_key else {}
        above = issuer or self.middle
        party = certify("us", above, names=uris, at=moment(), **key)
        signer = Signer(party, uris[0], (above,), "RS256" if rsa_key else "ES256")
        (self.folder / name / "certificate.pem").write_bytes(party.pem + above.pem)
        place = self.folder / name / "key.pem"
        place.write_bytes(signer.key_pem)
        place.chmod(0o600)
        return signer

    def client(self, uri: str, *, issuer: Party | None = None, is_rsa: bool = False, **how: Any) -> Signer:
        """A client that the community certifies under this URI."""
        key: Any = {"key": RSA_KEY} if is_rsa else {}
        above = issuer or self.middle
        party = certify(uri, above, **{"names": [uri], "at": moment(), **key, **how})
        return Signer(party, uri, (above,), "RS256" if is_rsa else "ES256")
