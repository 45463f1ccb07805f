"""Identifiers: a letter that names the kind, then 128 random bits; never time-ordered, valid as FHIR ids."""

import base64
import secrets


def base32_text(value: bytes) -> str:
    """The bytes as lowercase base32 without padding; 16 bytes become 26 characters."""
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()


def new_id(letter: str) -> str:
    """A fresh id such as ``x-`` and 26 characters; nobody can guess it or tell when it was made."""
    return f"{letter}-{base32_text(secrets.token_bytes(16))}"
