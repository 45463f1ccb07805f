"""Revocation: every source, every way of having none, forged and foreign answers, and what is remembered."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.system.certificates.chain import Chain
from interpayer.system.certificates.fetching import Unreachable
from interpayer.system.certificates.revocation import Patience, Revocations, Standing
from tests.support.certificates import NOW, certify

CRL, OCSP = "http://crl.example/root.crl", "http://ocsp.example/"
HOUR = timedelta(hours=1)
STRANGER = certify("Root", ca=True)
PATIENCE = Patience(refresh_s=600, retry_s=60, grace_s=7200)


class Web:
    """What is at which address now; counts who was asked."""

    def __init__(self, **pages):
        self.pages, self.asked = pages, []

    def __call__(self, url, question):
        self.asked.append("ocsp" if question else "crl")
        page = self.pages.get(self.asked[-1])
        if page is None:
            raise Unreachable("away")
        return page() if callable(page) else page


def chain_of(leaf, issuer):
    return Chain((leaf.certificate, issuer.certificate), ())


@pytest.fixture
def root():
    return certify("Root", ca=True)


def test_nobody_says_where_to_ask(root):
    status = Revocations(Web()).status(chain_of(certify("b", root), root), at=NOW)
    assert (status.standing, status.is_refused) == (Standing.UNSOURCED, False)


@pytest.mark.parametrize("source", ["crl", "ocsp"])
def test_a_named_source_says_good_then_revoked(root, source):
    leaf = certify("b", root, crl_url=CRL if source == "crl" else None, ocsp_url=OCSP if source == "ocsp" else None)
    web = Web(crl=lambda: root.crl(), ocsp=lambda: root.ocsp(leaf.certificate))
    revocations = Revocations(web, patience=PATIENCE)
    chain = chain_of(leaf, root)
    assert revocations.status(chain, at=NOW).standing is Standing.GOOD
    root.revoke(leaf.certificate)
    assert revocations.status(chain, at=NOW + HOUR / 10).standing is Standing.GOOD  # remembered for ten minutes
    status = revocations.status(chain, at=NOW + HOUR / 2)
    assert (status.standing, status.source, status.is_refused) == (Standing.REVOKED, source, True)
    assert status.revoked_at == NOW
    assert web.asked == [source, source]


def test_the_second_source_is_asked_when_the_first_is_away(root):
    leaf = certify("b", root, crl_url=CRL, ocsp_url=OCSP)
    web = Web(crl=root.crl())
    status = Revocations(web).status(chain_of(leaf, root), at=NOW)
    assert (status.standing, status.source, web.asked) == (Standing.GOOD, "crl", ["ocsp", "crl"])


def test_a_named_source_that_is_away_refuses(root):
    leaf = certify("b", root, crl_url=CRL)
    web = Web()
    revocations = Revocations(web, patience=PATIENCE)
    chain = chain_of(leaf, root)
    for seconds in (0, 10, 30):  # and is not hammered
        status = revocations.status(chain, at=NOW + timedelta(seconds=seconds))
        assert (status.standing, status.is_refused) == (Standing.UNKNOWN, True)
    assert len(web.asked) == 1
    web.pages["crl"] = root.crl()
    assert revocations.status(chain, at=NOW + timedelta(seconds=70)).standing is Standing.GOOD


def test_the_last_answer_counts_for_the_grace_and_no_longer(root):
    leaf = certify("b", root, crl_url=CRL)
    web = Web(crl=root.crl(hours=1))
    revocations = Revocations(web, patience=PATIENCE)
    chain = chain_of(leaf, root)
    assert not revocations.status(chain, at=NOW).is_stale
    web.pages.clear()
    assert not revocations.status(chain, at=NOW + HOUR / 2).is_stale  # not over yet, only not fresh
    late = revocations.status(chain, at=NOW + 2 * HOUR)
    assert (late.standing, late.is_stale) == (Standing.GOOD, True)
    assert revocations.status(chain, at=NOW + 3.5 * HOUR).is_refused


def test_a_list_in_the_folder_is_enough_and_works_within_seconds(root, tmp_path):
    leaf = certify("b", root, crl_url=CRL)
    web = Web()
    (tmp_path / "root.crl").write_bytes(root.crl())
    (tmp_path / "broken.crl").write_bytes(b"no list")
    revocations = Revocations(web, files=tmp_path, patience=PATIENCE)
    chain = chain_of(leaf, root)
    assert revocations.status(chain, at=NOW).source == "file"
    root.revoke(leaf.certificate)
    (tmp_path / "newer.crl").write_bytes(root.crl(NOW + timedelta(minutes=1)))
    assert revocations.status(chain, at=NOW + timedelta(minutes=2)).standing is Standing.REVOKED
    assert web.asked == []


def test_a_list_in_the_folder_that_is_over_is_a_source_without_an_answer(root, tmp_path):
    (tmp_path / "root.crl").write_bytes(root.crl(NOW - 10 * HOUR, hours=1))
    status = Revocations(Web(), files=tmp_path, patience=PATIENCE).status(chain_of(certify("b", root), root), at=NOW)
    assert status.is_refused


def test_answers_outlive_a_restart_and_a_changed_file_gains_nothing(root, tmp_path):
    leaf = certify("b", root, crl_url=CRL)
    chain = chain_of(leaf, root)
    Revocations(Web(crl=root.crl()), kept=tmp_path, patience=PATIENCE).status(chain, at=NOW)
    assert Revocations(Web(), kept=tmp_path, patience=PATIENCE).status(chain, at=NOW).standing is Standing.GOOD
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(STRANGER.crl())
    assert Revocations(Web(), kept=tmp_path, patience=PATIENCE).status(chain, at=NOW).is_refused


def test_every_certificate_below_the_anchor_is_asked_for(root):
    middle = certify("Middle", root, ca=True, crl_url=CRL)
    leaf = certify("b", middle)
    chain = Chain((leaf.certificate, middle.certificate, root.certificate), ())
    root.revoke(middle.certificate)
    assert Revocations(Web(crl=root.crl())).status(chain, at=NOW).standing is Standing.REVOKED


def point(**changes):
    given = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return [(x509.IssuingDistributionPoint(**{**given, **changes}), True)]


def at_url(url):
    return [x509.UniformResourceIdentifier(url)]


# A list that must not count as "good", however current it is.
UNUSABLE_LISTS = {
    "no list": lambda root: b"<html>",
    "of another authority of that name": lambda root: STRANGER.crl(),
    "of another name": lambda root: certify("Else", ca=True).crl(),
    "signed by another key": lambda root: root.crl(key=STRANGER.key),
    "of the future": lambda root: root.crl(NOW + HOUR),
    "over for longer than the grace": lambda root: root.crl(NOW - 10 * HOUR, hours=1),
    "a delta": lambda root: root.crl(extensions=[(x509.DeltaCRLIndicator(1), True)]),
    "of authorities only": lambda root: root.crl(extensions=point(only_contains_ca_certs=True)),
    "of attributes only": lambda root: root.crl(extensions=point(only_contains_attribute_certs=True)),
    "of others' certificates": lambda root: root.crl(extensions=point(indirect_crl=True)),
    "of some reasons": lambda root: root.crl(
        extensions=point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))
    ),
    "of another point": lambda root: root.crl(extensions=point(full_name=at_url("http://crl.example/other.crl"))),
}


@pytest.mark.parametrize("name", UNUSABLE_LISTS)
def test_a_list_that_does_not_speak_of_this_certificate_is_no_answer(root, name):
    leaf = certify("b", root, crl_url=CRL)
    status = Revocations(Web(crl=UNUSABLE_LISTS[name](root)), patience=PATIENCE).status(chain_of(leaf, root), at=NOW)
    assert status.standing is Standing.UNKNOWN


def test_the_list_of_the_right_point_is_an_answer(root):
    leaf = certify("b", root, crl_url=CRL)
    for extensions in (point(full_name=at_url(CRL)), point(only_contains_user_certs=True)):
        status = Revocations(Web(crl=root.crl(extensions=extensions))).status(chain_of(leaf, root), at=NOW)
        assert status.standing is Standing.GOOD


def test_an_authority_that_may_not_sign_lists_has_none():
    for uses, standing in ((("key_cert_sign",), Standing.UNKNOWN), (("key_cert_sign", "crl_sign"), Standing.GOOD)):
        authority = certify("Root", ca=True, usage=uses)
        leaf = certify("b", authority, crl_url=CRL)
        status = Revocations(Web(crl=authority.crl())).status(chain_of(leaf, authority), at=NOW)
        assert status.standing is standing


def delegate(root, *, uses=(ExtendedKeyUsageOID.OCSP_SIGNING,), days=(-1, 300), issuer=None):
    return certify("Responder", issuer or root, uses=uses, days=days)


def unsuccessful(_root, _leaf):
    return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)


def turned(content: bytes) -> bytes:
    """With the last bit turned: one of the signature."""
    return content[:-1] + bytes([content[-1] ^ 1])


UNUSABLE_ANSWERS = {
    "no answer": lambda root, leaf: b"<html>",
    "try later": unsuccessful,
    "of another certificate": lambda root, leaf: root.ocsp(certify("c", root).certificate),
    "of another authority": lambda root, leaf: STRANGER.ocsp(leaf),
    "unknown": lambda root, leaf: root.ocsp(leaf, status=ocsp.OCSPCertStatus.UNKNOWN),
    "of the future": lambda root, leaf: root.ocsp(leaf, NOW + HOUR),
    "over for longer than the grace": lambda root, leaf: root.ocsp(leaf, NOW - 9 * HOUR),
    "by a delegate without the use": lambda root, leaf: root.ocsp(
        leaf, signer=delegate(root, uses=[ExtendedKeyUsageOID.CLIENT_AUTH])
    ),
    "by a delegate without any use": lambda root, leaf: root.ocsp(leaf, signer=delegate(root, uses=None)),
    "by a delegate that has expired": lambda root, leaf: root.ocsp(leaf, signer=delegate(root, days=(-9, -2))),
    "by another's delegate": lambda root, leaf: root.ocsp(leaf, signer=delegate(root, issuer=STRANGER)),
    "by a delegate that is not shown": lambda root, leaf: root.ocsp(
        leaf, signer=delegate(root), with_certificates=False
    ),
    "by the caller itself": lambda root, leaf: root.ocsp(leaf, signer=certify("b", root)),
    "with a bit turned": lambda root, leaf: turned(root.ocsp(leaf)),
}


@pytest.mark.parametrize("name", UNUSABLE_ANSWERS)
def test_an_answer_that_does_not_hold_is_none(root, name):
    leaf = certify("b", root, ocsp_url=OCSP)
    web = Web(ocsp=UNUSABLE_ANSWERS[name](root, leaf.certificate))
    status = Revocations(web, patience=PATIENCE).status(chain_of(leaf, root), at=NOW)
    assert status.standing is Standing.UNKNOWN


def test_a_delegate_may_answer(root):
    leaf = certify("b", root, ocsp_url=OCSP)
    chain = chain_of(leaf, root)
    good = root.ocsp(leaf.certificate, signer=delegate(root))
    assert Revocations(Web(ocsp=good)).status(chain, at=NOW).standing is Standing.GOOD
    root.revoke(leaf.certificate)
    taken_back = root.ocsp(leaf.certificate, signer=delegate(root))
    assert Revocations(Web(ocsp=taken_back)).status(chain, at=NOW).standing is Standing.REVOKED
