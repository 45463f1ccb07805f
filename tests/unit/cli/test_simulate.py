"""Made-up plans from the command line."""

import json
from pathlib import Path

from typer.testing import CliRunner

from interpayer.cli import main, output


def run(*arguments: str):
    return CliRunner().invoke(main.built(arguments), list(arguments))


def test_a_plan_is_written_and_told_as_json(tmp_path: Path) -> None:
    done = run("simulate", str(tmp_path), "--plan", "payer-b", "--count", "5", "--records", "2", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["people"]) == (0, 5)
    assert (tmp_path / "enrollments.csv").is_file()
    assert (tmp_path / "fhir" / "Patient.ndjson").is_file()


def test_a_plan_outside_the_world_is_a_usage_error(tmp_path: Path) -> None:
    done = run("simulate", str(tmp_path), "--plan", "payer-c", "--payers", "2")
    assert done.exit_code == output.USAGE
    assert "payer-a, payer-b" in done.stderr
