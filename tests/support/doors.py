"""A FHIR door on a real socket with its own authority, and partners that can prove themselves to it."""

import json
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from interpayer.audit.ledger import Ledger
from interpayer.gateway import server
from interpayer.gateway.door import Answer, Body, Call, Door, Operation, Rate, Recheck
from interpayer.gateway.listen import Doors, Listener
from interpayer.gateway.peers import Peers
from interpayer.gateway.tls import tls_context
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.gateway.udap.gate import Gate
from interpayer.gateway.udap.routes import Offer
from interpayer.model.event import Event
from interpayer.model.partner import Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.partners.scopes import BULK_MATCH, MEMBER_MATCH
from interpayer.partners.udap.communities import Communities
from interpayer.policy.bundle import Bundle
from interpayer.policy.composing import shipped
from interpayer.policy.figures import RateNumbers
from interpayer.system.certificates.anchors import read_anchors
from interpayer.system.certificates.watched import Watched
from interpayer.system.database import Connection
from interpayer.system.keys import Vault
from interpayer.system.tls import KeyPair, create_authority, issue_client, issue_server
from tests.support.databases import ScratchDatabase

CURVE_KEY = ECKey.generate_key("P-384", {"kid": "curve"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_KEY = ECKey.generate_key("P-384", {"kid": "curve"})
SCOPES = (MEMBER_MATCH, BULK_MATCH, "system/*.rs")


def public(*keys: ECKey | RSAKey) -> dict[str, object]:
    """The JWKS of these keys."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def a_partner(client_id: str = "plan-b", **changes: Any) -> Partner:
    """An active partner of the test environment with one curve and one RSA key."""
    given: dict[str, Any] = {
        "id": f"p-{client_id}",
        "name": client_id,
        "status": PartnerStatus.ACTIVE,
        "client_id": client_id,
        "organizations": (f"urn:payers|{client_id}",),
        "scopes": SCOPES,
        "jwks": public(CURVE_KEY, RSA_KEY),
        "environment": "test",
        "attested_by_contract": False,
    }
    return Partner(**{**given, **changes})


def assertion(
    claims: Mapping[str, Any], *, key: Any = CURVE_KEY, algorithm: str = "ES384", header: Mapping[str, Any] = {}
) -> str:
    """A signed assertion with exactly these claims."""
    head = {"alg": algorithm, "kid": "curve" if algorithm == "ES384" else "rsa", "typ": "JWT", **header}
    return signed(head, dumps(claims), key=key)


def signed(header: Mapping[str, Any], payload: bytes, *, key: Any) -> str:
    """A compact JWS of any payload, JSON or not."""
    kept = {name: value for name, value in header.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=[str(kept["alg"])], strict_check_header=False)
    return jws.serialize_compact(kept, payload, key, registry=registry)


def dumps(value: object) -> bytes:
    """JSON in the usual spelling."""
    return json.dumps(value).encode()


def claims(audience: str, *, client_id: str = "plan-b", at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The claims of a good assertion, some of them changed; None takes one away."""
    moment = int((at or datetime.now(UTC)).timestamp())
    given = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": moment + 240,
        "iat": moment,
        "jti": secrets.token_urlsafe(16),
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def echo(call: Call, _conn: Connection) -> Answer:
    """An operation that says what reached it."""
    shown = {
        "resourceType": "Parameters",
        "partner": call.caller.partner_id,
        "path": call.path,
        "url": call.url,
        "query": {name: list(values) for name, values in call.query.items()},
        "body": call.body,
        "nonce": secrets.token_hex(4),
    }
    return Answer(body=shown)


def operations() -> list[Operation]:
    """One operation of each kind."""
    return [
        Operation(
            "POST",
            "/Patient/$member-match",
            echo,
            scopes=(MEMBER_MATCH,),
            route_class="match",
            body=Body.JSON,
            maximum_bytes=64 * 1024,
            resource="Patient",
            operation="member-match",
            definition="http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match",
        ),
        Operation(
            "GET",
            "/Group/{id}",
            echo,
            scopes=("system/Group.r",),
            resource="Group",
            interaction="read",
            search=("code:token",),
        ),
    ]


def missing_operations() -> list[Operation]:
    """An operation that never has what is asked for."""

    def missing(_call: Call, _conn: Connection) -> Answer:
        raise Refusal("request.not_found")

    return [Operation("GET", "/Missing/{id}", missing, scopes=("system/Group.r",))]


@dataclass
class Grounds:
    """Certificates of one small world: a server, two partners, and one whom nobody knows."""

    folder: Path
    ca: KeyPair = field(init=False)
    server: KeyPair = field(init=False)
    clients: dict[str, KeyPair] = field(init=False)

    def __post_init__(self) -> None:
        self.ca = create_authority(self.folder / "ca", "Test CA")
        rogue = create_authority(self.folder / "rogue", "Rogue CA")
        self.server = issue_server(self.folder, self.ca, ["127.0.0.1", "localhost"], name="server")
        self.clients = {name: issue_client(self.folder, self.ca, name) for name in ("plan-b", "plan-c")}
        self.clients["rogue"] = issue_client(self.folder, rogue, "rogue-client")
        self.clients["server-usage"] = self.server

    def client_context(self, name: str | None) -> ssl.SSLContext:
        """TLS as a partner does it; None comes without a certificate."""
        context = ssl.create_default_context(cafile=str(self.ca.certificate))
        if name is not None:
            context.load_cert_chain(self.clients[name].certificate, self.clients[name].key)
        return context


@cache
def policy_of(rates: tuple[tuple[str, Rate], ...], numbers: tuple[tuple[str, Any], ...]) -> Bundle:
    """The policy that ships, with some rates and some of its other numbers changed."""
    bundle = shipped()
    usual = {name: rate for name, rate in bundle.rates.items() if not rates}
    changed = {name: RateNumbers(rate.per_minute, rate.burst, rate.cost) for name, rate in rates}
    return replace(bundle, numbers=replace(bundle.numbers, rates={**usual, **changed}, **dict(numbers)))


def policy_with(rates: Mapping[str, Rate], numbers: Mapping[str, Any] = {}) -> Bundle:
    """The same, by name."""
    return policy_of(tuple(rates.items()), tuple(numbers.items()))


def door_of(database: ScratchDatabase, **changes: Any) -> Door:
    """The door of Plan A, with nobody listening at it; some of it changed."""
    vault = Vault(b"k" * 32, "test")
    facts = {
        "base_url": "https://plan-a.example",
        "environment": "test",
        "name": "Plan A",
        "identifier": {"system": "urn:payers", "value": "plan-a"},
        "database": database.door,
        "vault": vault,
        "ledger": Ledger(vault),
        "record": lambda _event: None,
        "jwks": lambda: {"keys": []},
        "policy": shipped,
    }
    return Door(**{**facts, **changes})


class DoorUnderTest:
    """The door of one payer, open on a free port of loopback, with everything it records."""

    def __init__(
        self,
        database: ScratchDatabase,
        grounds: Grounds,
        *,
        extra: Sequence[Operation] = (),
        recheck: Recheck | None = None,
        rates: Mapping[str, Rate] = {},
        peers: Peers | None = None,
        numbers: Mapping[str, Any] = {},
        communities: Path | None = None,
        at: str = "127.0.0.1:0",
        base_url: str | None = None,
    ) -> None:
        self.database, self.grounds = database, grounds
        self.events: list[Event] = []
        self.fail_to_record = False
        self.vault = Vault(b"k" * 32, "test")
        self.ledger = Ledger(self.vault)
        # The port is part of the audience, so it is taken before the door is built.
        tls = None if at.startswith("unix:") else self._tls()
        self.doors = Doors([Listener(self._app, at, tls, header_deadline_s=0.6)])
        self.base_url = base_url or f"https://{self.doors.addresses[0]}"
        self.door = door_of(
            database,
            base_url=self.base_url,
            vault=self.vault,
            ledger=self.ledger,
            record=self._record,
            jwks=lambda: public(CURVE_KEY),
            recheck=recheck,
            policy=lambda: policy_with(rates, numbers),
            peers=peers or Peers(Watched(lambda: read_anchors(grounds.ca.certificate), [], kind="test")),
        )
        offer = Offer(Communities(communities), None)
        self.door = replace(self.door, udap=Gate(database.door, offer.communities, None))
        self.app = server.build(self.door, [*operations(), *extra], more=offer.routes)
        for listener in self.doors._servers:
            listener.config.cut = self.app.state.cut
        self.doors.start()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def _tls(self) -> ssl.SSLContext:
        grounds = self.grounds
        return tls_context(grounds.server.certificate, grounds.server.key, grounds.ca.certificate)

    def _record(self, event: Event) -> None:
        if self.fail_to_record:
            raise ConnectionError("the ledger is away")
        with self.database.door.transaction() as conn:
            self.ledger.append(conn, event)
        self.events.append(event)

    def add(self, partner: Partner, agreed: directory.Agreed | None = None) -> Partner:
        """Register a partner."""
        with self.database.operator.transaction() as conn:
            directory.add_partner(conn, partner, agreed, by="tests")
        return partner

    def client(self, name: str | None = "plan-b") -> httpx2.Client:
        """An HTTP client with the certificate of that name."""
        return httpx2.Client(verify=self.grounds.client_context(name), base_url=self.base_url, trust_env=False)

    def ask_token(
        self, text: str | None = None, *, certificate: str | None = "plan-b", scope: str = " ".join(SCOPES), **form: str
    ) -> httpx2.Response:
        """POST /token with this assertion, or with a good one."""
        given = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": text or assertion(claims(self.door.token_url)),
        }
        content = urlencode({name: value for name, value in {**given, **form}.items() if value != ""})
        with self.client(certificate) as http:
            return http.post("/token", content=content, headers={"Content-Type": "application/x-www-form-urlencoded"})

    def token(self, *, client_id: str = "plan-b", scope: str = " ".join(SCOPES)) -> str:
        """A good token."""
        text = assertion(claims(self.door.token_url, client_id=client_id))
        response = self.ask_token(text, certificate=client_id, scope=scope)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    def close(self) -> None:
        """Close the door and wait for the last answer."""
        self.doors.stop()
