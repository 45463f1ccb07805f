"""Fetching a partner's keys: what is too slow, too large, elsewhere or not to be trusted is not taken."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from interpayer.model.reason import Fault, Refusal
from interpayer.partners.jwks_fetch import LARGEST, fetch_jwks, keep_s
from interpayer.system.outbound import outbound_client
from interpayer.system.settings import read_settings
from tests.support.doors import CURVE_KEY, RSA_KEY, public

URL = "https://plan-b.example/jwks.json"


def answering(status: int = 200, **given: Any) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(lambda _request: httpx2.Response(status, **given)))


def slow(_request: httpx2.Request) -> httpx2.Response:
    time.sleep(0.5)
    return httpx2.Response(200, json=public(CURVE_KEY))


def broken(_request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("too slow")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 300),
        ("public", 300),
        ("max-age=60", 60),
        ("public, max-age=3600", 3600),
        ('max-age="600"', 600),
        ("s-maxage=10, max-age=700", 700),
        ("s-maxage=10", 300),
        ("max-age=99999999", 86400),
        ("no-store, max-age=600", 0),
        ("no-cache", 0),
        ("max-age=soon", 300),
    ],
)
def test_keys_are_kept_as_long_as_the_partner_allows_and_a_day_at_most(header: str, seconds: float) -> None:
    fetched = fetch_jwks(answering(json=public(CURVE_KEY), headers={"Cache-Control": header}), URL)
    assert fetched.keep_s == keep_s(header) == seconds


NO_ANSWER: dict[str, Callable[[], httpx2.Client]] = {
    "an error": lambda: answering(500),
    "nothing there": lambda: answering(404),
    "a redirect": lambda: answering(302, headers={"Location": "https://evil.example/jwks.json"}),
    "larger than 64 KiB": lambda: answering(content=b" " * (LARGEST + 1)),
    "a broken line": lambda: httpx2.Client(transport=httpx2.MockTransport(broken)),
    "a packed answer": lambda: answering(content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_what_is_no_answer_is_a_fault_that_says_why(name: str) -> None:
    with pytest.raises(Fault) as caught:
        fetch_jwks(NO_ANSWER[name](), URL)
    assert caught.value.reason == "caller.keys_unreachable"
    assert caught.value.detail


def test_whoever_answers_too_late_is_not_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(Fault):
        fetch_jwks(httpx2.Client(transport=httpx2.MockTransport(slow)), URL, limit_s=0.1)
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/jwks", "https://127.0.0.1/jwks", "https://localhost/jwks", "https://169.254.169.254/keys"],
)
def test_private_addresses_and_plain_http_are_not_called(tmp_path: Path, url: str) -> None:
    http = outbound_client(read_settings({"INTERPAYER_HOME": str(tmp_path)}))
    with pytest.raises(Fault) as caught:
        fetch_jwks(http, url)
    assert caught.value.detail == "the address may not be called"


BAD_SETS: dict[str, Any] = {
    "no JSON": b"keys",
    "a list": [],
    "no keys": {"keys": []},
    "keys no list": {"keys": {"kid": "a"}},
    "a private key": {"keys": [CURVE_KEY.as_dict(private=True)]},
    "a private key beside a good one": {
        "keys": [*public(RSA_KEY)["keys"], CURVE_KEY.as_dict(private=True)],  # type: ignore[misc]
    },
    "a symmetric key": {"keys": [OctKey.generate_key(256, {"kid": "a"}).as_dict(private=True)]},
    "only keys for encryption": {"keys": [{**CURVE_KEY.as_dict(private=False), "use": "enc"}]},
    "only kinds that nobody signs with here": public(ECKey.generate_key("P-256", {"kid": "small"})),
    "a weak RSA key": {"keys": [{"kty": "RSA", "kid": "weak", "n": "x" * 171, "e": "AQAB"}]},
    "one key id twice": {"keys": [*public(CURVE_KEY)["keys"], {**RSA_KEY.as_dict(private=False), "kid": "curve"}]},  # type: ignore[misc]
    "too many keys": {"keys": [{**CURVE_KEY.as_dict(private=False), "kid": f"k{n}"} for n in range(21)]},
}


@pytest.mark.parametrize("name", BAD_SETS)
def test_a_set_that_cannot_be_trusted_is_refused(name: str) -> None:
    content = BAD_SETS[name]
    given = {"content": content} if isinstance(content, bytes) else {"json": content}
    with pytest.raises(Refusal) as caught:
        fetch_jwks(answering(**given), URL)
    assert caught.value.reason == "request.malformed"


def test_keys_for_other_ends_are_left_out_and_the_good_ones_taken() -> None:
    others = [
        {**ECKey.generate_key("P-384", {"kid": "enc"}).as_dict(private=False), "use": "enc"},
        OKPKey.generate_key("Ed25519", {"kid": "ed"}).as_dict(private=False),
        "no key",
        {"kty": "EC", "kid": "off", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
    ]
    fetched = fetch_jwks(answering(json={"keys": [*others, CURVE_KEY.as_dict(private=False)]}), URL)
    assert [key["kid"] for key in fetched.jwks["keys"]] == ["curve"]  # type: ignore[attr-defined]
