"""Which public keys of a partner we keep: checked once, when they are registered, never taken from a token."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from interpayer.model.reason import Refusal

MAXIMUM_KEYS = 20
SMALLEST_RSA_BITS = 2048
LARGEST_RSA_BITS = 8192
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
KEPT = ("kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y")
# SMART Backend Services: RS384 and ES384. Other curves may stand in a JWKS; nothing of ours accepts them.
ALGORITHM = {("RSA", None): "RS384", ("EC", "P-384"): "ES384"}
ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
ROCA = {prime: frozenset(pow(65537, power, prime) for power in range(prime)) for prime in ROCA_PRIMES}


def check_jwks(jwks: object) -> dict[str, object]:
    """The public part of a JWKS that we can verify with; `Refusal` when any key must not be trusted.

    Refused: private or symmetric keys, use other than signing, RSA below 2048 bits, keys off their curve,
    missing or repeated key ids, and a set without one key for RS384 or ES384 (SMART Backend Services).
    """
    if not isinstance(jwks, Mapping) or not isinstance(jwks.get("keys"), list):
        raise Refusal("request.malformed", "jwks must hold a list of keys")
    keys: list[object] = jwks["keys"]
    if not 1 <= len(keys) <= MAXIMUM_KEYS:
        raise Refusal("request.malformed", f"jwks must hold 1 to {MAXIMUM_KEYS} keys")
    kept = [_check_key(key, place=number) for number, key in enumerate(keys)]
    names = [key["kid"] for key in kept]
    if len(set(names)) != len(names):
        raise Refusal("request.malformed", "two keys of the jwks have the same kid")
    if all(algorithm_of(key) is None for key in kept):
        raise Refusal("request.malformed", "no key of the jwks can be used with RS384 or ES384")
    return {"keys": kept}


def check_published(jwks: object) -> dict[str, object]:
    """The keys of a set behind an address that we can verify with; the same rules, applied to each key alone.

    A set that a partner publishes serves others too: keys for encryption or of kinds that we do not know are left out.
    A set that shows private parts, or one key id twice, is refused whole.
    """
    if not isinstance(jwks, Mapping) or not isinstance(jwks.get("keys"), list):
        raise Refusal("request.malformed", "jwks must hold a list of keys")
    usable = []
    for number, key in enumerate(jwks["keys"][: MAXIMUM_KEYS + 1]):
        if isinstance(key, Mapping) and PRIVATE & set(key):
            raise Refusal("request.malformed", f"key {number} of the jwks has private parts; send public keys only")
        with suppress(Refusal):
            usable.append(_check_key(key, place=number))
    return check_jwks({"keys": usable})


def algorithm_of(key: Mapping[str, Any]) -> str | None:
    """The signature algorithm that this key may be used with at our door; None when there is none."""
    natural = ALGORITHM.get((key["kty"], key.get("crv") if key["kty"] == "EC" else None))
    return natural if key.get("alg", natural) == natural else None


def _check_key(key: object, *, place: int) -> dict[str, Any]:
    where = f"key {place} of the jwks"
    if not isinstance(key, Mapping):
        raise Refusal("request.malformed", f"{where} is no JSON object")
    if PRIVATE & set(key):
        raise Refusal("request.malformed", f"{where} has private parts; send public keys only")
    kid = key.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= 200:
        raise Refusal("request.malformed", f"{where} has no kid")
    if key.get("use", "sig") != "sig" or key.get("key_ops", ["verify"]) != ["verify"]:
        raise Refusal("request.malformed", f"{where} is not for verifying signatures")
    kept = {name: key[name] for name in KEPT if name in key}
    try:
        _check_material(kept)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refusal("request.malformed", f"{where} cannot be used") from error
    return kept


def _check_material(key: dict[str, Any]) -> None:
    if key.get("kty") == "RSA":
        modulus, exponent = _number(key["n"]), _number(key["e"])
        fits = SMALLEST_RSA_BITS <= modulus.bit_length() <= LARGEST_RSA_BITS
        if not (fits and modulus % 2 == 1 and 65537 <= exponent < 2**33 and exponent % 2 == 1) or _is_roca(modulus):
            raise ValueError("weak key")
        RSAKey.import_key(key)
    elif key.get("kty") == "EC" and key.get("crv") in {"P-256", "P-384", "P-521"}:
        # Importing computes the point: one off the curve fails here.
        _ = ECKey.import_key(key).public_key.public_numbers()
    else:
        raise ValueError("unsupported kind of key")


def _is_roca(modulus: int) -> bool:
    """Whether the key looks as if made by the library of CVE-2017-15361, and so can be taken apart.

    Modulo each of these primes such a modulus is a power of 65537; another is so once in 240 million keys.
    """
    return all(modulus % prime in powers for prime, powers in ROCA.items())


def _number(text: str) -> int:
    """Base64urlUInt (RFC 7518, 2)."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
