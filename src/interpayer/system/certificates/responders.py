"""The online status protocol (RFC 6960): a question about one certificate, and an answer that is checked by our code.

`cryptography` reads an answer and does not verify it. Here: who signed it (the issuer, or a delegate that the issuer
certified for exactly this), that it speaks of this certificate, and that it is not of yesterday.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from interpayer.system.certificates.lists import SKEW, Answer, Unusable, web_addresses
from interpayer.system.signatures import holds

# An answer that does not say when the next one comes is good for so long.
WITHOUT_END = timedelta(hours=1)
WEAK = frozenset({"md5", "sha1"})


def responder_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the certificate says that its status can be asked (http and https only)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()
    places = [one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    return tuple(web_addresses(places))


def make_question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The request for one certificate's status (DER)."""
    # The hash only names the issuer; SHA-1 is the one that every responder knows (RFC 6960, 4.3).
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(serialization.Encoding.DER)


def read_answer(content: bytes, certificate: x509.Certificate, issuer: x509.Certificate, *, at: datetime) -> Answer:
    """What a responder says of a certificate; `Unusable` when it says nothing, lies outside its right or is forged."""
    try:
        response = ocsp.load_der_ocsp_response(content)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Unusable("the responder gives no answer")
        single = _about(response, certificate, issuer)
        _check_signature(response, issuer, at=at)
    except ValueError as error:
        raise Unusable("the responder's answer cannot be read") from error
    if single.this_update_utc > at + SKEW:
        raise Unusable("the answer is of the future")
    until = single.next_update_utc or single.this_update_utc + WITHOUT_END
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise Unusable("the responder does not know the certificate")
    is_revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
    return Answer(is_revoked, until, single.revocation_time_utc if is_revoked else None)


def _about(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """The part of the answer that speaks of this certificate of this issuer."""
    for single in response.responses:
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
        if (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) == (
            asked.serial_number,
            asked.issuer_name_hash,
            asked.issuer_key_hash,
        ):
            return single
    raise Unusable("the answer is about another certificate")


def _check_signature(response: ocsp.OCSPResponse, issuer: x509.Certificate, *, at: datetime) -> None:
    signer = next((one for one in (issuer, *response.certificates) if _is_named(response, one)), None)
    if signer is None or not (signer == issuer or _is_delegate(signer, issuer, at=at)):
        raise Unusable("the answer is signed by somebody who may not")
    algorithm = response.signature_hash_algorithm
    if algorithm is not None and algorithm.name in WEAK:
        raise Unusable("the answer's signature is weak")
    if not _verifies(signer, response.signature, response.tbs_response_bytes, algorithm):
        raise Unusable("the answer's signature is wrong")


def _is_named(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    """Whether the answer names this certificate as its responder, by subject or by key."""
    if response.responder_name is not None:
        return response.responder_name == certificate.subject
    return response.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _is_delegate(signer: x509.Certificate, issuer: x509.Certificate, *, at: datetime) -> bool:
    """Whether the issuer itself certified this signer for answers, and the certificate counts now (RFC 6960, 4.2.2.2).

    Its own revocation is not asked (the usual `nocheck`): delegates are short-lived.
    """
    try:
        signer.verify_directly_issued_by(issuer)
        uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    is_current = signer.not_valid_before_utc <= at + SKEW and at <= signer.not_valid_after_utc
    return is_current and ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _verifies(
    signer: x509.Certificate, signature: bytes, content: bytes, algorithm: hashes.HashAlgorithm | None
) -> bool:
    return holds(signer.public_key(), signature, content, algorithm=algorithm)
