"""Copies of records that nobody here wrote, with their days moved, and what of them must and must not arrive."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from interpayer.system.clock import now
from tests.support.comparing import read_exactly

RECENT = now().date() - timedelta(days=40)
# Dates of a service move, so that five-year-old samples pass the window; a life and a version stay as they are.
DATED = re.compile(r'"(?P<key>\w+)"(?P<gap>\s*:\s*)"(?P<day>\d{4}-\d{2}-\d{2})(?P<time>T[^"]*)?"')
UNMOVED = {"birthDate", "deceasedDateTime", "lastUpdated"}
# Half of the lines of the Synthea files are the lives of these.
BUSY = ("79a66c97", "129c6ac7", "6a4160eb", "a4a401d1")
# What an ExplanationOfBenefit must say (FHIR R4) and CMS AB2D leaves out.
LACKING = {"use": "claim", "created": str(RECENT), "insurer": {"display": "CMS"}, "outcome": "complete"}
OWNED_BY = ("patient", "subject", "beneficiary")
OF_NOBODY = {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Endpoint"}
Resource = dict[str, Any]


@dataclass
class Samples:
    """A copy of the samples as it is loaded, and what of it must and must not arrive, by member number."""

    folder: Path
    patients: dict[str, Resource] = field(default_factory=dict)
    owned: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    unwanted: set[str] = field(default_factory=set)
    shared: list[Resource] = field(default_factory=list)

    def add(self, name: str, text: str, *, is_noted: bool = True) -> None:
        """Keep a file, and read it the way a stranger would."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for resource in _resources(path) if is_noted else ():
            self._note(resource)

    def add_unwanted(self, name: str, resource: Resource) -> None:
        """Keep a resource that must never arrive."""
        self.add(name, json.dumps(resource), is_noted=False)
        self.unwanted.add(f"{resource['resourceType']}/{resource['id']}")

    def _note(self, resource: Resource) -> None:
        if resource["resourceType"] == "Patient":
            self.patients[resource["id"]] = resource
        elif owner := _owner(resource):
            self.owned[owner].append(resource)
        elif resource["resourceType"] in OF_NOBODY:
            self.shared.append(resource)


def copy_samples(source: Path, folder: Path) -> Samples:
    """The samples of CMS, of the guides and of Synthea below `source`, ready to be loaded from `folder`."""
    made = Samples(folder)
    _copy_cms(source, made)
    _copy_guides(source, made)
    _copy_synthea(source, made)
    return made


def _copy_cms(source: Path, made: Samples) -> None:
    """CMS BFD: claims name two Patient ids of which one is there; the other is the same member in another system."""
    bfd = source / "cms-bfd-v3"
    for path in sorted(bfd.glob("*.json")):
        is_authorization = path.stem.endswith("PriorAuth")
        made.add(
            f"cms/{path.name}", _moved(path.read_text(encoding="utf-8"), by="created" if is_authorization else None)
        )
    (known,) = made.patients.values()
    for other in ("12345", "-226299259"):
        made.add(f"cms/Patient{other}.json", json.dumps({**known, "id": other}))
    authorization = _moved((bfd / "ExplanationOfBenefit-PriorAuth.json").read_text(encoding="utf-8"), by="created")
    denied = json.loads(authorization.replace('"A"', '"N"'))
    made.add_unwanted("cms/denied.json", {**denied, "id": "denied"})
    expired = json.loads((bfd / "ExplanationOfBenefit-PriorAuth.json").read_text(encoding="utf-8"))
    made.add_unwanted("cms/expired.json", {**expired, "id": "expired"})
    _copy_ab2d(source, made)


def _copy_ab2d(source: Path, made: Samples) -> None:
    """As CMS AB2D gives them, which breaks R4, and beside them the same with what is lacking."""
    broken = _moved((source / "cms-ab2d" / "eobbundle.json").read_text(encoding="utf-8"))
    made.add("cms/broken.json", broken, is_noted=False)
    kind = re.compile(r'"resourceType"(\s*):(\s*)"ExplanationOfBenefit"')
    lacking = json.dumps(LACKING)[1:-1]
    whole = kind.sub(f'"resourceType": "ExplanationOfBenefit", {lacking}', broken)
    made.add("cms/whole.json", re.sub(r'"id"(\s*):(\s*)"pde-', r'"id": "whole-pde-', whole))
    beneficiary = {
        "resourceType": "Patient",
        "id": "-20140000010000",
        "name": [{"family": "Beneficiary", "given": ["Marguerite"]}],
        "birthDate": "1941-06-01",
        "gender": "female",
    }
    made.add("cms/Patient-ab2d.json", json.dumps(beneficiary))


def _copy_guides(source: Path, made: Samples) -> None:
    for guide in ("carin-bb-2.0.0", "us-core-6.1.0"):
        for path in sorted((source / "ig-examples" / guide).glob("*.json")):
            made.add(f"guides/{guide}/{path.name}", _moved(path.read_text(encoding="utf-8")))
    claim = json.loads((source / "ig-examples" / "carin-bb-2.0.0" / "ExplanationOfBenefit-EOBOral1.json").read_text())
    made.add_unwanted("guides/old.json", {**claim, "id": "old"})


def _copy_synthea(source: Path, made: Samples) -> None:
    """As it is, old and new, without the two whose lives fill half of the files."""
    for path in sorted((source / "synthea-bulk-10").glob("[A-Z]*.ndjson")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        made.add(f"synthea/{path.name}", "".join(line for line in lines if not any(b in line for b in BUSY)))


def _moved(text: str, *, by: str | None = None) -> str:
    """The same with its newest day (or the element `by`) made recent; every distance between days stays."""
    found = [m for m in DATED.finditer(text) if m["key"] not in UNMOVED and by in (None, m["key"])]
    days = [day for m in found if (day := date.fromisoformat(m["day"])).year < 2100]
    if not days:
        return text
    shift = RECENT - max(days)

    def move(found: re.Match[str]) -> str:
        day = date.fromisoformat(found["day"])
        if found["key"] in UNMOVED or day.year >= 2100:
            return found[0]
        return f'"{found["key"]}"{found["gap"]}"{day + shift}{found["time"] or ""}"'

    return DATED.sub(move, text)


def _resources(path: Path) -> Iterator[Resource]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ndjson":
        yield from (read_exactly(line) for line in text.splitlines() if line.strip())
        return
    whole = read_exactly(text)
    if whole["resourceType"] == "Bundle":
        yield from (entry["resource"] for entry in whole["entry"])
    else:
        yield whole


def _owner(resource: Resource) -> str | None:
    for key in OWNED_BY:
        reference = resource.get(key)
        if isinstance(reference, dict) and str(reference.get("reference", "")).startswith("Patient/"):
            return str(reference["reference"]).removeprefix("Patient/")
    return None
