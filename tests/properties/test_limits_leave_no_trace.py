"""Law: what goes under limits is what would go of a member who never had the rest.

A history is made at random: visits, findings and measurements that refer to each other, some of them sensitive. It is
loaded once whole and once without what must stay (worked out here by hand); both exports have the same content.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpayer.model.consent import Limits
from interpayer.records.codec import Codec, plain_of
from interpayer.records.export import Selection, export_lines
from interpayer.system.database import Connection
from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.records import VAULT, load

CODEC = Codec(VAULT)
TODAY = date(2026, 11, 21)
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
PLAIN, DRINK, VIRUS = "E11.9", "F10.20", "B20"
NUMBER = itertools.count()
IDS = re.compile(rb'[a-z]-[a-z2-7]{26}|\d{4}-\d\d-\d\dT[\d:.]+Z|m-\d+|"p\d+')
KINDS = ("Encounter", "Condition", "Observation", "Procedure")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, str, tuple[int, ...]]]:
    """Records as (type, code, the earlier ones that each refers to)."""
    found: list[tuple[str, str, tuple[int, ...]]] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        code = draw(st.sampled_from([PLAIN, PLAIN, PLAIN, DRINK, VIRUS]))
        found.append((draw(st.sampled_from(KINDS)), code, tuple(earlier)))
    return found


@pytest.fixture(scope="module")
def shared_database(database_server: DatabaseServer) -> Iterator[ScratchDatabase]:
    made = database_server.create(template="migrated")
    yield made
    database_server.drop(made)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), withheld=st.sampled_from([{"*"}, {"substance_use"}, {"hiv", "substance_use"}, {"genetic"}]))
def test_what_goes_is_what_would_go_without_the_rest(
    shared_database: ScratchDatabase, history: list[tuple[str, str, tuple[int, ...]]], withheld: set[str]
) -> None:
    stays = _stays(history, withheld)
    whole, left = f"m-{next(NUMBER)}", f"m-{next(NUMBER)}"
    with shared_database.worker.transaction() as conn:
        _load(conn, whole, history, leaving_out=set())
        _load(conn, left, history, leaving_out=stays)
        limits = Limits(labels_withheld=frozenset(withheld))
        assert _content(conn, whole, {whole: limits}) == _content(conn, left, {})
        assert len(_content(conn, whole, {})) == len(history)


def _stays(history: list[tuple[str, str, tuple[int, ...]]], withheld: set[str]) -> set[int]:
    label_of = {PLAIN: None, DRINK: "substance_use", VIRUS: "hiv"}
    stays: set[int] = set()
    # each refers to earlier ones only, so one walk finds everything that rests on something
    for number, (_, code, earlier) in enumerate(history):
        label = label_of[code]
        if (label and (label in withheld or "*" in withheld)) or not stays.isdisjoint(earlier):
            stays.add(number)
    return stays


def _load(
    conn: Connection, member_id: str, history: list[tuple[str, str, tuple[int, ...]]], *, leaving_out: set[int]
) -> None:
    patient = f"p{member_id[2:]}"
    kept = [number for number in range(len(history)) if number not in leaving_out]
    resources = [_resource(patient, number, history) for number in kept]
    if resources:
        load(conn, resources, {patient: member_id})


def _resource(patient: str, number: int, history: list[tuple[str, str, tuple[int, ...]]]) -> Mapping[str, Any]:
    kind, code, earlier = history[number]
    refers = [{"reference": f"{history[other][0]}/{patient}-{other}"} for other in earlier]
    return {
        "resourceType": kind,
        "id": f"{patient}-{number}",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": ICD10, "code": code}]},
        "note": [{"text": f"number {number}"}],
        **({"partOf": refers} if refers else {}),
    }


def _content(conn: Connection, member_id: str, limits: Mapping[str, Limits]) -> list[bytes]:
    """Every line that goes, without ids and times, in an order of its own."""
    blocks = export_lines(conn, CODEC, Selection([member_id], TODAY, limits=limits))
    lines = [line for block in blocks for line in plain_of(block).splitlines()]
    for line in lines:
        assert orjson.loads(line)["resourceType"] in KINDS
    return sorted(re.sub(rb"p\d+-", b"P-", IDS.sub(b"X", line)) for line in lines)
