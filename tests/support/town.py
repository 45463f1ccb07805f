"""Whole payers for the story tests: own processes, databases, keys and ports; opened once, used by many tests."""

import csv
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from interpayer.app.build import Application, build
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.model.exchange import FINAL
from interpayer.model.member import Identifier, IdKind
from interpayer.operations.feed import COLUMNS
from interpayer.records.store import records_of
from interpayer.simulation.installation import CAPABILITIES, Installation, authority_of, free_ports, introduce
from interpayer.simulation.stage import open_payer
from interpayer.system.clock import now
from interpayer.system.settings import read_settings

SETTLED = {state.value for state in FINAL} | {"unresolved", "blocked", "incomplete", "in_review", "escalated"}
Event = dict[str, Any]


class Town:
    """Payers on this machine that trust one authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.chmod(0o755)
        self.authority = authority_of(folder / "authority")
        self.payers: dict[str, Installation] = {}
        self._applications: dict[str, Application] = {}

    def open(self, name: str, *, also_known_as: Sequence[str] = (), **extra: str) -> Installation:
        """A payer with all its processes running; `extra` are further settings."""
        one = self._place(name, also_known_as=also_known_as, extra=extra)
        open_payer(one, self.authority)
        return one

    def open_all(self, *names: str, known: Sequence[Sequence[str]] | None = None) -> list[Installation]:
        """Several payers at once, each registered at each other, or those in each of these groups."""
        payers = [self._place(name) for name in names]
        with ThreadPoolExecutor(len(payers)) as pool:
            list(pool.map(lambda one: open_payer(one, self.authority), payers))
        for group in [names] if known is None else known:
            self.acquaint(*group)
        return payers

    def acquaint(self, *names: str, capabilities: Sequence[str] = CAPABILITIES) -> None:
        """Register each of these payers at each other."""
        pairs = [(self.payers[one], self.payers[other]) for one, other in itertools.permutations(names, 2)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda pair: introduce(*pair, capabilities=capabilities), pairs))

    def tools(self, one: Installation) -> Tools:
        """The tools of its operator, to look at what its database holds."""
        if one.name not in self._applications:
            self._applications[one.name] = build(read_settings(one.environ))
        return self._applications[one.name].tools("operator")

    def forget(self, one: Installation) -> None:
        """Drop the tools of an installation whose database is made anew: its passwords are others then."""
        if one.name in self._applications:
            self._applications.pop(one.name).close()

    def shut(self, *names: str) -> None:
        """End these payers' processes."""
        for name in names:
            if name in self._applications:
                self._applications.pop(name).close()
        with ThreadPoolExecutor(len(names) or 1) as pool:
            list(pool.map(Installation.stop, [self.payers.pop(name) for name in names if name in self.payers]))

    def close(self) -> None:
        """End all processes."""
        self.shut(*self.payers)

    def _place(
        self, name: str, *, also_known_as: Sequence[str] = (), extra: Mapping[str, str] | None = None
    ) -> Installation:
        # one town for many modules: a name that was taken, even by a payer that was shut, has a home with its past
        assert not (self.folder / name).exists(), f"another story has a payer named {name}"
        ports = free_ports(3)
        one = Installation(
            name,
            f"Plan {name}",
            self.folder / name,
            (ports[0], ports[1], ports[2]),
            also_known_as=tuple(also_known_as),
            extra=dict(extra or {}),
        )
        self.payers[name] = one
        return one


def wait_for(check: Callable[[], Any], *, within_s: float = 60) -> Any:
    """What `check` gives as soon as it gives something; AssertionError when that takes too long."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.1)
    raise AssertionError("what was waited for did not come")


def settled(
    one: Installation, exchange_id: str, *, within_s: float = 60, states: Iterable[str] = SETTLED
) -> dict[str, Any]:
    """The exchange once nothing more happens to it by itself, or once it is in one of these states."""
    wanted = set(states)
    last: dict[str, Any] = {}

    def check() -> dict[str, Any] | None:
        status, found = one.api("GET", f"/exchanges/{exchange_id}")
        assert status == 200, found
        last.update(found)
        return found if found["state"] in wanted else None

    with suppress(AssertionError):
        return dict(wait_for(check, within_s=within_s))
    raise AssertionError(f"{exchange_id} stays {last.get('state')} ({last.get('reason')})")


def events(one: Installation, exchange_id: str) -> list[Event]:
    """What its ledger tells of an exchange, oldest first."""
    status, found = one.api("GET", f"/exchanges/{exchange_id}/events")
    assert status == 200, found
    return list(found["events"])


def ledger(town: Town, one: Installation, name: str) -> list[Event]:
    """Every event of this name on its ledger, oldest first."""
    tools = town.tools(one)
    with tools.database.transaction() as conn:
        return [event for event in search(conn, limit=100_000) if event["name"] == name]


def counterpart(other: Installation, exchange: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The exchanges at the other payer that carry the same correlation id, newest first."""
    return [e for e in other.exchanges() if e["correlation_id"] == exchange["correlation_id"]]


def allow(one: Installation, member_id: str, source: str, *, scope: str = "sensitive") -> str:
    """Record that a member lets this plan have what another payer holds; the consent's id."""
    at = now()
    given = {
        "member": member_id,
        "scope": scope,
        "sources": [source],
        "recipients": [one.name],
        "starts_at": (at - timedelta(days=30)).isoformat(),
        "ends_at": (at + timedelta(days=300)).isoformat(),
        "proof": "form 12",
    }
    status, kept = one.api("POST", "/consents", given)
    assert status == 201, kept
    return str(kept["consent"]["id"])


def ask(one: Installation, partner: str, member: Mapping[str, Any], *, key: str | None = None, **more: Any) -> str:
    """Ask another payer for a member's history, at once and with all that is needed; the exchange id."""
    body = {
        "partner": partner,
        "member": dict(member),
        "basis": "opt_in",
        "attestation": {"by": "enrollment desk", "enrolled": True, "opted_in": True},
        "priority": "urgent",
        **more,
    }
    status, kept = one.api("POST", "/exchanges", body, key=key or f"key-{time.monotonic_ns()}")
    assert status in (200, 202), kept
    return str(kept["exchange"])


def enroll(one: Installation, folder: Path, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Load these people as the plan's enrollment feed; the report."""
    path = folder / f"{one.name}-{time.monotonic_ns()}.csv"
    today = now().date().isoformat()
    usual = {"coverage_start": "2020-01-01", "status": "active", "as_of": today}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows({**usual, **row} for row in rows)
    report = dict(one.command("load", "enrollments", str(path), allowed=(0, 3)))
    assert report["faults"] == []
    return report


def opted_in(payer: str, *, member_id: str, relation: str = "previous") -> dict[str, str]:
    """The columns of a member who was with another payer before and lets us ask it for everything."""
    return {
        "opt_in": "yes",
        "opt_in_on": "2026-01-02",
        "opt_in_scope": "sensitive",
        "opt_in_proof": "form 12",
        "prior_payer": payer,
        "prior_member_id": member_id,
        "prior_relation": relation,
    }


def member_id_of(town: Town, one: Installation, number: str) -> str:
    """Our own id of the member with this member number."""
    tools = town.tools(one)
    with tools.database.transaction() as conn:
        (found,) = identity_store.find_member(conn, tools.vault, Identifier(IdKind.MEMBER, number, one.name))
    return found


def inbox(one: Installation) -> list[Path]:
    """What lies in its inbox: fetched from partners, and not yet taken in."""
    return [path for path in (one.home / "objects" / "inbox").rglob("*") if path.is_file()]


def holdings(town: Town, one: Installation, member_id: str) -> list[dict[str, Any]]:
    """Everything that it holds of a member, with the bodies as they came and as they would leave."""
    tools = town.tools(one)
    with tools.database.transaction() as conn:
        return list(records_of(conn, tools.codec, member_id))
