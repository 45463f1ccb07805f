"""Whole payers for the story tests: own processes, databases, keys and ports; opened once, used by many tests."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interpayer.model.exchange import FINAL
from interpayer.simulation.installation import Installation, authority_of, free_ports, introduce
from interpayer.simulation.stage import open_payer

SETTLED = {state.value for state in FINAL} | {"unresolved", "blocked", "incomplete", "in_review", "escalated"}


class Town:
    """Payers on this machine that trust one authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.chmod(0o755)
        self.authority = authority_of(folder / "authority")
        self.payers: dict[str, Installation] = {}

    def open(self, name: str, **extra: str) -> Installation:
        """A payer with all its processes running; `extra` are further settings."""
        ports = free_ports(3)
        one = Installation(name, f"Plan {name}", self.folder / name, (ports[0], ports[1], ports[2]), extra=extra)
        self.payers[name] = one
        open_payer(one, self.authority)
        return one

    def acquaint(self, *names: str) -> None:
        """Register each of these payers at each other."""
        for one, other in itertools.permutations(names, 2):
            introduce(self.payers[one], self.payers[other])

    def close(self) -> None:
        """End all processes."""
        for one in self.payers.values():
            one.stop()


def wait_for(check: Callable[[], Any], *, within_s: float = 60) -> Any:
    """What `check` gives as soon as it gives something; AssertionError when that takes too long."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.1)
    raise AssertionError("what was waited for did not come")


def settled(one: Installation, exchange_id: str, *, within_s: float = 60) -> dict[str, Any]:
    """The exchange once nothing more happens to it by itself."""

    def check() -> dict[str, Any] | None:
        status, found = one.api("GET", f"/exchanges/{exchange_id}")
        assert status == 200, found
        return found if found["state"] in SETTLED else None

    return dict(wait_for(check, within_s=within_s))
