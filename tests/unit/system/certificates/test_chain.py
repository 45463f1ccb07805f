"""Chains: what is verified, what is refused and in which words, and what a written exception lets in."""

import base64
from datetime import date, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.system.certificates.anchors import Anchors, AnchorsInvalid, Deviation, fingerprint, read_anchors
from interpayer.system.certificates.chain import (
    Broken,
    Chain,
    Trouble,
    Use,
    names_of,
    read_der,
    read_x5c,
    thumbprint_of,
    uris_of,
    verify_chain,
)
from tests.support.certificates import NOW, certify

ROOT = certify("Root", ca=True)
MIDDLE = certify("Middle", ROOT, ca=True)
NAMES = ("Plan-B.example", "https://plan-b.example/fhir")
LEAF = certify("plan-b", MIDDLE, names=NAMES)
ANCHORS = Anchors((ROOT.certificate,))


def verified(*parties, anchors=ANCHORS, at=NOW, use=Use.CLIENT):
    return verify_chain([party.certificate for party in parties], anchors, at=at, use=use)


def test_a_path_is_given_from_the_leaf_to_the_anchor_with_the_names():
    found = verified(LEAF, MIDDLE)
    assert isinstance(found, Chain)
    assert found.path == (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)
    assert found.names == ("plan-b.example", "https://plan-b.example/fhir") == names_of(LEAF.certificate)
    assert (found.leaf, found.anchor, found.excused) == (LEAF.certificate, ROOT.certificate, frozenset())
    assert len(thumbprint_of(found.leaf)) == 43


def test_an_intermediate_may_itself_be_the_anchor():
    assert isinstance(verified(LEAF, anchors=Anchors((MIDDLE.certificate,))), Chain)


STRANGER = certify("Root", ca=True)
SIGNER = certify("signer", ROOT, uses=None)
REFUSED = {
    "rogue authority": ([certify("plan-b", STRANGER)], Trouble.UNTRUSTED),
    "self-signed": ([certify("plan-b")], Trouble.UNTRUSTED),
    "missing intermediate": ([LEAF], Trouble.UNTRUSTED),
    "expired": ([certify("plan-b", ROOT, days=(-10, -1))], Trouble.EXPIRED),
    "not yet": ([certify("plan-b", ROOT, days=(1, 10))], Trouble.NOT_YET),
    "for servers only": ([certify("plan-b", ROOT, uses=[ExtendedKeyUsageOID.SERVER_AUTH])], Trouble.WRONG_USE),
    "no names": ([certify("plan-b", ROOT, leave_out=["names"])], Trouble.UNTRUSTED),
    "certified by a leaf": ([certify("plan-b", SIGNER), SIGNER], Trouble.UNTRUSTED),
    "expired intermediate": (
        [certify("plan-b", old := certify("Old", ROOT, ca=True, days=(-9, -1))), old],
        Trouble.UNTRUSTED,
    ),
    "too many": ([LEAF, *[MIDDLE] * 8], Trouble.MALFORMED),
    "none": ([], Trouble.MALFORMED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_lead_to_an_anchor_is_refused_with_its_kind(name):
    parties, trouble = REFUSED[name]
    found = verified(*parties)
    assert isinstance(found, Broken)
    assert found.trouble is trouble
    assert "plan-b" not in found.detail


def test_a_certificate_for_signing_needs_no_use_but_the_rest():
    server = certify("udap", ROOT, uses=[ExtendedKeyUsageOID.SERVER_AUTH])
    assert isinstance(verified(server, use=Use.SIGNING), Chain)
    assert verified(certify("udap", STRANGER), use=Use.SIGNING).trouble is Trouble.UNTRUSTED


SHORT = {
    Deviation.NO_KEY_USAGE: lambda: certify("Old Root", ca=True, leave_out=["key_usage"]),
    Deviation.BASIC_CONSTRAINTS_NOT_CRITICAL: lambda: certify("Old Root", ca=True, loose=True),
}


@pytest.mark.parametrize("deviation", SHORT)
def test_an_anchor_that_falls_short_needs_a_written_exception_for_this_point_and_day(tmp_path, deviation):
    old = SHORT[deviation]()
    leaf = certify("plan-b", old)
    (tmp_path / "old.pem").write_bytes(old.pem)
    assert verified(leaf, anchors=read_anchors(tmp_path)).trouble is Trouble.UNTRUSTED
    excused(tmp_path, old, [deviation])
    found = verified(leaf, anchors=read_anchors(tmp_path))
    assert isinstance(found, Chain)
    assert found.excused == {deviation}
    # not on another day, not for another point, not for another authority
    later = NOW + timedelta(days=60)
    assert verified(leaf, anchors=read_anchors(tmp_path), at=later).trouble is Trouble.UNTRUSTED
    excused(tmp_path, old, [Deviation.NO_AUTHORITY_KEY_ID])
    assert verified(leaf, anchors=read_anchors(tmp_path)).trouble is Trouble.UNTRUSTED
    excused(tmp_path, ROOT, [deviation])
    assert verified(leaf, anchors=read_anchors(tmp_path)).trouble is Trouble.UNTRUSTED


def test_an_exception_never_makes_an_authority_out_of_what_is_none(tmp_path):
    signer = certify("Signer", ROOT, uses=None)
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    excused(tmp_path, ROOT, list(Deviation))
    anchors = read_anchors(tmp_path)
    assert verified(certify("plan-b", signer), signer, anchors=anchors).trouble is Trouble.UNTRUSTED
    unable = certify("Unable", ROOT, ca=True, leave_out=["basic_constraints"])
    assert verified(certify("plan-b", unable), unable, anchors=anchors).trouble is Trouble.UNTRUSTED
    assert isinstance(verified(certify("plan-b", ROOT, leave_out=["authority_key_id"]), anchors=anchors), Chain)


def excused(folder, party, deviations):
    row = {
        "sha256": fingerprint(party.certificate).upper(),
        "allow": [one.value for one in deviations],
        "why": "an authority of 2009 that many still use",
        "until": date(2026, 6, 1),
    }
    (folder / "exceptions.yaml").write_text(yaml.safe_dump([row]))


def test_anchors_are_read_from_a_file_or_a_folder_once_each(tmp_path):
    (tmp_path / "a.pem").write_bytes(ROOT.pem + MIDDLE.pem)
    (tmp_path / "b.der").write_bytes(ROOT.certificate.public_bytes(serialization.Encoding.DER))
    (tmp_path / "notes.txt").write_text("no certificate")
    both = read_anchors(tmp_path)
    assert set(both.certificates) == {ROOT.certificate, MIDDLE.certificate}
    assert read_anchors(tmp_path / "a.pem").version == both.version
    assert read_anchors(tmp_path / "b.der").version != both.version


BAD_EXCEPTIONS = {
    "no list": {"sha256": "00"},
    "unknown point": [{"sha256": "0" * 64, "allow": ["anything"], "why": "w", "until": date(2027, 1, 1)}],
    "no reason": [{"sha256": "0" * 64, "allow": ["no_key_usage"], "why": " ", "until": date(2027, 1, 1)}],
    "no end": [{"sha256": "0" * 64, "allow": ["no_key_usage"], "why": "w", "until": None}],
    "no fingerprint": [{"sha256": "abc", "allow": ["no_key_usage"], "why": "w", "until": date(2027, 1, 1)}],
    "more keys": [{"sha256": "0" * 64, "allow": ["no_key_usage"], "why": "w", "until": date(2027, 1, 1), "x": 1}],
}


@pytest.mark.parametrize("name", BAD_EXCEPTIONS)
def test_exceptions_that_do_not_hold_end_the_start(tmp_path, name):
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    (tmp_path / "exceptions.yaml").write_text(yaml.safe_dump(BAD_EXCEPTIONS[name]))
    with pytest.raises(AnchorsInvalid, match=r"exceptions\.yaml"):
        read_anchors(tmp_path)


def test_a_place_without_certificates_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "none.pem"):
        with pytest.raises(AnchorsInvalid):
            read_anchors(place)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    with pytest.raises(AnchorsInvalid, match=r"ca\.pem"):
        read_anchors(tmp_path)


def test_x5c_is_base64_with_the_leaf_first():
    text = [
        base64.b64encode(one.certificate.public_bytes(serialization.Encoding.DER)).decode() for one in (LEAF, MIDDLE)
    ]
    assert read_x5c(text) == (LEAF.certificate, MIDDLE.certificate)
    for bad in (
        [],
        ["!"],
        ["AAAA"],
        [5],
        [text[0].replace("A", "-", 1) + "="],
        text * 5,
        [base64.b64encode(b"x" * 20_000).decode()],
    ):
        assert isinstance(read_x5c(bad), Broken), bad
    assert isinstance(read_der([b"\x30\x00"]), Broken)


def test_a_kind_of_name_that_nobody_reads_names_nobody():
    strange = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x02\xa3\x00")
    party = certify("plan-b.example", ROOT, leave_out=["names"], more=[strange])
    assert (names_of(party.certificate), uris_of(party.certificate)) == ((), ())
    assert isinstance(read_der([party.certificate.public_bytes(serialization.Encoding.DER)]), Broken)


def test_names_are_those_of_the_extension_alone():
    bare = certify("plan-b.example", ROOT, leave_out=["names"])
    assert names_of(bare.certificate) == ()
    assert isinstance(bare.certificate, x509.Certificate)
