"""The page "add a source in an hour", tried as a new user would: its files are written, its commands are run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-source.md"
FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```", re.M | re.S)
COMMANDS = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
TOLD = re.compile(r"^```text\n(.*?)^```", re.M | re.S)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    for name, content in FILE.findall(PAGE.read_text("utf-8")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def run(command: str, desk: Path) -> str:
    assert command.startswith("interpayer ")
    environ = {"INTERPAYER_HOME": str(desk / "home"), "PATH": os.environ["PATH"], "PYTHONPATH": "src"}
    call = [sys.executable, "-m", "interpayer", *command.split()[1:]]
    done = subprocess.run(
        call, cwd=desk, env=environ | {"PYTHONPATH": str(PAGE.parents[2] / "src")}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_page_does_what_it_says(desk: Path) -> None:
    commands = [line for block in COMMANDS.findall(PAGE.read_text("utf-8")) for line in block.splitlines()]
    needs_database = ("source load", "source list", "source add")
    said = {command: run(command, desk) for command in commands if not command.startswith(needs_database, 11)}
    assert len(said) >= 5
    (told,) = TOLD.findall(PAGE.read_text("utf-8"))
    checked = said["interpayer source check SOURCE.yaml"].splitlines()
    assert all(line in checked for line in told.splitlines())
    account = json.loads((desk / "out" / "account.json").read_text())
    assert (account["read"], account["mapped"], account["resources"]) == (4, 4, {"Observation": 4})
    first = (desk / "out" / "Observation.ndjson").read_text().splitlines()[0]
    assert '"value":7.20' in first  # the digits as they were written
    explained = next(text for command, text in said.items() if "explain" in command)
    assert "results-2026-11-20.csv" in explained
    assert "VALUE" in explained


def test_a_code_that_is_added_is_known(desk: Path) -> None:
    mapping = desk / "maps" / "lab" / "result.yaml"
    mapping.write_text(
        mapping.read_text().replace("{H: H,", "{HH: HH, H: H,").replace("{F: final,", "{X: cancelled, F: final,")
    )
    assert "unknown codes" not in run("interpayer source check SOURCE.yaml", desk)
