"""Every shipped mapping writes only what its types and profiles know and allow, and all that they require."""

from pathlib import Path

import pytest

from interpayer.normalization.mapping.checking import ElementTable, Tables, check_targets
from interpayer.normalization.mapping.library import Library
from interpayer.normalization.mapping.reading import read_mapping
from interpayer.validation.packages import read_library
from interpayer.validation.profiles import Profiles

LIBRARY = Library()


@pytest.fixture(scope="module")
def tables(test_data: Path) -> Tables:
    if not list((test_data / "fhir-packages").glob("*.tgz")):
        pytest.skip("no FHIR packages in the test data")
    profiles = Profiles(read_library(test_data / "fhir-packages"))

    def table(name: str) -> ElementTable | None:
        try:
            return profiles.element_table(name)
        except LookupError:
            return None

    return table


@pytest.mark.parametrize("name", LIBRARY.files)
def test_a_mapping_fits_and_nothing_was_passed_over(name: str, tables: Tables) -> None:
    checked = check_targets(LIBRARY.mapping(name), tables)
    assert [str(problem) for problem in checked.problems] == []
    assert checked.not_checked == ()


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ("    use: claim\n", "", "ExplanationOfBenefit.use: is required"),
        ("    use: claim\n", "    use: [claim]\n", "ExplanationOfBenefit.use: is one value"),
        ("    use: claim\n", "    use: claim\n    usage: claim\n", "ExplanationOfBenefit.usage: is no element"),
    ],
)
def test_a_mapping_that_does_not_fit_is_found(line: str, instead: str, words: str, tables: Tables) -> None:
    text = LIBRARY.files["rif/carrier"].read_text("utf-8")
    assert line in text
    broken = read_mapping(text.replace(line, instead), name="rif/carrier", tables=LIBRARY.tables)
    assert any(words in str(problem) for problem in check_targets(broken, tables).problems)
