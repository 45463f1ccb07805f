"""An authority of our own, for the demo, tests and private networks: ECDSA P-256, the profile of RFC 5280."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from interpayer.system.clock import now

AUTHORITY_DAYS = 3650
# What public authorities may give at most; ours keep to it, so that clients that check it are content.
LEAF_DAYS = 397
# fmt: off
KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a certificate and its private key are (PEM; the key 0600)."""

    certificate: Path
    key: Path


def create_authority(folder: Path, name: str) -> KeyPair:
    """A new authority as ``ca.crt`` and ``ca.key``; an existing one is kept."""
    pair = KeyPair(folder / "ca.crt", folder / "ca.key")
    if pair.certificate.exists() and pair.key.exists():
        return pair
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    builder = (
        _builder(subject, key.public_key(), days=AUTHORITY_DAYS)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write(pair, key, builder.sign(key, hashes.SHA256()))
    return pair


def issue_server(folder: Path, ca: KeyPair, hosts: Sequence[str], *, name: str) -> KeyPair:
    """A certificate for a server under these host names and addresses, as ``<name>.crt`` and ``<name>.key``."""
    return _issue(folder, ca, names=hosts, name=name, purpose=ExtendedKeyUsageOID.SERVER_AUTH)


def issue_client(folder: Path, ca: KeyPair, name: str, *, hosts: Sequence[str] = ()) -> KeyPair:
    """A certificate for a client; its subject is the name, which is also a SAN when no others are given."""
    return _issue(folder, ca, names=hosts or [name], name=name, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)


def _issue(folder: Path, ca: KeyPair, *, names: Sequence[str], name: str, purpose: x509.ObjectIdentifier) -> KeyPair:
    authority = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
    authority_key = serialization.load_pem_private_key(ca.key.read_bytes(), password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key must be an elliptic-curve key, as create_authority makes it")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_named(name), key.public_key(), days=LEAF_DAYS)
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(text) for text in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    pair = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
    _write(pair, key, builder.sign(authority_key, hashes.SHA256()))
    return pair


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int) -> x509.CertificateBuilder:
    begin = now() - timedelta(minutes=5)  # clocks of two machines differ
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.UniformResourceIdentifier(text) if "://" in text else x509.DNSName(text)


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in KEY_USAGES})


def _write(pair: KeyPair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pair.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    unfinished = pair.key.with_name(f".{pair.key.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    unfinished.rename(pair.key)
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
