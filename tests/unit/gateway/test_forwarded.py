"""RFC 9440: whose header counts, and what a header must look like."""

import base64

import pytest

from interpayer.gateway.forwarded import ProxiesInvalid, forwarded, read_proxies
from interpayer.model.reason import Refusal

DER, OTHER = b"\x30\x03one", b"\x30\x03two"


def item(der):
    return f":{base64.b64encode(der).decode()}:"


def test_the_leaf_and_the_rest_are_given_in_order():
    assert forwarded([], []) == ()
    assert forwarded([f" {item(DER)}"], []) == (DER,)
    assert forwarded([item(DER)], [f"{item(OTHER)}, {item(DER)}", item(OTHER)]) == (DER, OTHER, DER, OTHER)


@pytest.mark.parametrize(
    ("leaf", "rest"),
    [
        ([""], []),
        (["::"], []),
        ([base64.b64encode(DER).decode()], []),
        ([item(DER)[:-1]], []),
        ([item(DER) + ";x=1"], []),
        ([":AAA:"], []),
        ([":AA-_:"], []),
        (["-----BEGIN%20CERTIFICATE-----"], []),
        ([item(DER), item(OTHER)], []),
        ([f"{item(DER)}, {item(OTHER)}"], []),
        ([], [item(DER)]),
        ([item(DER)], [""]),
        ([item(DER)], [", ".join([item(OTHER)] * 8)]),
    ],
    ids=range(13),
)
def test_anything_else_is_refused(leaf, rest):
    with pytest.raises(Refusal) as refused:
        forwarded(leaf, rest)
    assert refused.value.reason == "caller.certificate_unexpected"


def test_a_proxy_is_known_by_its_address_or_by_the_socket():
    proxies = read_proxies(["10.1.0.0/28", "::1", "unix"])
    assert all(proxies.has(one) for one in ("10.1.0.7", "::1", "::ffff:10.1.0.7", None))
    assert not any(proxies.has(one) for one in ("10.1.0.16", "127.0.0.1", "::2", "proxy.example", ""))
    assert not read_proxies(["10.1.0.0/28"]).has(None)


@pytest.mark.parametrize("name", ["proxy.example", "10.1.0.1/28", "0.0.0.0/0", "::/0", "*", "UNIX"])
def test_a_list_that_would_let_others_in_ends_the_start(name):
    with pytest.raises(ProxiesInvalid):
        read_proxies([name])
