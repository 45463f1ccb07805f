"""The token endpoint against everything that is not quite a good assertion: none may get a token (security.md, B3)."""

import base64
import dataclasses
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc.jwk import ECKey, RSAKey

from interpayer.gateway import store, tokens
from interpayer.gateway.door import Door, Rate
from interpayer.gateway.peers import Peer
from interpayer.model.partner import PartnerStatus
from interpayer.partners import directory
from interpayer.partners.directory import Agreed
from interpayer.system.clock import now
from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.doors import (
    CURVE_KEY,
    OTHER_KEY,
    RSA_KEY,
    SCOPES,
    a_partner,
    assertion,
    claims,
    door_of,
    dumps,
    policy_with,
    public,
    signed,
)

BASE = "https://plan-a.example"
AUDIENCE = f"{BASE}/token"
THUMBPRINT = "A" * 43
JWKS_URL = "https://plan-b.example/jwks.json"
P256_KEY = ECKey.generate_key("P-256", {"kid": "small"})
FAST = Rate(100_000, 10_000)
Case = Callable[[], str]


def good(**changes: Any) -> dict[str, Any]:
    return claims(AUDIENCE, **changes)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def with_header(**header: Any) -> str:
    return assertion(good(), header=header)


def raw_header(text: bytes) -> str:
    """A head as these bytes, with a signature that fits no head at all."""
    _, payload, signature = assertion(good()).split(".")
    return f"{encoded(text)}.{payload}.{signature}"


def symmetric() -> str:
    """The public key taken as an HMAC secret."""
    message = f"{encoded(dumps({'alg': 'HS384', 'kid': 'curve', 'typ': 'JWT'}))}.{encoded(dumps(good()))}"
    return f"{message}.{encoded(hmac.digest(CURVE_KEY.as_pem(private=False), message.encode(), 'sha384'))}"


def replaced(part: int, change: Callable[[str], str]) -> str:
    parts = assertion(good()).split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def flipped(text: str) -> str:
    return text[:20] + ("b" if text[20] == "a" else "a") + text[21:]


def swapped_payload() -> str:
    mine, theirs = assertion(good(client_id="plan-c")).split("."), assertion(good()).split(".")
    return ".".join([theirs[0], mine[1], theirs[2]])


def twice(name: str) -> str:
    """A payload in which one name stands twice, the good value last."""
    values = good()
    text = json.dumps(values)
    return signed(
        {"alg": "ES384", "kid": "curve", "typ": "JWT"},
        (f'{{"{name}": "other", ' + text[1:]).encode(),
        key=CURVE_KEY,
    )


def unsigned(alg: str) -> str:
    return f"{encoded(dumps({'alg': alg, 'kid': 'curve', 'typ': 'JWT'}))}.{encoded(dumps(good()))}."


def moment(offset: float) -> int:
    return int(time.time() + offset)


def trailing_bits(segment: str) -> str:
    """The same bytes in another spelling: a stray bit where base64url has none to carry."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


def uneven_payload() -> str:
    """A good assertion whose payload needs a last character with spare bits, one of them set."""
    for length in range(1, 4):
        head, payload, signature = assertion(good(note="x" * length)).split(".")
        if len(payload) % 4:
            return f"{head}.{trailing_bits(payload)}.{signature}"
    raise AssertionError("no payload with spare bits")


SIGNATURES: dict[str, Case] = {
    "alg none": lambda: unsigned("none"),
    "alg None in another case": lambda: unsigned("nOnE"),
    "alg none with a signature": lambda: unsigned("none") + "AAAA",
    "alg missing": lambda: raw_header(dumps({"kid": "curve", "typ": "JWT"})),
    "alg a number": lambda: raw_header(dumps({"alg": 384, "kid": "curve", "typ": "JWT"})),
    "alg a list": lambda: raw_header(dumps({"alg": ["ES384"], "kid": "curve", "typ": "JWT"})),
    "alg in lower case": lambda: raw_header(dumps({"alg": "es384", "kid": "curve", "typ": "JWT"})),
    "alg HS384 with the public key": symmetric,
    "alg RS256": lambda: assertion(good(), key=RSA_KEY, algorithm="RS256"),
    "alg PS384": lambda: assertion(good(), key=RSA_KEY, algorithm="PS384"),
    "alg ES256 with a registered curve": lambda: assertion(
        good(), key=P256_KEY, algorithm="ES256", header={"kid": "small"}
    ),
    "alg RS384 over a curve's signature": lambda: raw_header(dumps({"alg": "RS384", "kid": "rsa", "typ": "JWT"})),
    "alg RS384 with the curve's kid": lambda: assertion(
        good(), key=RSA_KEY, algorithm="RS384", header={"kid": "curve"}
    ),
    "another key under the registered kid": lambda: assertion(good(), key=OTHER_KEY),
    "signature of another message": swapped_payload,
    "signature empty": lambda: replaced(2, lambda _: ""),
    "signature cut": lambda: replaced(2, lambda text: text[:-4]),
    "signature of zeros": lambda: replaced(2, lambda _: encoded(bytes(96))),
    "signature with one bit changed": lambda: replaced(2, lambda text: ("B" if text[0] == "A" else "A") + text[1:]),
    "payload with one bit changed": lambda: replaced(1, flipped),
}
HEADERS: dict[str, Case] = {
    "kid missing": lambda: with_header(kid=None),
    "kid empty": lambda: with_header(kid=""),
    "kid unknown": lambda: with_header(kid="nobody"),
    "kid of another partner": lambda: with_header(kid="theirs"),
    "kid a number": lambda: raw_header(dumps({"alg": "ES384", "kid": 7, "typ": "JWT"})),
    "kid with a path": lambda: with_header(kid="../../curve"),
    "kid with SQL": lambda: with_header(kid="curve' or '1'='1"),
    "typ missing": lambda: with_header(typ=None),
    "typ of an access token": lambda: with_header(typ="at+jwt"),
    "jku elsewhere": lambda: with_header(jku="https://evil.example/jwks.json"),
    "jku almost right": lambda: with_header(jku=JWKS_URL + "/"),
    "jku without a registered one": lambda: assertion(
        claims(AUDIENCE, client_id="plan-c"), key=OTHER_KEY, header={"kid": "theirs", "jku": JWKS_URL}
    ),
    "key brought along": lambda: assertion(good(), key=OTHER_KEY, header={"jwk": OTHER_KEY.as_dict(private=False)}),
    "certificate chain brought along": lambda: with_header(x5c=["MIIB"]),
    "certificate address brought along": lambda: with_header(x5u="https://evil.example/chain.pem"),
    "crit unknown": lambda: raw_header(dumps({"alg": "ES384", "kid": "curve", "typ": "JWT", "crit": ["exp"]})),
    "payload not encoded": lambda: raw_header(dumps({"alg": "ES384", "kid": "curve", "typ": "JWT", "b64": False})),
    "header with a name twice": lambda: raw_header(b'{"alg":"ES384","kid":"x","kid":"curve","typ":"JWT"}'),
    "header no object": lambda: raw_header(b'["ES384"]'),
    "header no JSON": lambda: raw_header(b"{alg:ES384}"),
    "header no UTF-8": lambda: raw_header(b'{"alg":"ES384","kid":"\xff"}'),
}
SHAPES: dict[str, Case] = {
    "no text": lambda: "x",
    "two parts": lambda: assertion(good()).rpartition(".")[0],
    "four parts": lambda: assertion(good()) + ".AAAA",
    "five parts, as if encrypted": lambda: assertion(good()) + ".AAAA.AAAA",
    "JSON serialization": lambda: json.dumps({"payload": "", "signatures": []}),
    "padding": lambda: replaced(2, lambda text: text + "=="),
    "standard base64": lambda: replaced(1, lambda text: text + "+/"),
    "line break inside": lambda: replaced(1, lambda text: text[:9] + "\n" + text[9:]),
    "blank before": lambda: " " + assertion(good()),
    "not ASCII": lambda: assertion(good()) + "\u00e9",
    "stray bits": uneven_payload,
    "larger than 8 KiB": lambda: assertion(good(note="x" * 9000)),
    "payload no JSON": lambda: signed({"alg": "ES384", "kid": "curve", "typ": "JWT"}, b"plan-b", key=CURVE_KEY),
    "payload a list": lambda: signed({"alg": "ES384", "kid": "curve", "typ": "JWT"}, b"[]", key=CURVE_KEY),
    "payload nested without end": lambda: signed(
        {"alg": "ES384", "kid": "curve", "typ": "JWT"}, b'{"a":' + b"[" * 4000, key=CURVE_KEY
    ),
    "iss twice": lambda: twice("iss"),
    "aud twice": lambda: twice("aud"),
    "exp twice": lambda: twice("exp"),
    "jti twice": lambda: twice("jti"),
}


@dataclasses.dataclass(frozen=True)
class Ahead:
    """Seconds from the moment in which the assertion is made; the table itself is older than that."""

    offset: float
    as_text: bool = False

    def now(self) -> Any:
        return str(moment(self.offset)) if self.as_text else moment(self.offset)


def at_this_moment(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims of the table with their times."""

    def timed(value: Any) -> Any:
        if isinstance(value, list):
            return [timed(one) for one in value]
        return value.now() if isinstance(value, Ahead) else value

    return {name: timed(value) for name, value in claims.items()}


CLAIMS: dict[str, dict[str, Any]] = {
    "iss missing": {"iss": None},
    "iss unknown": {"iss": "nobody", "sub": "nobody"},
    "iss of another partner": {"iss": "plan-c", "sub": "plan-c"},
    "iss in another case": {"iss": "Plan-B", "sub": "Plan-B"},
    "iss a list": {"iss": ["plan-b"]},
    "iss with a blank": {"iss": "plan-b "},
    "sub missing": {"sub": None},
    "sub of another partner": {"sub": "plan-c"},
    "sub a Patient that nobody vouches for": {"sub": "m-123"},
    "sub empty": {"sub": ""},
    "sub a list": {"sub": ["plan-b"]},
    "aud missing": {"aud": None},
    "aud elsewhere": {"aud": "https://evil.example/token"},
    "aud the base": {"aud": BASE},
    "aud the FHIR base": {"aud": f"{BASE}/fhir"},
    "aud with a slash": {"aud": f"{AUDIENCE}/"},
    "aud in upper case": {"aud": AUDIENCE.upper()},
    "aud over http": {"aud": AUDIENCE.replace("https", "http")},
    "aud with the port": {"aud": f"{BASE}:443/token"},
    "aud a list with others": {"aud": [AUDIENCE, "https://evil.example/token"]},
    "aud a list": {"aud": [AUDIENCE]},
    "exp missing": {"exp": None},
    "exp in the past": {"exp": Ahead(-1), "iat": Ahead(-200)},
    "exp now": {"exp": Ahead(0), "iat": None},
    "exp too far ahead": {"exp": Ahead(400), "iat": None},
    "exp a year ahead": {"exp": Ahead(365 * 86400)},
    "exp a text": {"exp": Ahead(200, as_text=True)},
    "exp true": {"exp": True},
    "exp negative": {"exp": -1},
    "exp without end": {"exp": 10**400},
    "exp a list": {"exp": [Ahead(200)]},
    "nbf ahead": {"nbf": Ahead(200)},
    "nbf a text": {"nbf": "now"},
    "iat ahead": {"iat": Ahead(200)},
    "iat long ago": {"iat": Ahead(-3600)},
    "iat a text": {"iat": "yesterday"},
    "jti missing": {"jti": None},
    "jti empty": {"jti": ""},
    "jti a number": {"jti": 7},
    "jti a list": {"jti": ["one"]},
    "jti without end": {"jti": "j" * 256},
    "jti with NUL": {"jti": "a\x00b"},
}
ASSERTIONS: dict[str, Case] = {
    **SIGNATURES,
    **HEADERS,
    **SHAPES,
    **{name: (lambda changes=changes: assertion(good(**at_this_moment(changes)))) for name, changes in CLAIMS.items()},
}
FORMS: dict[str, dict[str, str | list[str]]] = {
    "grant type of a person": {"grant_type": "authorization_code"},
    "grant type a password": {"grant_type": "password"},
    "grant type missing": {"grant_type": []},
    "assertion type of SAML": {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
    "assertion type missing": {"client_assertion_type": []},
    "assertion missing": {"client_assertion": []},
    "scope missing": {"scope": []},
    "scope empty": {"scope": ""},
    "scope not agreed": {"scope": "system/Observation.write"},
    "scope of a user": {"scope": "user/*.rs openid fhirUser"},
    "client id of another": {"client_id": "plan-c"},
    "a parameter twice": {"scope": [SCOPES[0], SCOPES[1]]},
    "a secret instead": {"client_assertion": [], "client_id": "plan-b", "client_secret": "hunter2"},
    "a secret beside it": {"client_secret": "hunter2"},
    "udap where it is not offered": {"udap": "1"},
    "udap of another version": {"udap": "2"},
    "udap twice": {"udap": ["1", "1"]},
    "grant type in another case": {"grant_type": "Client_Credentials"},
    "assertion type with a blank": {"client_assertion_type": tokens.ASSERTION_TYPE + " "},
}
# What a partner must find in the words of a refusal, by how the name of the attack begins: what it has to correct.
WORDS: dict[str, tuple[str, ...]] = {
    "alg HS384": ("alg",),
    "alg RS384": ("signature", "kid"),
    "alg": ("alg",),
    "another key": ("signature",),
    "signature of another message": ("kid",),
    "signature": ("signature", "base64url"),
    "payload with one bit": ("signature", "payload"),
    "kid": ("kid",),
    "typ": ("typ",),
    "jku": ("jku",),
    "key brought": ("header",),
    "certificate": ("header",),
    "crit": ("header",),
    "payload not encoded": ("header",),
    "header": ("header",),
    "no text": ("compact JWS",),
    "two parts": ("compact JWS",),
    "four parts": ("compact JWS",),
    "five parts": ("compact JWS",),
    "JSON": ("compact JWS",),
    "padding": ("base64url",),
    "standard": ("base64url",),
    "line break": ("base64url",),
    "blank": ("base64url",),
    "not ASCII": ("compact JWS",),
    "stray": ("base64url",),
    "larger": ("8 KiB",),
    "payload": ("payload",),
    "iss twice": ("stand once",),
    "aud twice": ("stand once",),
    "exp twice": ("stand once",),
    "jti twice": ("stand once",),
    "iss of another partner": ("kid",),
    "iss": ("registered",),
    "sub": ("sub",),
    "aud": ("aud",),
    "exp in the past": ("exp",),
    "exp": ("exp", "300 seconds"),
    "nbf": ("nbf",),
    "iat long ago": ("300 seconds",),
    "iat": ("iat",),
    "jti": ("jti",),
    "grant": ("grant_type",),
    "assertion type": ("client_assertion_type",),
    "assertion": ("client_assertion",),
    "scope": ("scope",),
    "client id": ("client_id",),
    "a parameter twice": ("twice",),
    "a secret": ("client_assertion",),
    "udap twice": ("twice",),
    "udap": ("udap",),
}
# Bits of what the attacks send: no refusal may hold any of them.
SENT = ("evil.example", "hunter2", "m-123", "'1'='1", "../../", "plan-c", "Plan-B", "nobody", "yesterday", 'none"')


@pytest.fixture(scope="module")
def keeper(database_server: DatabaseServer) -> Iterator[ScratchDatabase]:
    database = database_server.create()
    with database.operator.transaction() as conn:
        keys = public(CURVE_KEY, RSA_KEY, P256_KEY)
        directory.add_partner(conn, a_partner("plan-b", jwks=keys), Agreed(jwks_url=JWKS_URL), by="tests")
        theirs = ECKey.import_key({**OTHER_KEY.as_dict(private=False), "kid": "theirs"})
        directory.add_partner(conn, a_partner("plan-c", jwks=public(theirs)), by="tests")
    yield database
    database_server.drop(database)


@pytest.fixture(scope="module")
def door(keeper: ScratchDatabase) -> Door:
    return door_of(keeper, policy=lambda: policy_with({"token": FAST, "read": FAST}))


def ask(door: Door, text: str, *, thumbprint: str | None = THUMBPRINT, **form: Any) -> tokens.Issued:
    given: dict[str, Any] = {
        "grant_type": "client_credentials",
        "scope": " ".join(SCOPES),
        "client_assertion_type": tokens.ASSERTION_TYPE,
        "client_assertion": text,
        **form,
    }
    return tokens.issue(door, tokens.Asked(urlencode(given, doseq=True).encode(), Peer(thumbprint), now()))


def is_refused(issued: tokens.Issued) -> bool:
    assert isinstance(issued.answer.body, dict)
    is_no = issued.answer.status in {400, 401} and "access_token" not in issued.answer.body
    return is_no and issued.answer.body["error"] in {
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "invalid_grant",
        "unsupported_grant_type",
    }


def test_there_are_enough_attacks() -> None:
    assert len(ASSERTIONS) + len(FORMS) >= 120


def test_credentials_in_two_places_are_refused(door: Door) -> None:
    form = urlencode({"grant_type": "client_credentials", "client_assertion": assertion(good())}).encode()
    issued = tokens.issue(door, tokens.Asked(form, Peer(THUMBPRINT), now(), is_doubled=True))
    assert is_refused(issued)
    assert is_helpful("a secret", issued)


def test_what_a_partner_may_not_do_now_is_said_in_one_way(door: Door, keeper: ScratchDatabase) -> None:
    """Suspended, retired, with another certificate: which of them is not for whoever asks. Only that the credentials
    are of another environment is told, to a partner that has proved itself: it can correct that."""
    with keeper.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-off", status=PartnerStatus.SUSPENDED), by="tests")
        directory.add_partner(conn, a_partner("plan-over", status=PartnerStatus.RETIRED), by="tests")
        directory.add_partner(conn, a_partner("plan-pinned"), Agreed(certificates=("C" * 43,)), by="tests")
    answers = [ask(door, assertion(claims(AUDIENCE, client_id=f"plan-{n}"))) for n in ("off", "over", "pinned")]
    assert len({json.dumps(issued.answer.body) for issued in answers}) == 1
    reasons = [issued.refused.reason for issued in answers if issued.refused]
    assert reasons == ["caller.suspended", "caller.suspended", "caller.certificate_mismatch"]


def is_helpful(name: str, issued: tokens.Issued) -> bool:
    """Whether the answer, read as the partner reads it, says what to correct, and nothing of what was sent."""
    assert isinstance(issued.answer.body, dict)
    assert set(issued.answer.body) == {"error", "error_description"}
    said = issued.answer.body["error_description"]
    expected = next(words for begin, words in WORDS.items() if name.startswith(begin))
    return any(word in said for word in expected) and not any(sent in json.dumps(issued.answer.body) for sent in SENT)


@pytest.mark.parametrize("name", ASSERTIONS)
def test_a_bad_assertion_gets_no_token_and_learns_what_to_correct(door: Door, name: str) -> None:
    issued = ask(door, ASSERTIONS[name]())
    assert is_refused(issued), issued.answer
    assert issued.refused is not None
    assert issued.answer.headers["Cache-Control"] == "no-store"
    assert is_helpful(name, issued), issued.answer.body


@pytest.mark.parametrize("name", FORMS)
def test_a_bad_form_gets_no_token_and_learns_what_to_correct(door: Door, name: str) -> None:
    issued = ask(door, assertion(good()), **FORMS[name])
    assert is_refused(issued), issued.answer
    assert is_helpful(name, issued), issued.answer.body


@pytest.mark.parametrize("body", [b"", b"{}", b"grant_type", b"\xff\xfe", b"a=b&" * 100, b"%zz=%00"])
def test_what_is_no_form_gets_no_token(door: Door, body: bytes) -> None:
    assert is_refused(tokens.issue(door, tokens.Asked(body, Peer(THUMBPRINT), now())))


@pytest.mark.parametrize(
    ("key", "algorithm", "header"),
    [(CURVE_KEY, "ES384", {}), (RSA_KEY, "RS384", {}), (CURVE_KEY, "ES384", {"jku": JWKS_URL})],
    ids=["ES384", "RS384", "registered jku"],
)
def test_a_good_assertion_gets_a_token_once(door: Door, key: ECKey | RSAKey, algorithm: str, header: Any) -> None:
    text = assertion(good(), key=key, algorithm=algorithm, header=header)
    first, second = ask(door, text), ask(door, text)
    assert first.answer.status == 200
    assert isinstance(first.answer.body, dict)
    assert set(first.answer.body) == {"access_token", "token_type", "expires_in", "scope"}
    assert first.answer.body["token_type"] == "bearer"
    assert 0 < first.answer.body["expires_in"] <= 300
    assert first.answer.body["scope"] == " ".join(SCOPES)
    assert is_refused(second)
    assert second.refused is not None
    assert second.refused.reason == "caller.replayed"
    assert second.refused.partner_id == "p-plan-b"


def test_a_jti_counts_for_its_issuer_only(door: Door) -> None:
    theirs = assertion(claims(AUDIENCE, client_id="plan-c", jti="the same"), key=OTHER_KEY, header={"kid": "theirs"})
    assert ask(door, theirs).answer.status == 200
    assert ask(door, assertion(good(jti="the same"))).answer.status == 200


def test_an_assertion_that_failed_later_is_still_used_up(door: Door) -> None:
    text = assertion(good())
    assert is_refused(ask(door, text, scope="system/Nothing.u"))
    again = ask(door, text)
    assert is_refused(again)


def test_without_a_certificate_nobody_is_known(door: Door) -> None:
    assert is_refused(ask(door, assertion(good()), thumbprint=None))


def test_a_wider_scope_is_narrowed_to_the_agreement(door: Door) -> None:
    issued = ask(door, assertion(good()), scope="system/*.cruds launch system/Patient.read")
    assert isinstance(issued.answer.body, dict)
    assert issued.answer.body["scope"] == "system/*.rs system/Patient.read"


@pytest.mark.parametrize("status", [s for s in PartnerStatus if s not in {PartnerStatus.ACTIVE, PartnerStatus.TESTING}])
def test_only_a_living_partner_gets_a_token(door: Door, keeper: ScratchDatabase, status: PartnerStatus) -> None:
    name = f"plan-{status.value}"
    with keeper.operator.transaction() as conn:
        directory.add_partner(conn, a_partner(name, status=status), by="tests")
    issued = ask(door, assertion(claims(AUDIENCE, client_id=name)))
    assert is_refused(issued)
    assert issued.refused is not None
    assert issued.refused.reason == "caller.suspended"


def test_production_credentials_get_no_token_at_a_test_door(door: Door, keeper: ScratchDatabase) -> None:
    with keeper.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-live", environment="production"), by="tests")
    issued = ask(door, assertion(claims(AUDIENCE, client_id="plan-live")))
    assert issued.refused is not None
    assert issued.refused.reason == "caller.wrong_environment"


def test_an_agreed_certificate_is_needed_where_one_is_agreed(door: Door, keeper: ScratchDatabase) -> None:
    with keeper.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-pin"), Agreed(certificates=("B" * 43,)), by="tests")
    wrong = ask(door, assertion(claims(AUDIENCE, client_id="plan-pin")))
    right = ask(door, assertion(claims(AUDIENCE, client_id="plan-pin")), thumbprint="B" * 43)
    assert wrong.refused is not None
    assert wrong.refused.reason == "caller.certificate_mismatch"
    assert right.answer.status == 200


def test_a_member_in_sub_counts_only_where_a_grant_stands_and_bounds_the_token(door: Door) -> None:
    asked: list[str] = []

    def recheck(_conn: object, _partner: object, subject: str) -> str | None:
        asked.append(subject)
        return "m-1" if subject in {"m-1", "UMB-1"} else None

    strict = dataclasses.replace(door, recheck=recheck)
    for subject in ("m-1", "UMB-1"):
        issued = ask(strict, assertion(good(sub=subject)))
        assert isinstance(issued.answer.body, dict)
        with door.database.transaction() as conn:
            token = store.find_token(conn, issued.answer.body["access_token"], at=now())
        assert token is not None
        assert token.subject == "m-1"
    assert is_refused(ask(strict, assertion(good(sub="m-2"))))
    assert ask(strict, assertion(good())).answer.status == 200
    assert asked == ["m-1", "UMB-1", "m-2"]


def test_a_token_is_an_event_in_the_chain_of_the_partner(door: Door, keeper: ScratchDatabase) -> None:
    ask(door, assertion(good()))
    with keeper.operator.transaction() as conn:
        row = conn.execute(
            "select count(*) as n from audit.timeline where chain = 'partner:p-plan-b' and name = 'caller.accepted'"
        ).fetchone()
    assert row is not None
    assert row["n"] >= 1


def test_the_database_keeps_no_token_in_clear(door: Door, keeper: ScratchDatabase) -> None:
    issued = ask(door, assertion(good()))
    assert isinstance(issued.answer.body, dict)
    secret = issued.answer.body["access_token"]
    with keeper.owner.transaction() as conn:
        rows = conn.execute("select t::text as text from gateway.access_token t").fetchall()
    assert rows
    assert not any(secret in row["text"] for row in rows)
