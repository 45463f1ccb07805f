"""A compact JWS taken apart and verified without trusting it (RFC 7515); `Refusal` names what is wrong, never a value.

One reading for everything that comes signed: client assertions, software statements, metadata of partners.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from interpayer.model.reason import Refusal

_KIND: Mapping[str, Literal["RSA", "EC"]] = {"RS": "RSA", "ES": "EC"}
LONGEST_HEADER = 64 * 1024
SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


def segments(text: str) -> tuple[bytes, bytes, bytes]:
    """Header, payload and signature, decoded; exactly three parts in canonical base64url."""
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise _refused("the assertion is no compact JWS")
    header, payload, signature = (_decoded(part) for part in parts)
    return header, payload, signature


def strict_object(content: bytes, *, what: str) -> dict[str, Any]:
    """A JSON object in which no name stands twice: two readers could take different ones."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _refused(f"the {what} is no JSON object with names that stand once") from None
    if not isinstance(value, dict):
        raise _refused(f"the {what} is no JSON object")
    return value


def verify_compact(text: str, key: Mapping[str, Any], *, algorithm: str) -> bytes:
    """The payload of a compact JWS whose signature holds under this one key and algorithm, else `Refusal`."""
    segments(text)
    try:
        signed = jws.deserialize_compact(text, import_key(dict(key)), registry=_registry(algorithm))
    except (JoseError, ValueError, TypeError, KeyError):
        raise _refused("the signature does not hold") from None
    return signed.payload or b""


def verify_by(text: str, key: RSAPublicKey | EllipticCurvePublicKey, *, algorithm: str) -> bytes:
    """The same with the key of a certificate."""
    kind = RSAKey if isinstance(key, RSAPublicKey) else ECKey
    public = kind.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return verify_compact(text, public.as_dict(private=False), algorithm=algorithm)


def sign_compact(header: Mapping[str, Any], claims: Mapping[str, Any], *, key_pem: bytes) -> str:
    """A JWT signed with the private key of this PEM under the header's `alg`."""
    registry = jws.JWSRegistry(algorithms=[str(header["alg"])], strict_check_header=False)
    payload = json.dumps(dict(claims)).encode()
    return jws.serialize_compact(
        dict(header), payload, import_key(key_pem, _KIND[str(header["alg"])[:2]]), registry=registry
    )


def _registry(algorithm: str) -> jws.JWSRegistry:
    """One algorithm; a header may hold a certificate chain, whose size whoever reads the text has bounded already."""
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = LONGEST_HEADER
    return registry


def time_of(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate; absent is None, anything that is no finite number is refused."""
    value = claims.get(name)
    if name not in claims:
        return None
    # Written so that NaN, infinity and integers beyond any float fail it.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
        raise _refused(f"{name} is no time")
    return float(value)


def _decoded(segment: str) -> bytes:
    """Base64url as RFC 7515 writes it: no padding, no other alphabet, no stray bits at the end."""
    if segment and not SEGMENT.fullmatch(segment):
        raise _refused("a part of the assertion is not base64url")
    try:
        plain = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise _refused("a part of the assertion is not base64url") from None
    if base64.urlsafe_b64encode(plain).rstrip(b"=").decode() != segment:
        raise _refused("a part of the assertion is not base64url")
    return plain


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name stands twice")
    return named


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _refused(detail: str) -> Refusal:
    return Refusal("caller.unknown", detail)
