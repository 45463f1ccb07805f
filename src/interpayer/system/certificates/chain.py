"""A client's certificate chain, verified up to an anchor of ours (RFC 5280, by `cryptography`'s verifier).

The verifier decides. What it calls the failure is only for people: a partner is told the kind of trouble, in words of
ours. Revocation is a second question (`revocation.py`): it needs sources outside.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from interpayer.system.certificates.anchors import Anchors, Deviation

# What reading somebody else's certificate, or its extensions, can end in.
UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
MOST_CERTIFICATES = 8
LARGEST_CERTIFICATE = 16 * 1024
_EXTENSION: TypeAlias = type[x509.ExtensionType]


class Trouble(StrEnum):
    """Why a chain does not count."""

    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    WRONG_USE = "wrong_use"


class Use(StrEnum):
    """What the leaf must be good for: TLS clients, or signing (UDAP), where an extended key usage says nothing."""

    CLIENT = "client"
    SIGNING = "signing"


@dataclass(frozen=True, slots=True)
class Chain:
    """A verified path, the leaf first and the anchor last, with the leaf's names (DNS, URI, email, IP SANs as text)."""

    path: tuple[x509.Certificate, ...]
    names: tuple[str, ...]
    excused: frozenset[Deviation] = frozenset()

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate of the caller."""
        return self.path[0]

    @property
    def anchor(self) -> x509.Certificate:
        """The authority of ours that the path ends at."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Broken:
    """Why there is no path; `detail` is fit for the caller's eyes."""

    trouble: Trouble
    detail: str


def verify_chain(
    chain: Sequence[x509.Certificate], anchors: Anchors, *, at: datetime, use: Use = Use.CLIENT
) -> Chain | Broken:
    """The path of a chain (leaf first, then what it sent along) up to one of the anchors, or why there is none."""
    if not 0 < len(chain) <= MOST_CERTIFICATES:
        return Broken(Trouble.MALFORMED, f"a chain has one to {MOST_CERTIFICATES} certificates")
    for is_lenient in (False, True) if anchors.excused else (False,):
        try:
            path = _path(chain, anchors, at=at, policies=_policies(use, is_lenient=is_lenient))
        except (VerificationError, ValueError):
            continue
        deviations = _deviations(path)
        if not is_lenient or deviations <= anchors.excuses(path[-1], at):
            return Chain(path, names_of(path[0]), deviations if is_lenient else frozenset())
    return _explained(chain[0], at=at, use=use)


def read_der(certificates: Iterable[bytes]) -> tuple[x509.Certificate, ...] | Broken:
    """The certificates of these DER bytes in the same order."""
    found: list[x509.Certificate] = []
    for der in certificates:
        if len(der) > LARGEST_CERTIFICATE or len(found) == MOST_CERTIFICATES:
            return Broken(Trouble.MALFORMED, "the chain is too large")
        try:
            certificate = x509.load_der_x509_certificate(der)
            # read here once, so that nothing further on meets an extension that cannot be read
            _ = certificate.extensions
        except UNREADABLE:
            return Broken(Trouble.MALFORMED, "a certificate cannot be read")
        found.append(certificate)
    return tuple(found)


def read_x5c(values: Sequence[str]) -> tuple[x509.Certificate, ...] | Broken:
    """The certificates of a JOSE `x5c` header (RFC 7515, 4.1.6: base64, not base64url, leaf first)."""
    try:
        ders = [base64.b64decode(value, validate=True) for value in values[: MOST_CERTIFICATES + 1]]
    except (binascii.Error, ValueError, TypeError):
        return Broken(Trouble.MALFORMED, "a certificate is no base64")
    return read_der(ders) if ders else Broken(Trouble.MALFORMED, "there is no certificate")


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The subject alternative names as text: DNS names in lower case, URIs, email and IP addresses as they stand."""
    names = _alternative_names(certificate)
    if names is None:
        return ()
    dns = tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))
    addresses = tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*dns, *uris_of(certificate), *names.get_values_for_type(x509.RFC822Name), *addresses)


def uris_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URIs among the subject alternative names."""
    names = _alternative_names(certificate)
    return () if names is None else tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def thumbprint_of(certificate: x509.Certificate) -> str:
    """``x5t#S256`` of a certificate (RFC 8705, 3.1)."""
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _path(
    chain: Sequence[x509.Certificate], anchors: Anchors, *, at: datetime, policies: tuple[ExtensionPolicy, ...]
) -> tuple[x509.Certificate, ...]:
    authorities, leaf = policies
    builder = PolicyBuilder().store(Store(list(anchors.certificates))).time(at)
    verifier = builder.extension_policies(ca_policy=authorities, ee_policy=leaf).build_client_verifier()
    return tuple(verifier.verify(chain[0], list(chain[1:])).chain)


def _policies(use: Use, *, is_lenient: bool) -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """What authorities' and leaves' extensions must look like; the lenient ones only find out what to excuse."""
    authorities, leaf = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.webpki_defaults_ee()
    if use is Use.SIGNING:
        authorities = authorities.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
        leaf = leaf.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    if is_lenient:
        authorities = authorities.may_be_present(
            x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates
        ).require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
        leaf = leaf.may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
    return authorities, leaf


def _signs_certificates(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority must be allowed to sign certificates")


def _is_authority(_policy: object, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an authority must say that it is one")


def _deviations(path: Sequence[x509.Certificate]) -> frozenset[Deviation]:
    """Everything that a path falls short of, out of what an anchor can be excused from."""
    found = set()
    for authority in path[1:]:
        if not _has(authority, x509.KeyUsage):
            found.add(Deviation.NO_KEY_USAGE)
        if not authority.extensions.get_extension_for_class(x509.BasicConstraints).critical:
            found.add(Deviation.BASIC_CONSTRAINTS_NOT_CRITICAL)
    if not _has(path[0], x509.AuthorityKeyIdentifier):
        found.add(Deviation.NO_AUTHORITY_KEY_ID)
    return frozenset(found)


def _has(certificate: x509.Certificate, kind: _EXTENSION) -> bool:
    try:
        certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return False
    return True


def _explained(leaf: x509.Certificate, *, at: datetime, use: Use) -> Broken:
    """The likeliest reason, in words that help the owner of the certificate; the answer is no in any case."""
    if at > leaf.not_valid_after_utc:
        return Broken(Trouble.EXPIRED, "the certificate has expired")
    if at < leaf.not_valid_before_utc:
        return Broken(Trouble.NOT_YET, "the certificate is not valid yet")
    if use is Use.CLIENT and not _is_for_clients(leaf):
        return Broken(Trouble.WRONG_USE, "the certificate is not for TLS clients (extended key usage)")
    return Broken(Trouble.UNTRUSTED, "the certificate does not lead to an authority that is trusted here")


def _is_for_clients(leaf: x509.Certificate) -> bool:
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses
