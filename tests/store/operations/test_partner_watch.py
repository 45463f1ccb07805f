"""What ends at a partner is said ahead: each step once, by whichever worker looks first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.agreement import Certificate
from interpayer.operations import partner_watch, partners
from interpayer.operations.upkeep import Upkeep
from interpayer.partners import store
from interpayer.system.clock import now
from tests.store.operations.test_partners import a_document

THUMB = "C" * 43


@pytest.fixture
def partner_id(tools: Tools, person: Actor) -> str:
    with tools.database.transaction() as conn:
        return partners.add(tools, conn, a_document(), actor=person).partner.id


def ends(tools: Tools, partner_id: str, at: datetime, **more: Any) -> None:
    with tools.database.transaction() as conn:
        one = Certificate(THUMB, subject="CN=alder", expires_at=at, **more)
        store.add_certificates(conn, partner_id, [one], by="tests")


def said(tools: Tools, partner_id: str) -> list[tuple[str, int]]:
    with tools.database.transaction() as conn:
        events = [e for e in search(conn, partner=partner_id) if e["name"] == "partner.expiring"]
    return [(event["facts"]["what"], event["facts"]["days"]) for event in events]


def test_a_certificate_that_runs_out_is_told_step_by_step(
    application: Application, tools: Tools, partner_id: str
) -> None:
    worker = application.tools("worker")
    for days in (90, 45, 44, 20, 3, -1, -2):
        ends(tools, partner_id, now() + timedelta(days=days, hours=1))
        with worker.database.transaction() as conn:
            partner_watch.warn(worker, conn)
    told = said(tools, partner_id)
    assert [what for what, _ in told] == [f"certificate {THUMB[:8]}"] * len(told)
    assert [days for _, days in told] == [45, 44, 20, 3, -1, -2]
    # The same end on the same step is said once, however often somebody looks.
    assert Upkeep(worker).tick()["endings"] == 0


def test_what_was_replaced_ends_in_peace_and_contracts_do_not(tools: Tools, person: Actor) -> None:
    today = datetime.now(UTC).date()
    document = a_document(
        contract={"ends_on": str(today + timedelta(days=5))},
        organizations=[{"identifier": "payer-a", "since": "2026-01-01", "until": str(today)}],
    )
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, document, actor=person).partner
    ends(tools, made.id, now() + timedelta(days=2), leaves_at=now() + timedelta(days=1))
    with tools.database.transaction() as conn:
        found = [(one.what, one.days) for one in partner_watch.endings(conn)]
    assert found == [("acting for payer-a", 0), ("contract", 5)]
