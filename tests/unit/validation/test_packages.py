"""A canonical means what the set of its package says; versions never mix; a damaged package is named."""

import tarfile
from pathlib import Path

import pytest

from interpayer.validation.packages import Library, PackageUnusable, read_library, read_package, version_key
from tests.support.guide import BASE, a_package, a_profile, add_file


def _library(folder: Path) -> Library:
    patient = a_profile("Patient")
    a_package(folder, patient, name="hl7.fhir.us.core", version="3.1.1")
    a_package(folder, patient, name="hl7.fhir.us.core", version="6.1.0")
    a_package(folder, patient, name="hl7.fhir.us.core", version="7.0.0")
    a_package(folder, a_profile("Claim"), name="old.guide", version="1.0.0", needs={"hl7.fhir.us.core": "3.1.1"})
    a_package(folder, a_profile("Coverage"), name="new.guide", version="2.0.0", needs={"hl7.fhir.us.core": "7.0.0"})
    a_package(
        folder, a_profile("Group"), name="lost.guide", version="1.0.0", needs={"hl7.fhir.us.core": "5.0.1", "x": "1"}
    )
    return read_library(folder)


@pytest.mark.parametrize(
    ("canonical", "inside", "version"),
    [
        (BASE + "patient", "old.guide#1.0.0", "3.1.1"),
        (BASE + "patient", "new.guide#2.0.0", "7.0.0"),
        (BASE + "patient|6.1.0", "old.guide#1.0.0", "6.1.0"),
        (BASE + "patient|6.1", "old.guide#1.0.0", "6.1.0"),
        (BASE + "patient|9.9.9", "new.guide#2.0.0", "7.0.0"),
        # Without a set: the version that US rules name, not the newest.
        (BASE + "patient", None, "6.1.0"),
        # The nearest newer version stands in for one that is missing.
        (BASE + "patient", "lost.guide#1.0.0", "6.1.0"),
    ],
)
def test_a_canonical_means_what_its_set_says(tmp_path: Path, canonical: str, inside: str | None, version: str) -> None:
    library = _library(tmp_path)
    found = library.find(canonical, None if inside is None else library.packages[inside])
    assert found is not None
    assert found.package.id == f"hl7.fhir.us.core#{version}"
    assert found.entry.version == version


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    library = _library(tmp_path)
    assert library.missing(library.packages["old.guide#1.0.0"]) == ()
    assert library.missing(library.packages["lost.guide#1.0.0"]) == (
        "hl7.fhir.us.core#5.0.1 is missing; 6.1.0 stands in",
        "x#1 is missing",
    )
    assert library.find("https://nobody.example/profile") is None


def test_versions_are_ordered_by_their_numbers() -> None:
    versions = ["10.0.0", "2.0.0-ballot", "2.0.0", "2.1.0", "1.9.12", "1.9.2"]
    assert sorted(versions, key=version_key) == ["1.9.2", "1.9.12", "2.0.0-ballot", "2.0.0", "2.1.0", "10.0.0"]


def test_what_was_unpacked_once_is_the_same_from_the_cache(tmp_path: Path) -> None:
    path = a_package(tmp_path, a_profile("Patient"))
    cache = tmp_path / "cache"
    first, second = read_package(path, cache), read_package(path, cache)
    assert sorted(one.suffix for one in cache.iterdir()) == [".index", ".package"]
    plain = read_package(path)
    for package in (first, second, plain):
        assert package.read(package.entries[BASE + "patient"])["type"] == "Patient"
    assert first == second == plain


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_a_file_that_is_no_package_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.tgz"
    path.write_bytes(content)
    with pytest.raises(PackageUnusable, match=r"broken\.tgz"):
        read_package(path)


def test_only_definitions_of_the_package_itself_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "odd.tgz"
    profile = b'{"resourceType": "StructureDefinition", "url": "https://guide.example/x"}'
    with tarfile.open(path, "w:gz") as opened:
        add_file(opened, "package/package.json", b'{"name": "odd", "version": "1"}')
        add_file(opened, "package/../../etc/x.json", profile.replace(b"/x", b"/outside"))
        add_file(opened, "package/example/x.json", profile.replace(b"/x", b"/example"))
        add_file(opened, "package/x.json", profile)
    assert sorted(read_package(path).entries) == ["https://guide.example/x"]


def test_a_package_without_its_description_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nameless.tgz"
    with tarfile.open(path, "w:gz") as opened:
        add_file(opened, "package/x.json", b'{"resourceType": "ValueSet", "url": "https://guide.example/v"}')
    with pytest.raises(PackageUnusable, match="KeyError"):
        read_package(path)
