"""Whose certificate it is: TLS or a listed proxy, never both; judged anew while a connection lives on."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.gateway.forwarded import read_proxies
from interpayer.gateway.peers import Arrival, Peer, Peers, arrival_of
from interpayer.model.reason import Fault, Refusal
from interpayer.system.certificates.anchors import Anchors, read_anchors
from interpayer.system.certificates.chain import thumbprint_of
from interpayer.system.certificates.fetching import Unreachable
from interpayer.system.certificates.revocation import Patience, Revocations
from interpayer.system.certificates.watched import Watched
from tests.support.certificates import NOW, certify

PROXY = "10.1.0.2"
ROOT = certify("Root", ca=True)
LEAF = certify("plan-b", ROOT, names=["plan-b.example"])
CRL = "http://crl.example/root.crl"


def der(party):
    return party.certificate.public_bytes(Encoding.DER)


def header(party):
    return (f":{base64.b64encode(der(party)).decode()}:",)


@pytest.fixture
def authorities(tmp_path):
    file = tmp_path / "client-ca.crt"
    file.write_bytes(ROOT.pem)
    return file


@pytest.fixture
def peers(authorities):
    anchors = Watched(lambda: read_anchors(authorities), [authorities], kind="test")
    return Peers(anchors, None, read_proxies([PROXY, "unix"]))


EXPECTED = Peer(thumbprint_of(LEAF.certificate), ("plan-b.example",))


def test_a_certificate_comes_by_tls_or_from_a_listed_proxy(peers):
    assert peers.judge(Arrival("192.0.2.7", (der(LEAF),)), at=NOW) == EXPECTED
    assert peers.judge(Arrival(PROXY, leaf=header(LEAF)), at=NOW) == EXPECTED
    assert peers.judge(Arrival(None, leaf=header(LEAF)), at=NOW) == EXPECTED
    assert peers.judge(Arrival("192.0.2.7"), at=NOW) == Peer()


def test_a_header_from_elsewhere_does_not_count_and_is_seen(peers):
    forged = Arrival("192.0.2.7", leaf=header(LEAF))
    assert peers.is_forged(forged)
    assert peers.judge(forged, at=NOW) == Peer()
    assert not peers.is_forged(Arrival(PROXY, leaf=header(LEAF)))
    assert not peers.is_forged(Arrival("192.0.2.7", (der(LEAF),)))


@pytest.mark.parametrize("address", ["192.0.2.7", PROXY, None])
def test_both_at_once_are_refused(peers, address):
    with pytest.raises(Refusal) as refused:
        peers.judge(Arrival(address, (der(LEAF),), leaf=header(LEAF)), at=NOW)
    assert refused.value.reason == "caller.certificate_unexpected"


def test_without_authorities_nobody_is_known():
    assert Peers(None, None, read_proxies([PROXY])).judge(Arrival(PROXY, leaf=header(LEAF)), at=NOW) == Peer()


UNTRUSTED = {
    "rogue": certify("plan-b", certify("Root", ca=True)),
    "expired": certify("plan-b", ROOT, days=(-9, -1)),
    "for servers": certify("plan-b", ROOT, uses=[ExtendedKeyUsageOID.SERVER_AUTH]),
}


@pytest.mark.parametrize("name", UNTRUSTED)
def test_what_a_proxy_did_not_verify_is_verified_here(peers, name):
    with pytest.raises(Refusal) as refused:
        peers.judge(Arrival(PROXY, leaf=header(UNTRUSTED[name])), at=NOW)
    assert refused.value.reason == "caller.certificate_untrusted"


def test_bytes_that_are_no_certificate_are_refused(peers):
    with pytest.raises(Refusal) as refused:
        peers.judge(Arrival(PROXY, leaf=(":AAAA:",)), at=NOW)
    assert refused.value.reason == "caller.certificate_untrusted"


def test_a_connection_outlives_its_certificate_and_its_authority_in_vain(peers, authorities):
    arrival = Arrival("192.0.2.7", (der(LEAF),))
    assert peers.judge(arrival, at=NOW) == EXPECTED
    with pytest.raises(Refusal):
        peers.judge(arrival, at=NOW + timedelta(days=400))
    authorities.write_bytes(certify("Other", ca=True).pem)
    peers.look()
    with pytest.raises(Refusal):
        peers.judge(arrival, at=NOW)
    # what cannot be read leaves what was in force
    authorities.write_bytes(b"no certificate at all")
    peers.look()
    with pytest.raises(Refusal):
        peers.judge(arrival, at=NOW)
    authorities.write_bytes(ROOT.pem)
    peers.look()
    assert peers.judge(arrival, at=NOW) == EXPECTED


def test_what_was_taken_back_is_refused_and_what_nobody_knows_is_a_fault(peers):
    root, pages = certify("Root", ca=True), []
    leaf = certify("plan-b", root, crl_url=CRL)

    def fetch(_url, _question):
        if not pages:
            raise Unreachable("away")
        return pages[0]

    revocations = Revocations(fetch, patience=Patience(refresh_s=60, retry_s=1, grace_s=0))
    anchors = Watched(lambda: Anchors((root.certificate,)), [], kind="test")
    judged = Peers(anchors, revocations)
    arrival = Arrival("192.0.2.7", (der(leaf),))
    with pytest.raises(Fault) as fault:
        judged.judge(arrival, at=NOW)
    assert (fault.value.reason, fault.value.retry_after_s) == ("caller.certificate_unchecked", 60)
    pages.append(root.crl())
    assert judged.judge(arrival, at=NOW + timedelta(seconds=5)).thumbprint
    root.revoke(leaf.certificate)
    pages[0] = root.crl()
    with pytest.raises(Refusal) as refused:
        judged.judge(arrival, at=NOW + timedelta(seconds=90))
    assert refused.value.reason == "caller.certificate_revoked"


def test_an_arrival_is_read_out_of_the_scope():
    scope = {
        "client": ("192.0.2.7", 4000),
        "headers": [(b"Client-Cert", b":AAAA:"), (b"client-cert-chain", b":BBBB:"), (b"host", b"x")],
        "extensions": {"tls": {"client_cert_ders": [b"der"]}},
    }
    assert arrival_of(scope) == Arrival("192.0.2.7", (b"der",), (":AAAA:",), (":BBBB:",))
    assert arrival_of({"client": None, "headers": []}) == Arrival(None)
