"""The import contracts hold, and no module escapes them by being new."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import PACKAGE, ROOT, imported, modules, parsed

CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]

# Modules that decide: no database, no network, no engine, no framework. Add a deciding module here when it is born.
DECIDING = {
    "identity.comparison", "identity.disposition", "identity.standardize", "identity.rules", "identity.scoring",
    "consent.evaluate", "consent.reading", "routing.choose", "normalization", "terminology.translate",
    "validation.schema", "validation.fhirpath", "validation.check", "policy.decide", "audit.chain", "exchange.retry",
}  # fmt: skip
# Libraries that any room above the ground may use; every other one has its rooms in a contract.
OPEN = {"anyio", "cryptography", "httpx2", "httpcore2", "orjson", "pydantic", "yaml"}


def _contract(kind: str, key: str) -> set[str]:
    return {name for contract in CONTRACTS if contract["type"] == kind for name in contract.get(key, [])}


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


def test_every_module_that_decides_is_watched() -> None:
    watched = {name.removeprefix("interpayer.") for name in _contract("forbidden", "source_modules")}
    born = {name for name in DECIDING if name in modules()}
    assert born <= watched, f"add to the contract of deciding modules: {sorted(born - watched)}"


def test_every_library_has_its_rooms() -> None:
    """A contract for a library that nobody imports would be an error, so the lists are exactly what is imported."""
    used = {module.split(".")[0] for path in modules().values() for module in imported(path)}
    foreign = used - set(sys.stdlib_module_names) - {"interpayer"}
    assert foreign - OPEN == _contract("protected", "protected_modules")
    assert used >= OPEN, "take out of OPEN what is no longer used"


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in PACKAGE.rglob("__init__.py")}), ids=lambda p: p.name
)
def test_a_package_says_in_one_docstring_what_its_room_is_for(package: Path) -> None:
    body = parsed(package / "__init__.py").body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)
