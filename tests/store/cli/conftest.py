"""The command line over a scratch database, acting as a named person."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from interpayer.cli import main, output
from tests.support.databases import ScratchDatabase

ORGANIZATIONS = "legal_entities:\n  - {id: payer-b, name: Birchline Health, identifiers: [payer-b]}\n"
Run = Callable[..., Result]


@pytest.fixture
def run(database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `interpayer ARGUMENTS`; nobody is logged in yet."""
    organizations = tmp_path / "organizations.yaml"
    organizations.write_text(ORGANIZATIONS)
    settings = {
        "HOME": str(tmp_path / "home"),
        "DATABASE_URL": database.url_pattern,
        "ENVIRONMENT": "test",
        "ORGANIZATIONS": str(organizations),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"INTERPAYER_{name}", value)
    monkeypatch.setattr(output.MANNERS, "quiet", False)
    monkeypatch.setattr(output.MANNERS, "color", True)

    def run(*arguments: str, standard_input: str | None = None) -> Result:
        return CliRunner().invoke(main.built(arguments), list(arguments), input=standard_input)

    return run


@pytest.fixture
def admin(run: Run) -> Run:
    """The same, with a person of every role logged in."""
    roles = [word for role in ("admin", "operator", "steward", "analyst") for word in ("--role", role)]
    done = run("access", "add", "Ana Ruiz", *roles, "--login")
    assert done.exit_code == 0, done.stderr
    return run


def told(done: Result) -> Any:
    """What a command with --json printed."""
    assert done.stdout.strip(), done.stderr
    return json.loads(done.stdout)
