"""Evidence is kept as long as is published, and what an open case rests on longer."""

import pytest

from interpayer.identity.published import default_policy
from interpayer.operations.upkeep import Upkeep
from tests.support.databases import ScratchDatabase

KEPT_DAYS = default_policy().retention["evidence"]


def keep(database: ScratchDatabase, evidence_id: str, *, days: int) -> None:
    with database.owner.transaction() as conn:
        conn.execute(
            "insert into identity.evidence (evidence_id, at, disposition, reason, rule_version)"
            " values (%s, now() - make_interval(days => %s), 'none', 'identity.not_enrolled', 'd-1')",
            [evidence_id, days],
        )


def kept(database: ScratchDatabase) -> set[str]:
    with database.owner.transaction() as conn:
        return {row["evidence_id"] for row in conn.execute("select evidence_id from identity.evidence")}


@pytest.mark.parametrize("state", ["open", "assigned", "decided"])
def test_evidence_goes_after_the_published_days_unless_a_case_still_needs_it(application, database, state):
    keep(database, "e-old", days=KEPT_DAYS + 1)
    keep(database, "e-young", days=KEPT_DAYS - 1)
    keep(database, "e-case", days=KEPT_DAYS + 1)
    with database.owner.transaction() as conn:
        conn.execute(
            "insert into identity.review_case (case_id, kind, state, reason, evidence_id, due_at)"
            " values ('c-1', 'identity', %s, 'identity.weak', 'e-case', now())",
            [state],
        )
    assert Upkeep(application.tools("worker")).tick()["old_evidence"] == (2 if state == "decided" else 1)
    assert kept(database) == {"e-young"} | (set() if state == "decided" else {"e-case"})
