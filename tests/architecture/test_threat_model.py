"""docs/explanation/threat-model.md: each scenario has a control, test, alert and owner, and all of them exist."""

import re

import pytest

from interpayer.model.event import EVENTS
from interpayer.operations.access import ROLES
from tests.architecture import commands
from tests.architecture.test_capabilities import exists
from tests.architecture.tree import DOCS, rows

ROWS = [
    row
    for row in rows((DOCS / "explanation" / "threat-model.md").read_text("utf-8"))
    if len(row) == 5 and row[0] not in ("scenario", "---")
]


def test_there_are_enough() -> None:
    assert len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_holds(row: list[str]) -> None:
    scenario, control, shown, alert, owner = row
    assert scenario and control
    proofs = re.findall(r"`([^`]+)`", shown)
    assert proofs and not [proof for proof in proofs if not exists(proof)]
    assert owner in {*ROLES, "maintainers"}
    named = re.findall(r"`([^`]+)`", alert)
    assert alert == "–" or named, "an alert is an event, a command, or none"
    for name in named:
        is_command = name.startswith("interpayer ") and commands.exists(name.split()[1:])
        assert name in EVENTS or name.startswith("make ") or is_command, name
