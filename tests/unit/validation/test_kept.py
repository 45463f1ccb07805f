"""A compiled profile is kept by what it was made from, and is the same when it is read again."""

from pathlib import Path

import pytest

from interpayer.validation.packages import Library, read_package
from interpayer.validation.profiles import Profiles
from tests.support.guide import a_package, a_profile

OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@pytest.fixture
def library(test_data: Path, tmp_path: Path) -> Library:
    core = read_package(next((test_data / "fhir-packages").glob("hl7.fhir.r4.core-*.tgz")))
    profile = a_profile("Observation", {"id": "Observation.subject", "min": 1})
    return Library([core, read_package(a_package(tmp_path, profile))])


def test_a_kept_profile_says_what_a_fresh_one_says(library: Library, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    asked = ["https://guide.example/StructureDefinition/observation"]
    verdicts = [Profiles(library, cache=folder).check(OBSERVATION, asked) for folder in (None, cache, cache)]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert [issue.path for issue in verdicts[0].issues] == ["Observation.subject"]
    assert [one.suffix for one in cache.iterdir()] == [".schema"]


def test_what_is_damaged_is_made_anew(library: Library, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = Profiles(library, cache=cache).check(OBSERVATION)
    for kept in cache.iterdir():
        kept.write_bytes(b"{")
    assert Profiles(library, cache=cache).check(OBSERVATION) == first


def test_another_package_beside_is_another_profile(library: Library, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    Profiles(library, cache=cache).check(OBSERVATION)
    more = read_package(a_package(tmp_path, a_profile("Patient"), name="more.guide"))
    Profiles(Library([*library.packages.values(), more]), cache=cache).check(OBSERVATION)
    assert len(list(cache.iterdir())) == 2


def test_a_folder_that_cannot_be_written_keeps_nothing(library: Library, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert Profiles(library, cache=blocked / "cache").check(OBSERVATION).is_valid
