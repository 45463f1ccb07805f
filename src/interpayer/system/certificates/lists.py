"""Certificate revocation lists (RFC 5280, 5): which of them say something about a certificate, and what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

SKEW = timedelta(minutes=5)
UNDERSTOOD = (x509.CRLNumber, x509.AuthorityKeyIdentifier, x509.IssuingDistributionPoint, x509.FreshestCRL)


class Unusable(Exception):
    """What a source gave says nothing that can be relied on; the text says why, free of names."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source says of one certificate: taken back or not, and until when the source vouches for it."""

    is_revoked: bool
    until: datetime
    revoked_at: datetime | None = None


def read_list(content: bytes) -> x509.CertificateRevocationList:
    """The list in these bytes (PEM or DER); `Unusable` when there is none."""
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_crl(content)
        return x509.load_der_x509_crl(content)
    except ValueError as error:
        raise Unusable("is no revocation list") from error


def ask_list(
    revoked: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate, *, at: datetime
) -> Answer:
    """What a list says of a certificate of this issuer; `Unusable` when it is not for it, or not whole, or forged.

    A list whose next update is over still gives its answer: whether that is too old is for the caller to judge.
    """
    if revoked.issuer != certificate.issuer:
        raise Unusable("is of another issuer")
    if not _may_sign(issuer) or not _is_signed(revoked, issuer):
        raise Unusable("is not signed by the issuer")
    if revoked.next_update_utc is None or revoked.last_update_utc > at + SKEW:
        raise Unusable("has no end, or a beginning in the future")
    _check_scope(revoked, certificate)
    entry = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return Answer(entry is not None, revoked.next_update_utc, None if entry is None else entry.revocation_date_utc)


def list_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the certificate says that lists are (http and https only)."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name for point in points for name in web_addresses(point.full_name or ()))


def web_addresses(names: Sequence[x509.GeneralName]) -> list[str]:
    """The http and https addresses among these names."""
    uris = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [uri for uri in uris if uri.lower().startswith(("http://", "https://"))]


def _is_signed(revoked: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _check_scope(revoked: x509.CertificateRevocationList, certificate: x509.Certificate) -> None:
    """A list that leaves something out must not be read as a word about it."""
    try:
        extensions = list(revoked.extensions)
    except ValueError as error:
        raise Unusable("has extensions that cannot be read") from error
    if any(one.critical and not isinstance(one.value, UNDERSTOOD) for one in extensions):
        raise Unusable("is a part of a list, or has a critical extension that is not understood")
    for one in extensions:
        if isinstance(one.value, x509.IssuingDistributionPoint):
            _check_point(one.value, certificate)


def _check_point(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> None:
    """Lists by part: this certificate must be in the part (RFC 5280, 6.3.3 b)."""
    if point.indirect_crl or point.only_contains_attribute_certs or point.only_some_reasons:
        raise Unusable("is a list of others' certificates or of some reasons only")
    is_authority = _is_authority(certificate)
    if (point.only_contains_user_certs and is_authority) or (point.only_contains_ca_certs and not is_authority):
        raise Unusable("is a list of another kind of certificates")
    if point.relative_name or (
        point.full_name and not set(web_addresses(point.full_name)) & set(list_addresses(certificate))
    ):
        raise Unusable("is the list of another distribution point")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
