"""Records that nobody here wrote: loaded, held and exported, nothing is lost and nothing invented but ids and money."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from interpayer.adapters.fhir_files import read_path
from interpayer.normalization.intake import Known, canonicalize, outline
from interpayer.normalization.merge import local_id_of
from interpayer.records import store
from interpayer.records.codec import Codec, plain_of
from interpayer.records.export import Selection, export_lines
from interpayer.records.loading import begin_load, save_records
from interpayer.system.clock import now
from interpayer.validation.check import check
from tests.support.databases import ScratchDatabase
from tests.support.records import OURS, VAULT, an_arrival

CODEC = Codec(VAULT)
REFERENCE = re.compile(rb'"reference":"[A-Za-z]+/[^"]+"')


def load_all(database: ScratchDatabase, folder: Path) -> tuple[dict[str, str], Counter[str]]:
    """Load a folder with a member for each Patient; the members, and what became of the resources."""
    found = list(read_path(folder))
    outcome = Counter("unreadable" for one in found if one.content is None)
    with database.worker.transaction() as conn:
        arrival = an_arrival(at=begin_load(conn))
        outlines = [outline(one.content, one.raw, arrival) for one in found if one.content is not None]
        members = {patient: f"m-{patient}" for one in outlines for patient in one.patients}
        for one in outlines:
            broken = [issue.rule for issue in check(one.resource)]
            made = canonicalize(one, arrival, Known(members), broken=broken)
            outcome["records" if isinstance(made, list) else made.reason] += 1
        records = [
            r for one in outlines if isinstance(made := canonicalize(one, arrival, Known(members)), list) for r in made
        ]
        for first in range(0, len(records), 2000):
            save_records(conn, CODEC, records[first : first + 2000])
    return members, outcome


def essence(resource: dict[str, Any]) -> bytes:
    """What a resource says beside ids, metadata and where its references lead."""
    text = orjson.dumps({k: v for k, v in resource.items() if k not in {"id", "meta"}}, option=orjson.OPT_SORT_KEYS)
    return REFERENCE.sub(b'"reference"', text)


def test_synthea_comes_out_as_it_went_in(database: ScratchDatabase, test_data: Path) -> None:
    folder = test_data / "sample-data" / "fhir" / "synthea-bulk-10"
    members, outcome = load_all(database, folder)
    assert outcome == {"records": 7160, "unreadable": 4}
    with database.worker.transaction() as conn:
        blocks = list(export_lines(conn, CODEC, Selection(list(members.values()), now().date())))
        originals = Counter(row["original"] for m in members.values() for row in store.records_of(conn, CODEC, m))
    went_in = [one for one in read_path(folder) if one.content is not None]
    told = Counter(essence(one.content) for one in went_in if one.content)
    shown = Counter(essence(orjson.loads(line)) for block in blocks for line in plain_of(block).splitlines())
    assert not shown - told
    # Shared resources to which no record refers stay at home.
    assert {orjson.loads(text)["resourceType"] for text in told - shown} <= {
        "Organization",
        "Location",
        "Practitioner",
    } | {"PractitionerRole"}
    assert not originals - Counter(one.raw for one in went_in)
    assert sum(originals.values()) > 6900


def test_cms_claims_come_out_without_a_price_and_whole_otherwise(database: ScratchDatabase, test_data: Path) -> None:
    folder = test_data / "sample-data" / "fhir" / "cms-bfd-v3"
    members, outcome = load_all(database, folder)
    assert set(outcome) == {"records"}
    with database.worker.transaction() as conn:
        blocks = list(export_lines(conn, CODEC, Selection(list(members.values()), now().date())))
    lines = [line for block in blocks for line in plain_of(block).splitlines()]
    assert len(lines) >= 10
    assert not any(
        word in line for line in lines for word in (b'"currency"', b'"Money"', b'"total"', b'"benefitBalance"')
    )
    shown = {json["meta"]["source"].partition("#")[0]: json for json in map(orjson.loads, lines)}
    claims = [one.content for one in read_path(folder) if one.content and "item" in one.content]
    seen = 0
    for claim in claims:
        released = shown.get(f"{OURS}/ExplanationOfBenefit/{local_id_of(claim)}")
        if released is not None:
            seen += 1
            kept = orjson.loads(
                orjson.dumps({key: claim.get(key) for key in ("diagnosis", "supportingInfo", "careTeam")})
            )
            assert {key: released.get(key) for key in kept} == kept
            assert [item["sequence"] for item in released["item"]] == [item["sequence"] for item in claim["item"]]
    # The prior authorization is too old to go.
    assert (seen, len(claims)) == (9, 10)
