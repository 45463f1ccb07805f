"""Whether a raw signature holds: one place for all keys that certificates, revocation and notes are signed with."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import HashAlgorithm


def holds(key: object, signature: bytes, content: bytes, *, algorithm: HashAlgorithm | None = None) -> bool:
    """True when this public key signed this content: RSA (PKCS #1 v1.5) or ECDSA (DER) over the hash, or EdDSA.

    Any other key, or RSA and ECDSA without a hash, signs nothing that we believe.
    """
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, content, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, content, ec.ECDSA(algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, content)
        else:
            return False
    except InvalidSignature:
        return False
    return True
