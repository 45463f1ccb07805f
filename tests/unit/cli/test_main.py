"""The frame of the command line: every noun is there, only the one asked for is loaded, help teaches."""

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from interpayer.cli import main, output


@pytest.fixture(autouse=True)
def manners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.MANNERS, "quiet", False)
    monkeypatch.setattr(output.MANNERS, "color", True)


def run(*arguments: str):
    return CliRunner().invoke(main.built(arguments), list(arguments), prog_name="interpayer")


def test_help_names_every_noun_and_the_exit_codes() -> None:
    told = run("--help").stdout
    assert all(noun in told for noun in main.NOUNS)
    assert "75 try again" in told


@pytest.mark.parametrize("noun", sorted(set(main.NOUNS) - {"demo"}))
def test_every_noun_has_its_file_and_its_help(noun: str) -> None:
    shown = run(noun, "--help")
    assert shown.exit_code == 0
    assert "Usage" in shown.stdout


@pytest.mark.parametrize("noun", ["exchange", "case", "standing", "consent", "partner", "recall", "load", "access"])
def test_the_help_of_a_noun_teaches_by_example(noun: str) -> None:
    app = import_module(f"interpayer.cli.{noun}").app
    assert f"interpayer {noun} " in app.info.help


def test_the_version_is_told_without_a_command() -> None:
    told = run("--version")
    assert (told.exit_code, told.stdout.strip()) == (0, version("interpayer"))


def test_an_unknown_noun_is_a_usage_error() -> None:
    assert run("exchnage", "list").exit_code == output.USAGE


def test_a_light_command_does_not_load_the_engine_or_the_doors() -> None:
    code = (
        "import sys; from interpayer.cli import main; main.built(['exchange', 'list']);"
        "sys.exit(any(name in sys.modules for name in ('dbos', 'fastapi', 'uvicorn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_fault_of_ours_says_where_and_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("Ines Quarrel")
    except KeyError as error:
        main._tell_bug(error)
    said = capsys.readouterr().err
    assert "KeyError at test_main.py" in said
    assert "Quarrel" not in said


def test_completion_loads_the_noun_that_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_INTERPAYER_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "interpayer exchange wa")
    groups = [group.name for group in main.built([]).registered_groups]
    assert groups == ["exchange"]
