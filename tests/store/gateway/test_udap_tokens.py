"""The token endpoint for partners that registered over UDAP: the certificate proves them, hl7-b2b says for what."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from interpayer.gateway import tokens
from interpayer.gateway.authenticate import Admitted, Presented, authenticate
from interpayer.gateway.door import Door
from interpayer.gateway.peers import Peer
from interpayer.gateway.udap.gate import Gate
from interpayer.gateway.udap.registration import Trust, register
from interpayer.model.agreement import ActsFor
from interpayer.model.partner import PartnerStatus
from interpayer.partners import directory
from interpayer.partners import store as agreements
from interpayer.partners.udap import store
from interpayer.partners.udap.communities import Communities
from interpayer.policy.composing import compose
from interpayer.system.certificates.revocation import Revocations
from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.doors import door_of
from tests.support.udap import PURPOSE, SCOPES, Signer, World, business, later, moment, unreachable
from tests.support.udap import SERVER_REGISTER as ADDRESS
from tests.support.udap import SERVER_TOKEN as AUDIENCE

PEER = Peer("A" * 43)
NPI = "http://hl7.org/fhir/sid/us-npi|1234567893"
RATE = "{per_minute: 100000, burst: 10000, cost: 1}"
PLENTY = compose({"policy.yaml": f"rates: {{register: {RATE}, token: {RATE}}}"})


@dataclass
class Grounds:
    """A door with one partner that came over UDAP and was let in."""

    world: World
    door: Door
    database: ScratchDatabase
    signer: Signer
    client_id: str

    def ask(self, text: str, *, peer: Peer = PEER, scope: str = " ".join(SCOPES), **form: Any) -> tokens.Issued:
        given = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": tokens.ASSERTION_TYPE,
            "client_assertion": text,
            "udap": "1",
            **form,
        }
        content = urlencode({name: value for name, value in given.items() if value is not None}).encode()
        return tokens.issue(self.door, tokens.Asked(content, peer, moment()))

    def assertion(self, *, signer: Signer | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        who = signer or self.signer
        return who.sign(who.assertion(AUDIENCE, self.client_id, **changes), **(header or {}))


def open_door(database: ScratchDatabase, world: World) -> tuple[Door, Trust]:
    communities, revocations = Communities(world.folder), Revocations(unreachable)
    gate = Gate(database.door, communities, revocations)
    door = door_of(database, policy=lambda: PLENTY, udap=gate)
    return door, Trust(communities, revocations, ADDRESS)


def registered(door: Door, trust: Trust, signer: Signer) -> str:
    content = f'{{"udap": "1", "software_statement": "{signer.sign(signer.statement(ADDRESS))}"}}'
    answer = register(door, trust, content.encode(), at=moment()).answer
    assert answer.status == 201 and isinstance(answer.body, dict), answer.body
    return str(answer.body["client_id"])


def let_in(database: ScratchDatabase, client_id: str, *organizations: str) -> None:
    """What a person does."""
    with database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, client_id)
        assert partner is not None
        acts_for = [ActsFor(one, moment().date() - timedelta(days=1)) for one in organizations]
        agreements.set_acts_for(conn, partner.id, acts_for)
        directory.set_status(conn, partner.id, PartnerStatus.TESTING, by="ana", reason="looked at")
        directory.set_status(conn, partner.id, PartnerStatus.ACTIVE, by="ana", reason="passed")


@pytest.fixture(scope="module")
def grounds(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    world = World(tmp_path_factory.mktemp("communities"))
    database = database_server.create()
    door, trust = open_door(database, world)
    signer = world.client("https://plan-b.example/exchange")
    client_id = registered(door, trust, signer)
    let_in(database, client_id, NPI, "plan-b-dental")
    yield Grounds(world, door, database, signer, client_id)
    database_server.drop(database)


def shown(issued: tokens.Issued) -> dict[str, Any]:
    assert isinstance(issued.answer.body, dict)
    return issued.answer.body


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256"])
def test_a_registered_client_gets_a_short_token(grounds: Grounds, algorithm: str) -> None:
    signer = grounds.world.client(grounds.signer.uri, is_rsa=algorithm[0] == "R")
    signer.algorithm = algorithm
    issued = grounds.ask(grounds.assertion(signer=signer))
    assert issued.answer.status == 200, shown(issued)
    assert shown(issued)["expires_in"] <= 3600 and shown(issued)["token_type"] == "bearer"


def test_a_token_is_good_for_the_organization_it_was_asked_for(grounds: Grounds) -> None:
    token = shown(grounds.ask(grounds.assertion()))["access_token"]
    presented = Presented(f"Bearer {token}", PEER)
    with grounds.database.door.transaction() as conn:
        admitted = authenticate(conn, presented, environment="test", at=moment())
        other = authenticate(conn, replace(presented, peer=Peer("B" * 43)), environment="test", at=moment())
    assert isinstance(admitted, Admitted) and not isinstance(other, Admitted)
    assert admitted.caller.organizations == (NPI,)
    assert admitted.partner.organizations == (NPI, "plan-b-dental")
    assert admitted.caller.asserted is not None
    assert admitted.caller.asserted["purpose_of_use"] == [PURPOSE]
    assert admitted.caller.asserted["organization"] == NPI


def test_an_organization_may_have_an_address_of_its_own(grounds: Grounds) -> None:
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, grounds.client_id)
        assert partner is not None
        uri = "https://plan-b.example/organization/dental"
        store.name_organization(conn, partner.id, uri=uri, identifier="plan-b-dental", by="ana")
    issued = grounds.ask(grounds.assertion(extensions={"hl7-b2b": business(organization_id=uri)}))
    assert issued.answer.status == 200
    with grounds.database.operator.transaction() as conn:
        row = conn.execute(
            "select asserted ->> 'organization' as organization from gateway.access_token"
            " order by issued_at desc limit 1"
        ).fetchone()
    assert row is not None and row["organization"] == "plan-b-dental"


def test_what_was_asserted_is_on_the_ledger_without_the_address_of_a_consent(grounds: Grounds) -> None:
    secret = "https://plan-b.example/fhir/Consent/of-somebody"
    said = business(consent_policy=["https://plan-b.example/policy"], consent_reference=[secret], subject_name="Ana R")
    assert grounds.ask(grounds.assertion(extensions={"hl7-b2b": said})).answer.status == 200
    with grounds.database.operator.transaction() as conn:
        row = conn.execute(
            "select convert_from(header, 'UTF8') as header from audit.timeline where name = 'caller.accepted'"
            " order by id desc limit 1"
        ).fetchone()
    assert row is not None
    assert "consent_reference_sha256" in row["header"] and "hl7.org/fhir/sid/us-npi" in row["header"]
    assert secret not in row["header"] and "Ana R" not in row["header"]


def test_scopes_are_narrowed_to_what_was_agreed(grounds: Grounds) -> None:
    issued = grounds.ask(grounds.assertion(), scope="system/Patient.rs user/Patient.write")
    assert shown(issued)["scope"] == "system/Patient.rs"


def test_an_assertion_is_good_once(grounds: Grounds) -> None:
    text = grounds.assertion()
    assert grounds.ask(text).answer.status == 200
    again = grounds.ask(text)
    assert (again.answer.status, shown(again)["error"]) == (401, "invalid_client")
    assert again.refused is not None and again.refused.reason == "caller.replayed"


def test_who_waits_is_told_so(grounds: Grounds) -> None:
    door, trust = open_door(grounds.database, grounds.world)
    signer = grounds.world.client("https://waits.example")
    client_id = registered(door, trust, signer)
    text = signer.sign(signer.assertion(AUDIENCE, client_id))
    issued = grounds.ask(text)
    assert (issued.answer.status, shown(issued)["error"]) == (400, "unauthorized_client")
    assert "waits" in shown(issued)["error_description"]


def test_an_end_of_the_registration_ends_the_tokens(grounds: Grounds) -> None:
    door, trust = open_door(grounds.database, grounds.world)
    signer = grounds.world.client("https://ends.example")
    client_id = registered(door, trust, signer)
    let_in(grounds.database, client_id, "plan-ends")
    said = business(organization_id="https://ends.example/o")
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, client_id)
        assert partner is not None
        store.name_organization(conn, partner.id, uri="https://ends.example/o", identifier="plan-ends", by="ana")

    def ask() -> tokens.Issued:
        return grounds.ask(signer.sign(signer.assertion(AUDIENCE, client_id, extensions={"hl7-b2b": said})))

    token = shown(ask())["access_token"]
    ended = f'{{"udap": "1", "software_statement": "{signer.sign(signer.statement(ADDRESS, grant_types=[]))}"}}'
    assert register(door, trust, ended.encode(), at=moment()).answer.status == 200
    with grounds.database.door.transaction() as conn:
        presented = Presented(f"Bearer {token}", PEER)
        assert not isinstance(authenticate(conn, presented, environment="test", at=moment()), Admitted)
    assert shown(ask())["error"] == "invalid_client"


# --- Everything that is not quite a good assertion


def stranger(grounds: Grounds) -> Signer:
    return grounds.world.client(grounds.signer.uri, issuer=grounds.world.elsewhere)


def other(grounds: Grounds) -> Signer:
    return grounds.world.client("https://plan-c.example")


ASSERTIONS: dict[str, Callable[[Grounds], str]] = {
    "by a certificate of another community": lambda g: g.assertion(signer=stranger(g)),
    "by another member of the community": lambda g: g.assertion(signer=other(g)),
    "by a certificate that has expired": lambda g: g.assertion(
        signer=g.world.client(g.signer.uri, days=(-30, -1))
    ),
    "by a certificate whose standing nobody tells": lambda g: g.assertion(
        signer=g.world.client(g.signer.uri, ocsp_url="http://ocsp.example")
    ),
    "by another key": lambda g: g.signer.sign(
        g.signer.assertion(AUDIENCE, g.client_id), key_pem=other(g).key_pem
    ),
    "without a chain": lambda g: g.assertion(header={"x5c": None}),
    "with a kid instead of a chain": lambda g: g.assertion(header={"x5c": None, "kid": "curve"}),
    "with an empty chain": lambda g: g.assertion(header={"x5c": []}),
    "with the leaf alone": lambda g: g.assertion(header={"x5c": g.signer.x5c[:1]}),
    "with a key brought along": lambda g: g.assertion(header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "with an address of keys": lambda g: g.assertion(header={"jku": "https://evil.example/jwks.json"}),
    "of another type": lambda g: g.assertion(header={"typ": "at+jwt"}),
    "iss missing": lambda g: g.assertion(iss=None),
    "iss the URI of the certificate": lambda g: g.assertion(iss=g.signer.uri, sub=g.signer.uri),
    "iss nobody": lambda g: g.assertion(iss="u-nobody", sub="u-nobody"),
    "sub missing": lambda g: g.assertion(sub=None),
    "sub a Patient": lambda g: g.assertion(sub="m-123"),
    "aud missing": lambda g: g.assertion(aud=None),
    "aud the registration": lambda g: g.assertion(aud=ADDRESS),
    "aud elsewhere": lambda g: g.assertion(aud="https://evil.example/token"),
    "exp missing": lambda g: g.assertion(exp=None),
    "exp in the past": lambda g: g.assertion(iat=later(-100), exp=later(-1)),
    "exp more than 300 seconds after iat": lambda g: g.assertion(iat=later(-30), exp=later(290)),
    "iat missing": lambda g: g.assertion(iat=None),
    "iat ahead": lambda g: g.assertion(iat=later(200), exp=later(290)),
    "nbf ahead": lambda g: g.assertion(nbf=later(200)),
    "jti missing": lambda g: g.assertion(jti=None),
    "jti a list": lambda g: g.assertion(jti=["one"]),
    "a software statement": lambda g: g.signer.sign(g.signer.statement(ADDRESS)),
    "a software statement for this address": lambda g: g.signer.sign(g.signer.statement(AUDIENCE)),
    "two parts": lambda g: g.assertion().rpartition(".")[0],
    "no signature": lambda g: g.assertion().rpartition(".")[0] + ".",
}  # fmt: skip
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "hl7-b2b missing": ({"extensions": None}, "invalid_grant"),
    "extensions empty": ({"extensions": {}}, "invalid_grant"),
    "version missing": ({"extensions": {"hl7-b2b": business(version=None)}}, "invalid_grant"),
    "purpose missing": ({"extensions": {"hl7-b2b": business(purpose_of_use=None)}}, "invalid_grant"),
    "purpose of marketing": (
        {"extensions": {"hl7-b2b": business(purpose_of_use=["urn:oid:2.16.840.1.113883.5.8#HMARKT"])}},
        "invalid_grant",
    ),
    "organization missing": ({"extensions": {"hl7-b2b": business(organization_id=None)}}, "invalid_grant"),
    "organization of somebody else": (
        {"extensions": {"hl7-b2b": business(organization_id="http://hl7.org/fhir/sid/us-npi#1111111112")}},
        "invalid_grant",
    ),
}
FORMS: dict[str, dict[str, Any]] = {
    "udap missing": {"udap": None},
    "udap another version": {"udap": "2"},
    "client_id of another": {"client_id": "u-nobody"},
    "a secret beside it": {"client_secret": "x"},
    "no scope agreed": {"scope": "user/*.rs"},
    "grant type of a person": {"grant_type": "authorization_code"},
}


@pytest.mark.parametrize("case", ASSERTIONS)
def test_whoever_is_not_that_client_gets_no_token(grounds: Grounds, case: str) -> None:
    issued = grounds.ask(ASSERTIONS[case](grounds))
    assert (issued.answer.status, shown(issued)["error"]) == (401, "invalid_client")
    assert "plan-b" not in shown(issued)["error_description"] and grounds.client_id not in str(shown(issued))


@pytest.mark.parametrize("case", ASKED)
def test_whoever_does_not_say_for_what_gets_no_token(grounds: Grounds, case: str) -> None:
    changes, error = ASKED[case]
    issued = grounds.ask(grounds.assertion(**changes))
    assert (issued.answer.status, shown(issued)["error"]) == (400, error)


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_does_not_fit_gets_no_token(grounds: Grounds, case: str) -> None:
    issued = grounds.ask(grounds.assertion(), **FORMS[case])
    assert issued.answer.status in {400, 401} and "access_token" not in shown(issued)


def test_without_a_client_certificate_there_is_no_token(grounds: Grounds) -> None:
    assert grounds.ask(grounds.assertion(), peer=Peer()).answer.status == 401


def test_a_client_that_did_not_come_over_udap_does_not_get_in_by_a_certificate(grounds: Grounds) -> None:
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, grounds.client_id)
        assert partner is not None
        plain = replace(partner, id="p-plain", client_id="plain", organizations=("plain",))
        directory.add_partner(conn, plain, by="tests")
    issued = grounds.ask(grounds.signer.sign(grounds.signer.assertion(AUDIENCE, "plain")))
    assert (issued.answer.status, shown(issued)["error"]) == (401, "invalid_client")
