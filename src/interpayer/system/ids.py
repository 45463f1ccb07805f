"""Identifiers: a letter that names the kind, then 128 random bits; never time-ordered, valid as FHIR ids."""

import base64
import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# Ten bits at a time: ids are made by the million, and the library's way takes three times as long.
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_PLACES = range(120, -1, -10)


def base32_text(value: bytes) -> str:
    """The bytes as lowercase base32 without padding; 16 bytes become 26 characters."""
    if len(value) == 16:
        number = int.from_bytes(value) << 2
        return "".join([_PAIRS[number >> place & 1023] for place in _PLACES])
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()


def new_id(letter: str) -> str:
    """A fresh id such as ``x-`` and 26 characters; nobody can guess it or tell when it was made."""
    return f"{letter}-{base32_text(secrets.token_bytes(16))}"
