"""A hand-off from the records that an exchange brought to the acknowledgment, and back when the other side differs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from interpayer.delivery import handoff_store
from interpayer.delivery.handoff import OwnSystems
from interpayer.delivery.handoff_store import NewHandoff
from interpayer.exchange.steps.handing import hand_over
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import handoffs
from interpayer.records.loading import begin_load, save_records
from tests.support.databases import ScratchDatabase
from tests.support.people import a_coverage, a_person, a_row
from tests.support.records import an_arrival, an_encounter, make
from tests.support.released import a_bundle, an_answer
from tests.support.tools import opened

WAREHOUSE = Actor("system", "warehouse")


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home", role="operator", handoff=str(tmp_path / "inbox")) as made:
        yield made


@pytest.fixture
def exchange_id(tools: Tools) -> str:
    """An exchange that brought two encounters and was announced."""
    person, card = a_person(), a_coverage()
    with tools.database.transaction() as conn:
        (outcome,) = upsert_enrollments(conn, tools.vault, [a_row(person, card)])
        made, _ = an_answer(tools, conn, a_bundle(person, card), state=State.COMPLETED)
        arrival = an_arrival(source="https://theirs.example/fhir", own=False, sender="p-c", exchange_id=made)
        arrival = replace(arrival, record_id=tools.vault.record_id, available_at=begin_load(conn))
        records, _ = make([an_encounter("e1"), an_encounter("e2")], arrival, {"p1": str(outcome.member_id)})
        assert save_records(conn, tools.codec, records).new == 2
        new = NewHandoff("h-1", made, str(outcome.member_id), tools.own_systems.target, {}, "")
        handoff_store.add(conn, new)
    return made


def test_what_is_given_and_what_arrived_are_compared(tools: Tools, exchange_id: str, tmp_path: Path) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal):
        handoffs.acknowledge(tools, conn, exchange_id, records={"Encounter": 2}, digest=None, actor=WAREHOUSE)
    assert hand_over.plain(tools, exchange_id) == "sent"
    assert hand_over.plain(tools, exchange_id) == "nothing to give on"
    given = json.loads((tmp_path / "inbox" / exchange_id / "manifest.json").read_text())
    assert given["records"] == {"Encounter": 2}
    with tools.database.transaction() as conn:
        differs = handoffs.acknowledge(tools, conn, exchange_id, records={"Encounter": 1}, digest=None, actor=WAREHOUSE)
        assert (differs["state"], differs["reason"]) == ("differs", "delivery.count_mismatch")
        assert handoffs.again(tools, conn, exchange_id, actor=WAREHOUSE)["state"] == "ready"
    assert hand_over.plain(tools, exchange_id) == "sent"
    with tools.database.transaction() as conn:
        whole = handoffs.acknowledge(
            tools, conn, exchange_id, records={"Encounter": 2}, digest=given["digest"], actor=WAREHOUSE
        )
        assert (whole["state"], whole["reason"], whole["attempts"]) == ("acknowledged", None, 2)
        (row,) = handoffs.listed(conn)
    assert row["acknowledged"] == {"records": {"Encounter": 2}, "digest": given["digest"]}


def test_another_digest_is_another_content(tools: Tools, exchange_id: str) -> None:
    hand_over.plain(tools, exchange_id)
    with tools.database.transaction() as conn:
        told = handoffs.acknowledge(
            tools, conn, exchange_id, records={"Encounter": 2}, digest="0" * 64, actor=WAREHOUSE
        )
    assert told["state"] == "differs"


def test_where_nobody_is_told_there_is_none(tools: Tools) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal) as told:
        handoffs.shown(conn, "x-unknown")
    assert told.value.reason == "request.not_found"
    assert not OwnSystems("", lambda: None).is_address  # type: ignore[arg-type, return-value]
