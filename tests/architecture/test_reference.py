"""The generated reference pages say what the code says; `make docs` rebuilds them."""

import importlib.util
from types import ModuleType

import pytest

from tests.architecture.tree import DOCS


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[str, str] = _builder().render()


# Pages that nobody can make from the code.
WRITTEN = {"README.md", "mapping-language.md", "smart-conformance.md", "terminology.md", "udap-conformance.md"}


def test_the_reference_is_not_empty() -> None:
    assert {"reasons.md", "events.md", "states.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_up_to_date(name: str) -> None:
    path = DOCS / "reference" / name
    assert path.is_file(), "run `make docs`"
    assert path.read_text("utf-8") == PAGES[name], f"docs/reference/{name} is stale: run `make docs`"


def test_no_reference_page_is_left_behind() -> None:
    assert {path.name for path in (DOCS / "reference").glob("*.md")} == set(PAGES) | WRITTEN
