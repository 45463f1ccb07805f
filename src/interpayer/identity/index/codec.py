"""The comparable form of a member as bytes: small, quick to read, and the same on every machine."""

import hashlib
from collections.abc import Sequence
from datetime import date

import msgspec

from interpayer.identity.standardize import Standard
from interpayer.model.member import Coverage

# Raise it when standardize, blocking or this file give another result for the same member: the index is made anew.
FORM_NUMBER = 2


class Indexed(msgspec.Struct, frozen=True, array_like=True):
    """What the index knows of a member: the comparable form, the plan's own key and the periods of the coverages."""

    standard: Standard
    own_key: str | None
    periods: tuple[tuple[date | None, date | None], ...]


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Indexed)


def encode(standard: Standard, own_key: str | None, coverages: Sequence[Coverage]) -> bytes:
    """The form as bytes; `decode` gives it back."""
    return _ENCODER.encode(Indexed(standard, own_key, tuple((c.starts_on, c.ends_on) for c in coverages)))


def decode(content: bytes) -> Indexed:
    """The form behind `encode`."""
    return _DECODER.decode(content)


def coverages(indexed: Indexed, payer: str) -> tuple[Coverage, ...]:
    """The coverages with what the decision looks at: the payer and the period."""
    return tuple(Coverage(payer, None, starts_on=starts_on, ends_on=ends_on) for starts_on, ends_on in indexed.periods)


# A change of the fields is another form too.
_SHAPE = ",".join(f"{field.name}={field.type}" for field in msgspec.structs.fields(Standard))
FORM = hashlib.sha256(f"{FORM_NUMBER}:{_SHAPE}".encode()).hexdigest()[:16]
