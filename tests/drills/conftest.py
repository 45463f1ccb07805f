"""Two payers with a line between them that can be made bad; opened once for all drills that leave them whole."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interpayer.simulation.faults import FaultyLine, faulty_line
from interpayer.simulation.installation import HOST, Installation, free_ports
from interpayer.simulation.stage import open_payer
from tests.support.town import Town, enroll, member_id_of, opted_in, wait_for

OLD, NEW = "drill-old", "drill-new"
TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"


@dataclass
class Pair:
    """The old plan answers behind the line, the new plan asks through it."""

    town: Town
    old: Installation
    new: Installation
    line: FaultyLine

    def member(self, name: str, *, records: int = 3, noise: int = 0) -> str:
        """Somebody with records at the old plan, not yet enrolled at the new one; `noise` makes records large."""
        enroll(self.old, self.town.folder, [self.row(name, "old")])
        lines = [_patient(name), *(_condition(name, n, noise) for n in range(records))]
        path = self.town.folder / f"{name}.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        self.old.command("load", "fhir", str(path))
        return name

    def ask(self, *names: str) -> list[str]:
        """Enroll them at the new plan, opted in: the exchanges that follow."""
        before = {e["exchange"] for e in self.new.exchanges()}
        enroll(self.new, self.town.folder, [self.row(n, "new") | opted_in(OLD, member_id=f"{n}-old") for n in names])

        def made() -> list[str] | None:
            found = [e["exchange"] for e in self.new.exchanges() if e["exchange"] not in before]
            return found if len(found) == len(names) else None

        return list(wait_for(made))

    @staticmethod
    def row(name: str, plan: str) -> dict[str, str]:
        """The member's row in the enrollment feed of the old or the new plan."""
        return {
            "member_id": f"{name}-{plan}",
            "family": name.title(),
            "given": "Robin",
            "birth_date": "1979-04-11",
            "sex": "male",
            "address_line": f"1 {name.title()} Lane",
            "address_postal_code": "53703",
        }

    def releases(self, name: str) -> int:
        """How many releases of this member the old plan counts as fetched."""
        tools = self.town.tools(self.old)
        member_id = member_id_of(self.town, self.old, f"{name}-old")
        with tools.database.transaction() as conn:
            row = conn.execute(
                "select count(*) as n from exchange.exchange where member_id = %s and state = 'completed'", (member_id,)
            ).fetchone()
        assert row is not None
        return int(row["n"])

    def conditions(self, name: str) -> int:
        """How many of the member's conditions have arrived at the new plan."""
        tools = self.town.tools(self.new)
        member_id = member_id_of(self.town, self.new, f"{name}-new")
        with tools.database.transaction() as conn:
            row = conn.execute(
                "select count(*) as n from records.record where member_id = %s and type = 'Condition'", (member_id,)
            ).fetchone()
        assert row is not None
        return int(row["n"])

    def quicken(self) -> None:
        """Give the new plan a worker whose breaker rests for seconds (what the policy's numbers decide)."""
        before = self.new.running.pop("worker-1")
        before.terminate()
        before.wait(20)
        with self.new.log("worker-1").open("ab") as log:
            self.new.running["worker-1"] = subprocess.Popen(
                [sys.executable, "-m", "tests.support.quick_worker", f"{NEW}-1"],
                env={**self.new.environ, "PYTHONPATH": "src:."},
                cwd=Path(__file__).parent.parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The two payers, ready."""
    folder = tmp_path_factory.mktemp("pair")
    for parent in folder.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    town, ports = Town(folder), free_ports(6)
    with faulty_line(HOST, ports[0], seed=5) as line:
        old = Installation(OLD, "Old Plan", folder / OLD, (ports[0], ports[1], ports[2]), front=line.port)
        new = Installation(NEW, "New Plan", folder / NEW, (ports[3], ports[4], ports[5]))
        town.payers |= {OLD: old, NEW: new}
        try:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda one: open_payer(one, town.authority), (old, new)))
            town.acquaint(OLD, NEW)
            yield Pair(town, old, new, line)
        finally:
            town.close()


def _patient(name: str) -> dict[str, Any]:
    identifier = {"type": {"coding": [{"system": TYPE_SYSTEM, "code": "MB"}]}, "value": f"{name}-old"}
    return {
        "resourceType": "Patient",
        "id": f"pat-{name}",
        "identifier": [identifier],
        "name": [{"family": name.title(), "given": ["Robin"]}],
        "birthDate": "1979-04-11",
        "gender": "male",
    }


def _condition(name: str, number: int, noise: int) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"{name}-{number}",
        "subject": {"reference": f"Patient/pat-{name}"},
        "code": {"text": f"condition {number}"},
        "note": [{"text": secrets.token_urlsafe(noise)}] if noise else [],
        "recordedDate": "2026-02-01",
    }
