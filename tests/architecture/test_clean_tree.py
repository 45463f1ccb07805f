"""The tree runs anywhere: no path of one machine, no host of a package registry, no file without its number."""

import re
from pathlib import Path

from tests.architecture.tree import PACKAGE, ROOT, tracked

# Spelled in pieces, so that this file does not hold what it looks for.
ROOTS = ["wo" + "rk", "ro" + "ot", "Us" + "ers", "ho" + r"me/\w+", "tm" + "p"]
HOSTS = ["py" + r"pi\.org", "python" + "hosted", "registry" + r"\.npmjs", "repo1?" + r"\.maven", "deb" + r"\.debian"]
MACHINE = re.compile(r"(?<![\w.~*}\])])/(" + "|".join(ROOTS) + ")/")
REGISTRIES = re.compile("|".join(HOSTS))


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        for pattern in (MACHINE, REGISTRIES)
        for match in pattern.finditer(_read(path))
    }
    assert not found


def test_the_patterns_can_find_something() -> None:
    assert MACHINE.search("open(/" + "tmp/x)")
    assert REGISTRIES.search("https://py" + "pi.org/simple")
    assert not MACHINE.search("src/interpayer/system and /var/lib/interpayer")


def test_every_migration_has_a_number_of_its_own_and_a_name() -> None:
    names = sorted(path.name for path in PACKAGE.rglob("*.sql"))
    odd = [name for name in names if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name)]
    numbers = [name[:4] for name in names]
    assert not odd
    assert len(numbers) == len(set(numbers)), f"a number stands twice: {names}"


def test_a_todo_carries_an_issue() -> None:
    marker = re.compile("TO" + r"DO(?! ?\(#\d+\))|FIX" + "ME")
    found = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".py" and marker.search(_read(path))]
    assert not found
