"""The mappings that are shipped: each compiles, says what it is for, has examples, and they hold."""

import pytest

from interpayer.normalization.mapping.fixtures import differences_of
from interpayer.normalization.mapping.library import Library
from interpayer.normalization.mapping.lineage import fields_of

LIBRARY = Library()
CASES = [(name, case) for name in LIBRARY.files for case in LIBRARY.fixtures(name)]


@pytest.mark.parametrize("name", LIBRARY.files)
def test_a_mapping_compiles_and_says_what_it_is_for(name: str) -> None:
    compiled = LIBRARY.compiled(name)
    assert compiled.mapping.about, "an analyst reads `about` first"
    assert fields_of(compiled.mapping)


@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda one: getattr(one, "name", one))
def test_an_example_holds(name: str, case: object) -> None:
    assert differences_of(LIBRARY.compiled(name), case) == []  # type: ignore[arg-type]
