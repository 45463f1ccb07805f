"""Client certificates of partners as they are handed in: PEM, DER or a bare thumbprint; and when they run out."""

import re
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.model.agreement import Certificate
from interpayer.model.reason import Refusal
from interpayer.system.certificates.chain import UNREADABLE, names_of, thumbprint_of
from interpayer.system.clock import now

THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
CLIENT_USES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


def read_certificate(content: str | bytes) -> Certificate:
    """One client certificate out of PEM text, DER bytes or a thumbprint (x5t#S256); `Refusal` says what is wrong.

    Refused: a private key beside it, an authority, one for servers only, one that has run out.
    """
    if isinstance(content, str) and THUMBPRINT.fullmatch(content.strip()):
        return Certificate(content.strip())
    raw = content.encode() if isinstance(content, str) else content
    if b"PRIVATE KEY" in raw:
        raise _broken("a certificate came with a private key; send the certificate alone, and make a new key")
    try:
        is_text = raw.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_certificates(raw)[0] if is_text else x509.load_der_x509_certificate(raw)
        _check_use(found)
        return Certificate(
            thumbprint=thumbprint_of(found),
            subject=found.subject.rfc4514_string(),
            names=names_of(found),
            issuer=found.issuer.rfc4514_string(),
            starts_at=found.not_valid_before_utc,
            expires_at=found.not_valid_after_utc,
        )
    except (*UNREADABLE, IndexError):
        raise _broken("certificates must be PEM, or SHA-256 thumbprints in base64url (x5t#S256)") from None


def read_certificates(values: Iterable[str | bytes]) -> tuple[Certificate, ...]:
    """Several, each once."""
    found = {one.thumbprint: one for one in map(read_certificate, values)}
    return tuple(found.values())


def counts(certificate: Certificate, *, at: datetime) -> bool:
    """Whether the certificate is still one of the partner's at this time."""
    ends = [moment for moment in (certificate.leaves_at, certificate.expires_at) if moment is not None]
    return all(at < moment for moment in ends)


def _check_use(found: x509.Certificate) -> None:
    if found.not_valid_after_utc <= now():
        raise _broken("a certificate has run out")
    try:
        # An authority is sent by mistake. One that was made by itself for trying out says CA too, but not this.
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
        if usage.key_cert_sign and not usage.digital_signature:
            raise _broken("a certificate is an authority; send the client certificate itself")
    except x509.ExtensionNotFound:
        pass
    try:
        uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not any(use in uses for use in CLIENT_USES):
        raise _broken("a certificate is not for clients: its extended key usage lacks clientAuth")


def _broken(detail: str) -> Refusal:
    return Refusal("request.malformed", detail)
