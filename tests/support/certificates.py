"""Authorities, certificates, revocation lists and status answers made for a test, good and bad ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from interpayer.system.tls import KEY_USAGES

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
_USAGE = {True: ("key_cert_sign", "crl_sign"), False: ("digital_signature",)}


@dataclass
class Party:
    """A key with its certificate; an authority certifies others, lists what it took back, and answers about it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    revoked: dict[int, datetime] = field(default_factory=dict)

    def revoke(self, certificate: x509.Certificate, at: datetime = NOW) -> None:
        """Take a certificate back."""
        self.revoked[certificate.serial_number] = at

    def crl(
        self,
        at: datetime = NOW,
        *,
        hours: float = 24,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> bytes:
        """Its list (DER)."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at)
            .next_update(at + timedelta(hours=hours))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for serial, since in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(
        self,
        certificate: x509.Certificate,
        at: datetime = NOW,
        *,
        signer: "Party | None" = None,
        status: ocsp.OCSPCertStatus | None = None,
        with_certificates: bool = True,
    ) -> bytes:
        """Its answer about a certificate (DER), signed by itself or by a delegate."""
        since = self.revoked.get(certificate.serial_number)
        known = ocsp.OCSPCertStatus.REVOKED if since else ocsp.OCSPCertStatus.GOOD
        who = signer or self
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate,
            issuer=self.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status or known,
            this_update=at,
            next_update=at + timedelta(hours=1),
            revocation_time=since,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, who.certificate)
        if signer is not None and with_certificates:
            builder = builder.certificates([signer.certificate])
        return builder.sign(who.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def certify(
    name: str,
    issuer: Party | None = None,
    *,
    ca: bool = False,
    names: Sequence[str] = (),
    uses: Sequence[x509.ObjectIdentifier] | None = CLIENT,
    days: tuple[float, float] = (-1, 300),
    leave_out: Sequence[str] = (),
    loose: bool = False,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    at: datetime = NOW,
    usage: Sequence[str] | None = None,
    more: Sequence[x509.ExtensionType] = (),
) -> Party:
    """A party certified by another, or by itself. `leave_out`: extensions it would have; `loose`: none is critical."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at + timedelta(days=days[0]))
        .not_valid_after(at + timedelta(days=days[1]))
    )
    added: dict[str, Callable[[], tuple[x509.ExtensionType, bool]]] = {
        "basic_constraints": lambda: (x509.BasicConstraints(ca, None), ca and not loose),
        "key_usage": lambda: (_usage(*(usage or _USAGE[ca])), not loose),
        "subject_key_id": lambda: (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    }
    if issuer:
        added["authority_key_id"] = lambda: (
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            False,
        )
    if not ca:
        added["names"] = lambda: (x509.SubjectAlternativeName([_name(one) for one in names or [name]]), False)
    extensions = [make() for what, make in added.items() if what not in leave_out]
    if uses and not ca:
        extensions.append((x509.ExtendedKeyUsage(uses), False))
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        extensions.append((x509.CRLDistributionPoints([point]), False))
    if ocsp_url:
        place = x509.UniformResourceIdentifier(ocsp_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        extensions.append((x509.AuthorityInformationAccess([access]), False))
    for extension, critical in (*extensions, *((one, False) for one in more)):
        builder = builder.add_extension(extension, critical)
    return Party(builder.sign(signer, hashes.SHA256()), key)


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in KEY_USAGES})


def _name(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text) if "://" in text else x509.DNSName(text)
