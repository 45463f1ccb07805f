"""The signed original of a consent: its digest, and whether its signature holds. The document itself is not kept."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from interpayer.model.consent import Consent, Signature
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.signatures import holds

_HASHES = (SHA256, SHA384, SHA512)


def with_proof(
    consent: Consent,
    document: bytes,
    *,
    digest: str | None = None,
    signature: bytes | None = None,
    signer: bytes | None = None,
) -> Consent:
    """The consent with what its signed original shows; Refusal `consent.proof_invalid` where that does not hold.

    `digest`: the SHA-256 that somebody told of it. `signature`: raw, as `openssl dgst -sign` makes it, by the key in
    `signer` (a PEM certificate or public key), for which the person who records this answers.
    """
    found = sha256(document).hexdigest()
    if digest is not None and digest.lower() != found:
        raise Refusal("consent.proof_invalid", "the digest is not that of the document")
    if (signature is None) != (signer is None):
        raise Refusal("request.malformed", "a signature and its signer go together")
    verified = _verified(document, signature, signer, at=now()) if signature and signer else None
    return replace(consent, document_sha256=found, signature=verified)


def _verified(document: bytes, signature: bytes, signer: bytes, *, at: datetime) -> Signature:
    key = _key_of(signer)
    thumbprint = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    if holds(key, signature, document):
        return Signature("EdDSA", thumbprint, at)
    for kind in _HASHES:
        algorithm = kind()
        if holds(key, signature, document, algorithm=algorithm):
            return Signature(algorithm.name, thumbprint, at)
    raise Refusal("consent.proof_invalid", "the signature does not hold under this key")


def _key_of(pem: bytes) -> CertificatePublicKeyTypes | PublicKeyTypes:
    try:
        if b"CERTIFICATE" in pem:
            return x509.load_pem_x509_certificate(pem).public_key()
        return load_pem_public_key(pem)
    except ValueError:
        raise Refusal("consent.proof_invalid", "the signer is no PEM certificate or public key") from None
