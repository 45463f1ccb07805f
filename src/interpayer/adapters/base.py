"""What every adapter is: something that gives resources one by one, with the bytes as they came."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """One resource and where it stood. ``problem`` (a reason code) says why ``resource`` is None.

    Decimals inside ``resource`` are ``orjson.Fragment``: written again, they keep their digits (72.50 stays 72.50).
    """

    resource: dict[str, Any] | None
    raw: bytes
    file: str
    position: int
    problem: str | None = None


class Source(Protocol):
    """A place that holds data."""

    @property
    def name(self) -> str:
        """What the ledger and the answer call this source."""

    def fetch(self) -> Iterator[Found]:
        """Everything it has, streamed; a resource that cannot be read is given with its problem, never skipped."""
