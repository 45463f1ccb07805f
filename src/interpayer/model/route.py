"""Where a request goes and why: the chosen route and the ones not taken."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How a member's history is asked for (exchange.md, section 3)."""

    BULK_2_2 = "bulk_2.2"
    BULK_2_1 = "bulk_2.1"
    SINGLE_EVERYTHING = "single_everything"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A route not taken, and why."""

    endpoint_id: str
    mode: str
    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: `endpoint_id` and `mode` are None when every route was rejected; `wait` says that it may pass."""

    endpoint_id: str | None
    partner_id: str | None
    mode: Mode | None
    why: str
    rejected: tuple[Rejected, ...]
    registry_version: str
    reason: str | None = None
    wait: bool = False
