"""What another server says of itself over UDAP, and everything about it that must not be believed."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.udap.communities import Communities, Community, Identity
from interpayer.partners.udap.server import Plea, Server, discover, register
from interpayer.partners.udap.tokens import business_of
from interpayer.partners.udap.vouching import read_signed
from interpayer.system.certificates.revocation import Revocations, Unreachable
from tests.support.udap import (
    COMMUNITY,
    SCOPES,
    Signer,
    World,
    moment,
)
from tests.support.udap import SERVER as BASE
from tests.support.udap import SERVER_REGISTER as REGISTER
from tests.support.udap import SERVER_TOKEN as TOKEN
from tests.support.udap import server_document as document
from tests.support.udap import server_statement as statement

US = "https://plan-b.example/exchange"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("communities"))
    made.certify_us("one", US)
    return made


@pytest.fixture(scope="module")
def theirs(world: World) -> Signer:
    return world.client(BASE, is_rsa=True)


def community(world: World) -> Community:
    found = Communities(world.folder).named(COMMUNITY)
    assert found is not None
    return found


def identity(world: World) -> Identity:
    found = community(world).identity
    assert found is not None
    return found


def asked(world: World, answer: Any, *, status: int = 200, revocations: Revocations | None = None) -> Server:
    def respond(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/fhir/.well-known/udap"
        assert request.url.params["community"] == COMMUNITY
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return httpx2.Response(status, content=content)

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    return discover(http, BASE, [community(world)], revocations=revocations, at=moment())


def test_the_signed_addresses_count_before_the_plain_ones(world: World, theirs: Signer) -> None:
    plain = document(
        theirs.sign(statement()),
        token_endpoint="https://evil.example/token",
        registration_endpoint="https://evil.example/register",
        scopes_supported=["system/*.rs"],
    )
    server = asked(world, plain)
    assert (server.token_endpoint, server.registration_endpoint) == (TOKEN, REGISTER)
    assert (server.fhir_base, server.community.uri, server.scopes) == (BASE, COMMUNITY, ("system/*.rs",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("udap_versions_supported", None),
        ("udap_versions_supported", []),
        ("udap_versions_supported", ["2"]),
        ("udap_versions_supported", "1"),
        ("udap_profiles_supported", []),
        ("udap_profiles_supported", ["udap_dcr", "udap_authn"]),
        ("udap_profiles_supported", ["udap_authn", "udap_authz"]),
        ("grant_types_supported", []),
        ("grant_types_supported", ["authorization_code"]),
        ("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
        ("token_endpoint_auth_signing_alg_values_supported", []),
        ("token_endpoint_auth_signing_alg_values_supported", ["ES384"]),
        ("registration_endpoint_jwt_signing_alg_values_supported", ["ES384"]),
        ("udap_authorization_extensions_required", ["hl7-b2b", "something-else"]),
    ],
    ids=str,
)
def test_a_server_that_cannot_what_we_need_is_left_alone(world: World, theirs: Signer, name: str, value: Any) -> None:
    with pytest.raises(Refusal) as refused:
        asked(world, document(theirs.sign(statement()), **{name: value}))
    assert refused.value.reason == "route.no_capability"


def test_a_list_of_algorithms_left_away_means_rs256(world: World, theirs: Signer) -> None:
    assert asked(world, document(theirs.sign(statement()), registration_endpoint_jwt_signing_alg_values_supported=None))


FORGED: dict[str, Callable[[World, Signer], Any]] = {
    "missing": lambda _w, _t: None,
    "no JWT": lambda _w, _t: "x",
    "an object": lambda _w, _t: {"iss": BASE},
    "by a stranger": lambda w, _t: w.client(BASE, issuer=w.elsewhere).sign(statement()),
    "by another member of the community": lambda w, _t: w.client("https://plan-c.example/fhir").sign(statement()),
    "by an expired certificate": lambda w, _t: w.client(BASE, days=(-30, -1)).sign(statement()),
    "by another key": lambda w, t: t.sign(statement(), key_pem=w.client(BASE).key_pem, alg="ES256"),
    "iss of another server": lambda _w, t: t.sign(statement(iss="https://plan-c.example/fhir")),
    "sub of another server": lambda _w, t: t.sign(statement(sub="https://plan-c.example/fhir")),
    "iss missing": lambda _w, t: t.sign(statement(iss=None)),
    "expired": lambda _w, t: t.sign(statement(exp=int((moment() - timedelta(seconds=5)).timestamp()))),
    "good for two years": lambda _w, t: t.sign(statement(exp=int((moment() + timedelta(days=730)).timestamp()))),
    "without iat": lambda _w, t: t.sign(statement(iat=None)),
    "without jti": lambda _w, t: t.sign(statement(jti=None)),
    "without token_endpoint": lambda _w, t: t.sign(statement(token_endpoint=None)),
    "token_endpoint over http": lambda _w, t: t.sign(statement(token_endpoint="http://plan-a.example/token")),
    "registration_endpoint a number": lambda _w, t: t.sign(statement(registration_endpoint=7)),
}


@pytest.mark.parametrize("case", FORGED)
def test_metadata_that_are_not_signed_by_this_server_are_not_believed(world: World, theirs: Signer, case: str) -> None:
    with pytest.raises(Fault) as broken:
        asked(world, document(FORGED[case](world, theirs)))
    assert (broken.value.reason, broken.value.kind) == ("partner.bad_answer", FaultKind.TERMINAL)


def test_a_server_whose_certificate_was_taken_back_is_not_believed(world: World, tmp_path: Path) -> None:
    gone = world.client(BASE, is_rsa=True)
    world.middle.revoke(gone.party.certificate, moment())
    (tmp_path / "middle.crl").write_bytes(world.middle.crl(moment()))

    def unreachable(_url: str, _question: bytes | None) -> bytes:
        raise Unreachable("down")

    with pytest.raises(Fault):
        asked(world, document(gone.sign(statement())), revocations=Revocations(unreachable, files=tmp_path))
    world.middle.revoked.clear()


@pytest.mark.parametrize(("status", "raised"), [(404, Refusal), (403, Fault), (500, Fault)])
def test_a_server_without_metadata_does_no_udap(world: World, status: int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        asked(world, {}, status=status)


@pytest.mark.parametrize("answer", [b"", b"[]", b"<html>", b'{"a": "' + b"x" * 300_000 + b'"}'])
def test_metadata_out_of_shape_are_no_metadata(world: World, answer: bytes) -> None:
    with pytest.raises(Fault):
        asked(world, answer)


# --- Our registration there


def registered(world: World, answer: Any, *, status: int = 201, plea: Plea | None = None) -> tuple[Any, dict[str, Any]]:
    seen: list[dict[str, Any]] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        assert request.method == "POST" and str(request.url) == REGISTER
        assert "authorization" not in request.headers
        seen.append(json.loads(request.content))
        return httpx2.Response(status, content=json.dumps(answer).encode())

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    server = Server(BASE, community(world), REGISTER, TOKEN, (), ())
    asked_for = plea or Plea(US, "Plan B", ("mailto:b@plan-b.example",), SCOPES)
    return register(http, server, asked_for, identity=identity(world), at=moment()), seen[0]


def test_our_statement_says_what_the_guide_wants(world: World) -> None:
    admission, sent = registered(world, {"client_id": "c-1", "scope": SCOPES[0], "grant_types": ["client_credentials"]})
    assert (admission.client_id, admission.scopes, admission.is_ended) == ("c-1", (SCOPES[0],), False)
    assert sent["udap"] == "1" and sent["certifications"] == []
    read = read_signed(sent["software_statement"])
    claims = dict(read.claims)
    assert claims["exp"] - claims["iat"] <= 300 and len(claims.pop("jti")) >= 16
    assert claims["iss"] == claims["sub"] == US and claims["aud"] == REGISTER
    assert {name: claims[name] for name in ("client_name", "contacts", "grant_types", "scope")} == {
        "client_name": "Plan B",
        "contacts": ["mailto:b@plan-b.example"],
        "grant_types": ["client_credentials"],
        "scope": " ".join(SCOPES),
    }
    assert claims["token_endpoint_auth_method"] == "private_key_jwt"
    assert not {"redirect_uris", "response_types", "logo_uri"} & set(claims)


def test_each_statement_has_an_id_of_its_own(world: World) -> None:
    texts = [registered(world, {"client_id": "c"})[1]["software_statement"] for _ in range(2)]
    first, second = (read_signed(text).claims["jti"] for text in texts)
    assert first != second


def test_no_scopes_end_it_and_the_answer_confirms(world: World) -> None:
    plea = Plea(US, "Plan B", ("mailto:b@plan-b.example",), ())
    admission, sent = registered(world, {"client_id": "c-1", "grant_types": []}, status=200, plea=plea)
    assert admission.is_ended
    assert read_signed(sent["software_statement"]).claims["grant_types"] == []


@pytest.mark.parametrize(
    "answer", [{}, {"client_id": 7}, {"client_id": ""}, {"client_id": "a\nb"}, {"client_id": "c", "scope": ["a"]}, []]
)
def test_an_answer_out_of_shape_is_not_kept(world: World, answer: Any) -> None:
    with pytest.raises(Fault) as broken:
        registered(world, answer)
    assert broken.value.reason == "partner.bad_answer"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("unapproved_software_statement", "registration refused: unapproved_software_statement"),
        ("<script>", "registration refused: no standard code"),
        (7, "registration refused: no standard code"),
    ],
)
def test_a_no_is_told_by_its_standard_code_only(world: World, error: Any, told: str) -> None:
    with pytest.raises(Fault) as refused:
        registered(world, {"error": error, "error_description": "words of theirs"}, status=400)
    assert (refused.value.kind, refused.value.detail) == (FaultKind.TERMINAL, told)


def test_a_server_that_is_busy_is_asked_again(world: World) -> None:
    with pytest.raises(Fault) as busy:
        registered(world, {}, status=503)
    assert busy.value.kind is FaultKind.RETRYABLE


def test_a_required_certification_that_we_lack_is_said_before_anything_is_sent(world: World) -> None:
    def never(_request: httpx2.Request) -> httpx2.Response:
        raise AssertionError("nothing may be sent")

    server = Server(BASE, community(world), REGISTER, TOKEN, (), ("https://community.example/certified",))
    http = httpx2.Client(transport=httpx2.MockTransport(never))
    with pytest.raises(Refusal):
        register(
            http, server, Plea(US, "Plan B", ("mailto:b@x.example",), SCOPES), identity=identity(world), at=moment()
        )


def test_our_hl7_b2b_names_organization_and_purpose_and_nobody_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(Refusal):
        business_of(community(world))
    rules = {"organization_id": "https://plan-b.example/o", "organization_name": "Plan B", "purpose_of_use": "urn:x#1"}
    world.community("one", COMMUNITY, anchors=[world.root], **rules)
    assert business_of(community(world)) == {
        "version": "1",
        "organization_id": "https://plan-b.example/o",
        "organization_name": "Plan B",
        "purpose_of_use": ["urn:x#1"],
    }
