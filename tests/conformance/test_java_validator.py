"""HAPI's instance validator is asked the same as ours: it agrees, or the difference is explained here.

Runs by `make conformance` alone: it fetches some 170 MB from Maven Central, needs Java 17 and takes a few minutes.
"""

import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.validation.issue import Verdict
from interpayer.validation.packages import read_library
from interpayer.validation.profiles import Profiles
from tests.support.damage import damaged
from tests.support.defects import Defect, read_defects
from tests.support.definitions import example_files
from tests.support.java_validator import Asked, Said, ask_java, java_classpath

pytestmark = [pytest.mark.long, pytest.mark.timeout(3_600)]

CARIN_2, US_CORE_6 = ("hl7.fhir.us.carin-bb-2.0.0", "hl7.fhir.us.core-3.1.1"), ("hl7.fhir.us.core-6.1.0",)
HREX_1, HREX_12 = "hl7.fhir.us.davinci-hrex-1.1.0.from-fsh", "hl7.fhir.us.davinci-hrex-1.2.0.from-fsh"
US_CORE_7, CARIN_22 = "hl7.fhir.us.core-7.0.0", "hl7.fhir.us.carin-bb-2.2.0.from-fsh"
# The packages that each guide's examples are checked with; HAPI resolves nothing by itself.
SETS = {
    "carin-bb-2.0.0": CARIN_2,
    "us-core-6.1.0": US_CORE_6,
    "pdex-2.0.0": ("hl7.fhir.us.davinci-pdex-2.0.0", "hl7.fhir.us.core-3.1.1", HREX_1, *CARIN_2[:1]),
    "carin-bb-2.2.0": (CARIN_22, US_CORE_7),
    "hrex-1.2.0": (HREX_12, US_CORE_7),
    "pdex-2.2.0": ("hl7.fhir.us.davinci-pdex-2.2.0.from-fsh", US_CORE_7, HREX_12, CARIN_22),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """Errors of HAPI on valid examples that we do not report, and why."""

    errors: re.Pattern[str]
    why: str


EXPLAINED = [
    Explained(re.compile("^Terminology_"), "it counts codes of systems that it has not at hand as wrong; we say so"),
    Explained(
        re.compile("Invalid entity in the XHTML"), "a named entity of HTML in a narrative that nobody interprets"
    ),
    Explained(re.compile("^Type_Specific_Checks_DT_XHTML_Resolve"), "links inside of a narrative that lead nowhere"),
    Explained(
        re.compile("^BUNDLE_ENTRY_URL_MATCHES_TYPE_ID"), "the address of an entry and the id in it, no invariant"
    ),
    Explained(re.compile("EOB-careteam-qualification"), "needs a value set of the VSAC that is not at hand; we say so"),
    Explained(re.compile("EOB-prof-careTeam-practitioner"), "it does not follow a reference that says its type"),
]
# We report and HAPI does not: it was given the profiles of US Core 3.1.1, which ask nothing of an NPI.
NPI_OF_A_LATER_US_CORE = re.compile(r"^pdex-2\.0\.0/(Organization|Practitioner)-")


# Rules of HAPI's own on damaged examples: prose of the specification that is no constraint of any definition.
PROSE = re.compile(
    "^(Type_Specific_Checks_DT_Identifier_System|TYPE_SPECIFIC_CHECKS_DT_IDENTIFIER_IETF_SYSTEM_VALUE"
    "|REFERENCE_REF_INVALID_REF|Reference_REF_Format2|TYPE_SPECIFIC_CHECKS_CANONICAL_ABSOLUTE"
    "|Extension_EXT_URL_Absolute)"
)
# What we refuse and HAPI lets pass: empty objects and arrays (its parser drops them), lexical forms of base64, types in
# capitals in a reference, codes without a system under a required binding, two answers of one link id, and dates to
# the month where 6.1.0 wrote `DateTime` for `dateTime` (7.0.0 corrected it).
STRICTER = {"ele-1", "min", "required", "reference.target", "binding", "format", "pattern", "sdcqr-2", "us-core-1"}
DAMAGED = {"carin-bb-2.0.0": "2.0.0", "us-core-6.1.0": "6.1.0", "carin-bb-2.2.0": "2.2.0"}
DAMAGES = 600
# Of each of Synthea's files; one of them alone has 3,000 lines.
OF_EACH = 15


@pytest.fixture(scope="module")
def classpath(tmp_path_factory: pytest.TempPathFactory) -> str:
    return java_classpath(tmp_path_factory.mktemp("java"))


@pytest.fixture(scope="module")
def profiles(test_data: Path) -> Profiles:
    return Profiles(read_library(test_data / "fhir-packages"))


def _tgz(test_data: Path, names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(test_data / "fhir-packages" / f"{name}.tgz" for name in names)


def test_the_verdicts_on_the_examples_of_the_guides(test_data: Path, classpath: str, profiles: Profiles) -> None:
    files = example_files(test_data)
    asked = [Asked(path, _tgz(test_data, SETS[name.partition("/")[0]])) for name, path in files.items()]
    answers = ask_java(classpath, asked)
    different, explained = {}, 0
    for name, path in files.items():
        theirs = [one for one in answers[path] if _why(one) is None]
        ours = profiles.check(orjson.loads(path.read_bytes())).is_valid
        explained += len(theirs) != len(answers[path])
        if ours is bool(theirs) and not (not ours and NPI_OF_A_LATER_US_CORE.match(name)):
            different[name] = theirs
    print(f"\n{len(files)} examples, {explained} with errors of HAPI that are explained, {len(different)} different")
    assert different == {}


def test_the_verdicts_on_examples_damaged_at_random(
    test_data: Path, classpath: str, profiles: Profiles, tmp_path: Path
) -> None:
    # Questionnaires claim a profile of SDC that is not at hand.
    files = [
        (name, path)
        for name, path in example_files(test_data).items()
        if name.partition("/")[0] in DAMAGED and "/Questionnaire-" not in name
    ]
    choose, asked, cases = random.Random(20261121), [], {}
    for number in range(DAMAGES):
        name, path = choose.choice(files)
        guide = name.partition("/")[0]
        broken, damage = damaged(orjson.loads(path.read_bytes()), choose)
        place = tmp_path / f"{number}.json"
        place.write_text(json.dumps(broken), encoding="utf-8")
        asked.append(Asked(place, _tgz(test_data, SETS[guide])))
        cases[place] = (broken, f"{name}: {damage}", DAMAGED[guide])
    answers, different, only_ours = ask_java(classpath, asked), {}, 0
    for place, (broken, case, version) in cases.items():
        theirs = [one for one in answers[place] if _why(one) is None and not PROSE.search(one.id)]
        errors = [one for one in _checked(profiles, broken, version).issues if one.severity == "error"]
        if errors and not answers[place] and {one.rule for one in errors} <= STRICTER:
            only_ours += 1
        elif (errors and not answers[place]) or (theirs and not errors):
            different[case] = ([(one.path, one.rule) for one in errors], theirs)
    print(f"\n{len(cases)} damaged examples, {only_ours} refused only by us, {len(different)} different")
    assert not different, "\n".join(f"{case}: {found}" for case, found in different.items())


def test_the_verdicts_on_records_nobody_here_wrote(
    test_data: Path, classpath: str, profiles: Profiles, tmp_path: Path
) -> None:
    """Claims of CMS, ten of which do not keep what their profiles ask, and people whom Synthea made."""
    folder, asked = test_data / "sample-data" / "fhir", []
    newest = ("hl7.fhir.us.davinci-pas-2.2.1", *SETS["pdex-2.2.0"])
    asked += [Asked(path, _tgz(test_data, newest)) for path in sorted((folder / "cms-bfd-v3").glob("*.json"))]
    for path in sorted((folder / "synthea-bulk-10").glob("*.ndjson")):
        for number, line in enumerate(path.read_bytes().splitlines()[:OF_EACH]):
            place = tmp_path / f"{path.stem}-{number}.json"
            place.write_bytes(line)
            asked.append(Asked(place, _tgz(test_data, US_CORE_6)))
    answers, different = ask_java(classpath, asked), {}
    for one in asked:
        theirs = [said for said in answers[one.path] if _why(said) is None]
        if profiles.check(orjson.loads(one.path.read_bytes())).is_valid is bool(theirs):
            different[one.path.name] = theirs
    print(f"\n{len(asked)} records, {len(different)} different")
    assert not different


def _checked(profiles: Profiles, resource: dict[str, Any], version: str) -> Verdict:
    """Ours against the profiles of the very version that HAPI was given."""
    meta = resource.get("meta")
    claimed = meta.get("profile") if isinstance(meta, dict) else None
    if not isinstance(claimed, list):
        return profiles.check(resource)
    versioned = [f"{url}|{version}" if "/us/" in str(url) and "|" not in str(url) else str(url) for url in claimed]
    return profiles.check(resource, versioned)


def _why(said: Said) -> str | None:
    return next((one.why for one in EXPLAINED if one.errors.search(said.id) or one.errors.search(said.text)), None)


def test_the_seeded_defects(test_data: Path, classpath: str, tmp_path: Path) -> None:
    """Every defect is one to HAPI, too, or the table says why HAPI does not see it."""
    defects = read_defects(test_data / "sample-data" / "fhir" / "ig-examples")
    packages = {"hl7.fhir.us.carin-bb#2.0.0": CARIN_2, "hl7.fhir.us.core#6.1.0": US_CORE_6}
    asked: dict[Path, Defect] = {}
    for number, defect in enumerate(defects):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(defect.broken), encoding="utf-8")
        asked[path] = defect
    answers = ask_java(
        classpath,
        [
            Asked(path, _tgz(test_data, packages.get(one.package, SETS["pdex-2.0.0"])), one.profile or "-")
            for path, one in asked.items()
        ],
    )
    silent = {
        one.name: one.hapi for path, one in asked.items() if not any(one.is_at(said.path) for said in answers[path])
    }
    print(f"\n{len(defects)} defects, {len(defects) - len(silent)} seen by HAPI; not by it: {silent}")
    assert set(silent) == {one.name for one in defects if one.hapi}
