"""Registration over UDAP: who may, what becomes of it, and everything that is not quite a good statement.

Nobody gets in by a statement alone: the best that it can make is a partner whom a person has to look at.
"""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interpayer.gateway.door import Door
from interpayer.gateway.udap.registration import Registered, Trust, register
from interpayer.model.partner import PartnerStatus
from interpayer.partners import directory
from interpayer.partners.udap import store
from interpayer.partners.udap.communities import Communities
from interpayer.policy.composing import compose
from interpayer.system.certificates.revocation import Revocations
from tests.support.certificates import certify
from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.doors import door_of
from tests.support.udap import (
    CERTIFICATION,
    COMMUNITY,
    SCOPES,
    SERVER_TOKEN,
    Signer,
    World,
    later,
    moment,
    unreachable,
)
from tests.support.udap import SERVER_REGISTER as ADDRESS

PLENTY = compose({"policy.yaml": "rates: {register: {per_minute: 100000, burst: 10000, cost: 1}}"})
SPARSE = compose({"policy.yaml": "rates: {register: {per_minute: 1, burst: 1, cost: 1}}"})
FOUR = ("RS256", "RS384", "ES256", "ES384")


@dataclass
class Grounds:
    """A door that takes registrations, and the world around it."""

    world: World
    door: Door
    trust: Trust
    database: ScratchDatabase
    revoked: Path

    def register(self, text: Any, *, certifications: Any = None, **body: Any) -> Registered:
        given = {"software_statement": text, "udap": "1", **body}
        if certifications is not None:
            given["certifications"] = certifications
        return self.send(json.dumps({name: value for name, value in given.items() if value is not None}).encode())

    def send(self, body: bytes) -> Registered:
        try:
            return register(self.door, self.trust, body, at=moment())
        except Exception as error:
            raise AssertionError(f"not an answer: {error!r}") from error

    def partners(self) -> int:
        with self.database.operator.transaction() as conn:
            return len(directory.list_partners(conn))


@pytest.fixture(scope="module")
def grounds(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    folder = tmp_path_factory.mktemp("udap")
    database = database_server.create()
    yield made_grounds(folder, database)
    database_server.drop(database)


def made_grounds(folder: Path, database: ScratchDatabase) -> Grounds:
    world = World(folder / "communities")
    revoked = folder / "revoked"
    revoked.mkdir()
    trust = Trust(Communities(world.folder), Revocations(unreachable, files=revoked), ADDRESS)
    return Grounds(world, door_of(database, policy=lambda: PLENTY), trust, database, revoked)


@pytest.fixture(scope="module")
def client(grounds: Grounds) -> Signer:
    return grounds.world.client("https://plan-b.example/exchange")


def shown(registered: Registered) -> dict[str, Any]:
    assert isinstance(registered.answer.body, dict)
    return registered.answer.body


# --- What a good statement does


@pytest.mark.parametrize("algorithm", FOUR)
def test_a_statement_of_the_community_makes_a_partner_that_waits(grounds: Grounds, algorithm: str) -> None:
    key: Any = {"key": ec.generate_private_key(ec.SECP384R1())} if algorithm == "ES384" else {}
    signer = grounds.world.client(f"https://{algorithm.lower()}.example", is_rsa=algorithm[0] == "R", **key)
    signer.algorithm = algorithm
    statement = signer.statement(ADDRESS)
    text = signer.sign(statement)

    registered = grounds.register(text)

    body = shown(registered)
    assert registered.answer.status == 201 and registered.refused is None
    assert body["software_statement"] == text and body["scope"] == " ".join(SCOPES)
    asked = ("client_name", "grant_types", "token_endpoint_auth_method")
    assert {name: body[name] for name in asked} == {name: statement[name] for name in asked}
    assert set(body["contacts"]) == set(statement["contacts"])
    assert registered.answer.headers["Cache-Control"] == "no-store"
    with grounds.database.operator.transaction() as conn:
        known = directory.credentials(conn, body["client_id"])
        kept = store.registration_of(conn, known.partner.id) if known else None
    assert known is not None and kept is not None
    assert known.partner.status is PartnerStatus.INVITED
    assert known.partner.jwks == {"keys": []} and known.partner.organizations == ()
    assert (known.agreed.udap_community, known.agreed.udap_uri) == (COMMUNITY, signer.uri)
    assert kept.said.certificate == signer.party.certificate.public_bytes(Encoding.DER)
    assert kept.said.contacts[0] == "mailto:operations@plan-b.example"


def test_a_second_statement_changes_the_registration_and_keeps_the_client_id(grounds: Grounds) -> None:
    signer = grounds.world.client("https://changes.example")
    first = shown(grounds.register(signer.sign(signer.statement(ADDRESS))))
    renewed = grounds.world.client("https://changes.example")

    second = grounds.register(renewed.sign(renewed.statement(ADDRESS, client_name="New name", scope=SCOPES[0])))

    assert second.answer.status == 200
    assert shown(second)["client_id"] == first["client_id"]
    assert (shown(second)["client_name"], shown(second)["scope"]) == ("New name", SCOPES[0])
    with grounds.database.operator.transaction() as conn:
        kept = store.registered(conn, community=COMMUNITY, uri=signer.uri)
        known = directory.credentials(conn, first["client_id"])
    assert kept is not None and known is not None
    assert kept.said.client_name == "New name" and kept.said.text == shown(second)["software_statement"]
    assert known.partner.scopes == (SCOPES[0],)


def test_what_a_person_agreed_is_not_widened_by_a_statement(grounds: Grounds) -> None:
    signer = grounds.world.client("https://agreed.example")
    first = shown(grounds.register(signer.sign(signer.statement(ADDRESS, scope=SCOPES[0]))))
    agree(grounds, first["client_id"], PartnerStatus.TESTING)

    second = grounds.register(signer.sign(signer.statement(ADDRESS, scope=" ".join(SCOPES))))

    assert second.answer.status == 200 and shown(second)["scope"] == SCOPES[0]
    with grounds.database.operator.transaction() as conn:
        known = directory.credentials(conn, first["client_id"])
    assert known is not None
    assert (known.partner.scopes, known.partner.status) == ((SCOPES[0],), PartnerStatus.TESTING)


def test_no_grant_types_end_a_registration_and_a_later_statement_begins_anew(grounds: Grounds) -> None:
    signer = grounds.world.client("https://leaves.example")
    first = shown(grounds.register(signer.sign(signer.statement(ADDRESS))))
    agree(grounds, first["client_id"], PartnerStatus.TESTING)

    ended = grounds.register(signer.sign(signer.statement(ADDRESS, grant_types=[])))
    assert ended.answer.status == 200
    assert (shown(ended)["grant_types"], shown(ended)["client_id"]) == ([], first["client_id"])
    assert status_of(grounds, first["client_id"]) is PartnerStatus.SUSPENDED

    again = grounds.register(signer.sign(signer.statement(ADDRESS)))
    assert again.answer.status == 201
    assert status_of(grounds, shown(again)["client_id"]) is PartnerStatus.INVITED


def test_there_must_be_something_to_end(grounds: Grounds) -> None:
    signer = grounds.world.client("https://nobody.example")
    ended = grounds.register(signer.sign(signer.statement(ADDRESS, grant_types=[])))
    assert (ended.answer.status, shown(ended)["error"]) == (400, "invalid_client_metadata")


def test_a_partner_at_rest_does_not_wake_itself(grounds: Grounds) -> None:
    signer = grounds.world.client("https://rests.example")
    first = shown(grounds.register(signer.sign(signer.statement(ADDRESS))))
    agree(grounds, first["client_id"], PartnerStatus.SUSPENDED)

    again = grounds.register(signer.sign(signer.statement(ADDRESS)))

    assert (again.answer.status, shown(again)["error"]) == (400, "unapproved_software_statement")
    assert status_of(grounds, first["client_id"]) is PartnerStatus.SUSPENDED


def test_the_same_name_in_another_community_is_somebody_else(grounds: Grounds) -> None:
    here = grounds.world.client("https://twice.example")
    there = grounds.world.client("https://twice.example", issuer=grounds.world.elsewhere)
    first, second = (shown(grounds.register(one.sign(one.statement(ADDRESS)))) for one in (here, there))
    assert first["client_id"] != second["client_id"]


def test_scopes_that_nobody_offers_are_left_away(grounds: Grounds) -> None:
    signer = grounds.world.client("https://wants-much.example")
    text = signer.sign(signer.statement(ADDRESS, scope=f"user/Patient.write {SCOPES[0]} openid"))
    assert shown(grounds.register(text))["scope"] == SCOPES[0]


def test_members_that_nobody_knows_are_left_alone(grounds: Grounds) -> None:
    signer = grounds.world.client("https://verbose.example")
    text = signer.sign(signer.statement(ADDRESS, tos_uri="https://x.example/tos", logo_uri="https://x.example/a.PNG"))
    registered = grounds.register(text, colour="green")
    assert registered.answer.status == 201 and shown(registered)["logo_uri"] == "https://x.example/a.PNG"


def test_the_door_can_make_nobody_active(grounds: Grounds) -> None:
    signer = grounds.world.client("https://sly.example")
    client_id = shown(grounds.register(signer.sign(signer.statement(ADDRESS))))["client_id"]
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, client_id)
    assert partner is not None
    tried = (
        f"update partners.partner set status = 'active' where id = '{partner.id}'",
        f"select partners.udap_move('{partner.id}', 'mine', 'active', null)",
        f"select partners.udap_move('{partner.id}', 'mine', 'testing', null)",
        f"insert into partners.organization (partner_id, identifier, value) values ('{partner.id}', 'x', 'x')",
        f"insert into partners.udap_organization (partner_id, uri, identifier) values ('{partner.id}', 'a', 'b')",
    )
    for statement in tried:
        with (
            pytest.raises(Exception, match=r"permission denied|cannot move itself"),
            grounds.door.database.transaction() as conn,
        ):
            conn.execute(statement.encode())
    assert status_of(grounds, client_id) is PartnerStatus.INVITED


def test_each_change_is_on_the_ledger(grounds: Grounds) -> None:
    signer = grounds.world.client("https://told.example")
    body = shown(grounds.register(signer.sign(signer.statement(ADDRESS))))
    grounds.register(signer.sign(signer.statement(ADDRESS, client_name="Other")))
    grounds.register(signer.sign(signer.statement(ADDRESS, grant_types=[])))
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, body["client_id"])
        assert partner is not None
        rows = conn.execute(
            "select convert_from(header, 'UTF8')::jsonb -> 'facts' ->> 'change' as change from audit.timeline"
            " where partner = %s order by seq",
            [partner.id],
        ).fetchall()
    assert [row["change"] for row in rows] == ["registered", "registration changed", "registration cancelled"]


# --- Certifications


def certification(world: World, about: str, *, signer: Signer | None = None, **changes: Any) -> str:
    issuer = signer or world.client("https://certifier.example")
    at = int(moment().timestamp())
    claims = {
        "iss": issuer.uri,
        "sub": about,
        "iat": at,
        "exp": at + 86400,
        "jti": f"c{at}",
        "certification_name": "Certified payer",
        "certification_uris": [CERTIFICATION],
        **changes,
    }
    return issuer.sign(claims)


@pytest.fixture(scope="module")
def strict(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    """A community that wants a certification of everybody."""
    database = database_server.create()
    made = made_grounds(tmp_path_factory.mktemp("strict"), database)
    rules = {"certifications_supported": [CERTIFICATION], "certifications_required": [CERTIFICATION]}
    made.world.community("one", COMMUNITY, anchors=[made.world.root], **rules)
    yield made
    database_server.drop(database)


def test_a_certification_is_believed_kept_and_passed_on(strict: Grounds) -> None:
    signer = strict.world.client("https://certified.example")
    text = certification(strict.world, signer.uri)
    registered = strict.register(signer.sign(signer.statement(ADDRESS)), certifications=[text, "unreadable", 7])
    assert registered.answer.status == 201, shown(registered)
    with strict.database.operator.transaction() as conn:
        kept = store.registered(conn, community=COMMUNITY, uri=signer.uri)
    assert kept is not None
    assert [(one["uris"], one["is_believed"], one["text"]) for one in kept.said.certifications] == [
        ([CERTIFICATION], True, text)
    ]


def test_a_certification_that_nobody_wants_is_no_reason_to_refuse(grounds: Grounds) -> None:
    signer = grounds.world.client("https://overdone.example")
    given = [certification(grounds.world, signer.uri), "unreadable"]
    assert grounds.register(signer.sign(signer.statement(ADDRESS)), certifications=given).answer.status == 201


UNCERTIFIED: dict[str, Callable[[Grounds, Signer], list[str]]] = {
    "none": lambda _grounds, _signer: [],
    "about another": lambda grounds, _signer: [certification(grounds.world, "https://other.example")],
    "of another kind": lambda grounds, signer: [
        certification(grounds.world, signer.uri, certification_uris=["https://x.example"])
    ],
    "expired": lambda grounds, signer: [certification(grounds.world, signer.uri, exp=int(moment().timestamp()) - 1)],
    "by a stranger": lambda grounds, signer: [certification(grounds.world, signer.uri, signer=stranger())],
    "under another name": lambda grounds, signer: [certification(grounds.world, signer.uri, iss="https://x.example")],
    "with a broken signature": lambda grounds, signer: [certification(grounds.world, signer.uri)[:-8] + "AAAAAAAA"],
}


@pytest.mark.parametrize("case", UNCERTIFIED)
def test_a_certification_that_is_required_must_hold(strict: Grounds, case: str) -> None:
    signer = strict.world.client("https://uncertified.example")
    given = UNCERTIFIED[case](strict, signer)
    registered = strict.register(signer.sign(signer.statement(ADDRESS)), certifications=given)
    assert (registered.answer.status, shown(registered)["error"]) == (400, "unapproved_software_statement")


# --- Everything that is not quite a good statement


def stranger() -> Signer:
    """Certified by an authority that nobody here trusts, under the names of somebody who is known."""
    at = moment()
    root = certify("Rogue", ca=True, at=at)
    return Signer(
        certify("rogue", root, names=["https://plan-b.example/exchange"], at=at),
        "https://plan-b.example/exchange",
        (root,),
    )


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def hidden(client: Signer, **header: Any) -> str:
    """A head that says this, over a signature that fits no head."""
    _, payload, signature = client.sign(client.statement(ADDRESS)).split(".")
    given = {"alg": "ES256", "x5c": client.x5c, **header}
    head = json.dumps({name: value for name, value in given.items() if value is not None}).encode()
    return f"{encoded(head)}.{payload}.{signature}"


def symmetric(client: Signer) -> str:
    head = encoded(json.dumps({"alg": "HS256", "x5c": client.x5c}).encode())
    message = f"{head}.{encoded(json.dumps(client.statement(ADDRESS)).encode())}"
    public = client.party.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{message}.{encoded(hmac.digest(public, message.encode(), 'sha256'))}"


def twice(client: Signer, name: str) -> str:
    text = json.dumps(client.statement(ADDRESS))
    return client.sign((f'{{"{name}": "https://other.example", ' + text[1:]).encode())


def swapped(client: Signer) -> str:
    mine = client.sign(client.statement(ADDRESS)).split(".")
    other = client.sign(client.statement(ADDRESS, client_name="Other")).split(".")
    return ".".join([mine[0], other[1], mine[2]])


SHAPES: dict[str, Callable[[Signer], Any]] = {
    "alg none": lambda c: hidden(c, alg="none").rpartition(".")[0] + ".",
    "alg none with a signature": lambda c: hidden(c, alg="none"),
    "alg missing": lambda c: hidden(c, alg=None),
    "alg a list": lambda c: hidden(c, alg=["ES256"]),
    "alg HS256 with the public key": symmetric,
    "alg of another key": lambda c: hidden(c, alg="RS256"),
    "alg of another curve": lambda c: hidden(c, alg="ES384"),
    "alg ES512": lambda c: hidden(c, alg="ES512"),
    "typ of an access token": lambda c: c.sign(c.statement(ADDRESS), typ="at+jwt"),
    "x5c missing": lambda c: c.sign(c.statement(ADDRESS), x5c=None),
    "x5c empty": lambda c: c.sign(c.statement(ADDRESS), x5c=[]),
    "x5c a text": lambda c: hidden(c, x5c=c.x5c[0]),
    "x5c a list of numbers": lambda c: hidden(c, x5c=[1]),
    "x5c no certificate": lambda c: hidden(c, x5c=["AAAA"]),
    "x5c PEM": lambda c: hidden(c, x5c=[c.party.pem.decode()]),
    "x5c without end": lambda c: hidden(c, x5c=[c.x5c[0]] * 12),
    "x5c the wrong way round": lambda c: c.sign(c.statement(ADDRESS), x5c=c.x5c[::-1]),
    "key brought along": lambda c: c.sign(c.statement(ADDRESS), jwk={"kty": "oct", "k": "AAAA"}),
    "key address brought along": lambda c: c.sign(c.statement(ADDRESS), jku="https://evil.example/jwks.json"),
    "certificate address brought along": lambda c: c.sign(c.statement(ADDRESS), x5u="https://evil.example/x.pem"),
    "crit unknown": lambda c: hidden(c, crit=["exp"]),
    "payload not encoded": lambda c: hidden(c, b64=False),
    "signature of another message": swapped,
    "signature empty": lambda c: c.sign(c.statement(ADDRESS)).rpartition(".")[0] + ".",
    "signature of another key": lambda c: c.sign(c.statement(ADDRESS), key_pem=stranger().key_pem),
    "two parts": lambda c: c.sign(c.statement(ADDRESS)).rpartition(".")[0],
    "four parts": lambda c: c.sign(c.statement(ADDRESS)) + ".AAAA",
    "padding": lambda c: c.sign(c.statement(ADDRESS)) + "==",
    "JSON serialization": lambda c: json.dumps({"payload": "", "signatures": []}),
    "payload a list": lambda c: c.sign(b"[]"),
    "payload no JSON": lambda c: c.sign(b"plan-b"),
    "iss twice": lambda c: twice(c, "iss"),
    "aud twice": lambda c: twice(c, "aud"),
    "larger than 32 KiB": lambda c: c.sign(c.statement(ADDRESS, note="x" * 40_000)),
    "no text": lambda _: 7,
    "missing": lambda _: None,
}
CHAINS: dict[str, Callable[[World], Signer]] = {
    "of an authority that nobody knows": lambda _: stranger(),
    "signed by itself": lambda _: alone("https://alone.example"),
    "expired": lambda w: w.client("https://old.example", days=(-30, -1)),
    "not valid yet": lambda w: w.client("https://early.example", days=(1, 30)),
    "with the issuer left out": lambda w: Signer(w.client("https://gap.example").party, "https://gap.example"),
    "issued by another client": lambda w: under_a_leaf(w, "https://below.example"),
    "with a key of 1024 bits": lambda w: Signer(
        w.client("https://small.example", key=rsa.generate_private_key(65537, 1024)).party,
        "https://small.example", (w.middle,), "RS256",
    ),
    "with a key of another kind": lambda w: w.client("https://ed.example", key=ed25519.Ed25519PrivateKey.generate()),
    "with a curve of another kind": lambda w: w.client(
        "https://k1.example", key=ec.generate_private_key(ec.SECP256K1())
    ),
    "without any name": lambda w: w.client("https://unnamed.example", leave_out=["names"]),
    "named by DNS only": lambda w: Signer(
        w.client("dns.example").party, "https://dns.example", (w.middle,)
    ),
    "whose standing nobody tells": lambda w: w.client("https://dark.example", crl_url="http://crl.example/list.crl"),
}  # fmt: skip


def alone(uri: str) -> Signer:
    return Signer(certify(uri, names=[uri], at=moment()), uri)


def under_a_leaf(world: World, uri: str) -> Signer:
    leaf = world.client("https://leaf.example")
    return Signer(certify(uri, leaf.party, names=[uri], at=moment()), uri, (leaf.party, world.middle))


CLAIMS: dict[str, Callable[[], dict[str, Any]]] = {
    "iss missing": lambda: {"iss": None},
    "iss of somebody else": lambda: {"iss": "https://other.example", "sub": "https://other.example"},
    "iss almost right": lambda: {"iss": "https://plan-b.example/exchange/", "sub": "https://plan-b.example/exchange/"},
    "iss a list": lambda: {"iss": ["https://plan-b.example/exchange"]},
    "sub missing": lambda: {"sub": None},
    "sub of somebody else": lambda: {"sub": "https://other.example"},
    "aud missing": lambda: {"aud": None},
    "aud the token address": lambda: {"aud": SERVER_TOKEN},
    "aud with a slash": lambda: {"aud": f"{ADDRESS}/"},
    "aud another server": lambda: {"aud": "https://plan-c.example/register"},
    "aud a list with others": lambda: {"aud": [ADDRESS, "https://plan-c.example/register"]},
    "exp missing": lambda: {"exp": None},
    "exp in the past": lambda: {"iat": later(-200), "exp": later(-1)},
    "exp too far from iat": lambda: {"exp": later(400)},
    "exp before iat": lambda: {"iat": later(50), "exp": later(40)},
    "exp a text": lambda: {"exp": str(later(100))},
    "iat missing": lambda: {"iat": None},
    "iat ahead": lambda: {"iat": later(200), "exp": later(300)},
    "iat true": lambda: {"iat": True},
    "nbf ahead": lambda: {"nbf": later(200)},
    "jti missing": lambda: {"jti": None},
    "jti empty": lambda: {"jti": ""},
    "jti a number": lambda: {"jti": 7},
    "jti without end": lambda: {"jti": "j" * 300},
}
WISHES: dict[str, dict[str, Any]] = {
    "client_name missing": {"client_name": None},
    "client_name empty": {"client_name": "  "},
    "client_name a list": {"client_name": ["Plan B"]},
    "client_name without end": {"client_name": "x" * 300},
    "client_name with a line break": {"client_name": "Plan B\nActive: yes"},
    "contacts missing": {"contacts": None},
    "contacts empty": {"contacts": []},
    "contacts a text": {"contacts": "mailto:a@b.example"},
    "contacts without an address": {"contacts": ["https://plan-b.example"]},
    "contacts with a broken address": {"contacts": ["mailto:nobody"]},
    "grant_types missing": {"grant_types": None},
    "grant_types a text": {"grant_types": "client_credentials"},
    "grant_types of a person": {"grant_types": ["authorization_code"]},
    "grant_types both": {"grant_types": ["authorization_code", "client_credentials"]},
    "grant_types with refresh": {"grant_types": ["client_credentials", "refresh_token"]},
    "auth method missing": {"token_endpoint_auth_method": None},
    "auth method a secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "redirect_uris there": {"redirect_uris": ["https://plan-b.example/callback"]},
    "response_types there": {"response_types": ["code"]},
    "scope missing": {"scope": None},
    "scope empty": {"scope": ""},
    "scope a list": {"scope": list(SCOPES)},
    "scope none offered": {"scope": "user/*.read openid"},
    "scope with control characters": {"scope": "system/*.rs\tsystem/*.cruds"},
    "logo over http": {"logo_uri": "http://plan-b.example/logo.png"},
    "logo no image": {"logo_uri": "https://plan-b.example/logo.svg"},
}
BODIES: dict[str, bytes] = {
    "no JSON": b"software_statement=x",
    "a list": b"[]",
    "not UTF-8": b'{"udap": "1", "software_statement": "\xff"}',
    "nested without end": b'{"udap":' + b"[" * 40_000,
    "udap missing": b'{"software_statement": "x"}',
    "udap a number": b'{"udap": 1, "software_statement": "x"}',
    "udap another version": b'{"udap": "2", "software_statement": "x"}',
    "certifications a text": b'{"udap": "1", "software_statement": "x", "certifications": "y"}',
    "statement twice": b'{"udap": "1", "software_statement": "x", "software_statement": "y"}',
}


def refused_like(registered: Registered) -> str:
    """The error of a refusal that says what to correct and nothing of what was sent."""
    body = shown(registered)
    assert registered.answer.status == 400 and registered.refused is not None
    assert set(body) == {"error", "error_description"} and 0 < len(body["error_description"]) < 200
    assert "plan-b.example" not in body["error_description"]
    return str(body["error"])


@pytest.mark.parametrize("case", SHAPES)
def test_a_statement_out_of_shape_is_refused(grounds: Grounds, client: Signer, case: str) -> None:
    before = grounds.partners()
    expected = "unapproved_software_statement" if case == "x5c the wrong way round" else "invalid_software_statement"
    got = refused_like(grounds.register(SHAPES[case](client)))
    assert got in {expected, "invalid_software_statement"}
    assert grounds.partners() == before


@pytest.mark.parametrize("case", CHAINS)
def test_a_signer_that_the_community_does_not_vouch_for_is_refused(grounds: Grounds, case: str) -> None:
    before = grounds.partners()
    signer = CHAINS[case](grounds.world)
    text = foreign(signer) if "with a" in case else signer.sign(signer.statement(ADDRESS))
    assert refused_like(grounds.register(text)) in {"unapproved_software_statement", "invalid_software_statement"}
    assert grounds.partners() == before


def foreign(signer: Signer) -> str:
    """What a signer says whose key no algorithm of UDAP fits; the small RSA key signs as well as any."""
    head, payload = {"alg": signer.algorithm, "x5c": signer.x5c}, signer.statement(ADDRESS)
    message = ".".join(encoded(json.dumps(part).encode()) for part in (head, payload))
    key: Any = signer.party.key
    is_small = signer.algorithm == "RS256"
    return f"{message}.{encoded(key.sign(message.encode(), PKCS1v15(), SHA256()) if is_small else bytes(64))}"


@pytest.mark.parametrize("case", CLAIMS)
def test_a_statement_that_is_not_for_us_now_is_refused(grounds: Grounds, client: Signer, case: str) -> None:
    before = grounds.partners()
    text = client.sign(client.statement(ADDRESS, **CLAIMS[case]()))
    assert refused_like(grounds.register(text)) == "invalid_software_statement"
    assert grounds.partners() == before


@pytest.mark.parametrize("case", WISHES)
def test_a_statement_that_asks_wrongly_is_refused(grounds: Grounds, client: Signer, case: str) -> None:
    before = grounds.partners()
    text = client.sign(client.statement(ADDRESS, **WISHES[case]))
    assert refused_like(grounds.register(text)) == "invalid_client_metadata"
    assert grounds.partners() == before


@pytest.mark.parametrize("case", BODIES)
def test_a_body_out_of_shape_is_refused(grounds: Grounds, case: str) -> None:
    assert refused_like(grounds.send(BODIES[case])) == "invalid_software_statement"


def test_a_statement_is_good_once(grounds: Grounds) -> None:
    signer = grounds.world.client("https://once.example")
    text = signer.sign(signer.statement(ADDRESS))
    assert grounds.register(text).answer.status == 201
    again = grounds.register(text)
    assert refused_like(again) == "invalid_software_statement" and again.refused is not None
    assert again.refused.reason == "caller.replayed"


def test_a_certificate_that_was_taken_back_is_refused(grounds: Grounds) -> None:
    signer = grounds.world.client("https://revoked.example")
    grounds.world.middle.revoke(signer.party.certificate, moment())
    (grounds.revoked / "middle.crl").write_bytes(grounds.world.middle.crl(moment()))
    # The folder is looked at every so often; a process that starts now sees it at once.
    fresh = replace(grounds.trust, revocations=Revocations(unreachable, files=grounds.revoked))
    registered = replace(grounds, trust=fresh).register(signer.sign(signer.statement(ADDRESS)))
    assert refused_like(registered) == "unapproved_software_statement" and registered.refused is not None
    assert registered.refused.reason == "caller.certificate_revoked"


def test_one_who_asks_too_often_waits(grounds: Grounds) -> None:
    signer = grounds.world.client("https://eager.example")
    slow = replace(grounds, door=replace(grounds.door, policy=lambda: SPARSE))
    assert slow.register(signer.sign(signer.statement(ADDRESS))).answer.status == 201
    second = slow.register(signer.sign(signer.statement(ADDRESS)))
    assert second.answer.status == 429 and int(second.answer.headers["Retry-After"]) > 0


def agree(grounds: Grounds, client_id: str, status: PartnerStatus) -> None:
    """What a person does."""
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, client_id)
        assert partner is not None
        directory.set_status(conn, partner.id, status, by="ana", reason="looked at")


def status_of(grounds: Grounds, client_id: str) -> PartnerStatus:
    with grounds.database.operator.transaction() as conn:
        partner = directory.by_client_id(conn, client_id)
    assert partner is not None
    return partner.status


def test_two_statements_at_once_make_one_partner(grounds: Grounds) -> None:
    signer = grounds.world.client("https://hasty.example")
    texts = [signer.sign(signer.statement(ADDRESS)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(grounds.register, texts))
    assert sorted(one.answer.status for one in answers) == [200, 200, 200, 200, 200, 201]
    assert len({shown(one)["client_id"] for one in answers}) == 1


def test_one_statement_sent_twice_at_once_counts_once(grounds: Grounds) -> None:
    signer = grounds.world.client("https://stutters.example")
    text = signer.sign(signer.statement(ADDRESS))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(grounds.register, [text] * 4))
    assert sorted(one.answer.status for one in answers) == [201, 400, 400, 400]
