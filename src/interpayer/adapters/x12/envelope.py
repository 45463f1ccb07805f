"""The envelopes around transaction sets: ISA/IEA, GS/GE, ST/SE, their control numbers and counts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

INTERCHANGE, GROUP, TRANSACTION = "interchange", "functional group", "transaction set"
INSIDE = {INTERCHANGE: GROUP, GROUP: TRANSACTION}
TRAILERS = {"IEA": INTERCHANGE, "GE": GROUP, "SE": TRANSACTION}
_CLOCK = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]")
# Where the header has its control number.
CONTROL = {INTERCHANGE: 13, GROUP: 6, TRANSACTION: 2}


@dataclass(slots=True)
class Level:
    """One open envelope: its opening segment, where that stood, and how many of the next smaller ones came."""

    opening: Sequence[str]
    text: str
    began_at: int
    count: int = 0


@dataclass(slots=True)
class Envelope:
    """The envelopes open at one place of a file, outermost first."""

    levels: dict[str, Level] = field(default_factory=dict)

    def opening(self, kind: str) -> Sequence[str]:
        """The elements an open envelope began with; none when it is not open."""
        level = self.levels.get(kind)
        return level.opening if level else ()

    def content(self) -> dict[str, Any]:
        """What a mapping may want to know of them."""
        isa, gs, st = self.opening(INTERCHANGE), self.opening(GROUP), self.opening(TRANSACTION)
        created_on = read_day(at(gs, 4)) or read_day(f"20{at(isa, 9)}")
        clock = at(gs, 5) or at(isa, 10)
        named = {
            "sender": at(isa, 6).strip(),
            "receiver": at(isa, 8).strip(),
            "application_sender": at(gs, 2).strip(),
            "application_receiver": at(gs, 3).strip(),
            "created_on": created_on,
            "created_at": f"{created_on}T{clock[:2]}:{clock[2:4]}" if created_on and _CLOCK.match(clock) else "",
            "interchange": at(isa, 13),
            "group": at(gs, 6),
            "transaction": at(st, 2),
            "guide": self.guide(),
            "usage": at(isa, 15),
        }
        return {name: value for name, value in named.items() if value}

    def guide(self) -> str:
        """The guide a transaction set follows: ST03, or GS08 where it has no ST03 (835)."""
        return (at(self.opening(TRANSACTION), 3) or at(self.opening(GROUP), 8)).strip()

    def text(self) -> str:
        """The opening segments as they came."""
        return "".join(level.text for level in self.levels.values())


def at(elements: Sequence[str], number: int) -> str:
    """One element; "" when the segment is shorter."""
    return elements[number] if len(elements) > number else ""


def disagreement(kind: str, level: Level, trailer: Sequence[str]) -> str:
    """How a trailer contradicts what came; "" when it agrees. Count in element 01, control number in element 02."""
    count = at(trailer, 1)
    if not (count.isascii() and count.isdecimal()) or int(count[:12]) != level.count:
        return f"does not count the {level.count} that came: some may be missing"
    if at(trailer, 2) != at(level.opening, CONTROL[kind]):
        return f"has not the control number of the {level.opening[0]} at segment {level.began_at}"
    return ""


def read_day(text: str) -> str:
    """CCYYMMDD as CCYY-MM-DD; "" when there is no such day."""
    if len(text) != len("20061003") or not (text.isascii() and text.isdigit()):
        return ""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return ""
