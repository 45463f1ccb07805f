"""What people decided, as labels: the pairs of every decided case with the numbers of that day, without a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Label:
    """One pair that people judged: a request of a case and one candidate. `is_same` is None where nobody could say;
    `score` is in bits, as the limits are compared with it; `names` says how many people agreed."""

    case_id: str
    evidence_id: str | None
    member_id: str
    is_same: bool | None
    score: float | None
    personal: float | None
    household: float | None
    comparisons: list[dict[str, Any]]
    rule_version: str | None
    model_version: str | None
    threshold_version: str | None
    names: int
    decided_at: datetime


def labels(conn: Connection, *, since: datetime | None = None, limit: int = 1_000_000) -> list[Label]:
    """The labels in force, oldest first; what was undone is no label."""
    rows = conn.execute(
        """
        select case_id, evidence_id, member_id, decision, score, personal, household, comparisons, rule_version,
               model_version, threshold_version, names, decided_at
          from identity.label
         where superseded_at is null and (%(since)s::timestamptz is null or decided_at >= %(since)s)
         order by decided_at, label_id limit %(limit)s
        """,
        {"since": since, "limit": limit},
    )
    return [_label(row) for row in rows]


def keep_labels(conn: Connection, case: Mapping[str, Any], decisions: Mapping[str, str], *, names: int) -> None:
    """Keep what was decided of each candidate of a case; `case` is its row with `evidence` and versions."""
    supersede_labels(conn, case["case_id"])
    documents = [
        {
            "member_id": candidate["member_id"],
            "decision": decisions[candidate["member_id"]],
            "score": candidate.get("score"),
            "personal": candidate.get("personal"),
            "household": candidate.get("household"),
            "comparisons": candidate["comparisons"],
        }
        for candidate in _once(case["evidence"])
        if candidate["member_id"] in decisions
    ]
    conn.execute(
        """
        insert into identity.label (case_id, evidence_id, member_id, decision, score, personal, household, comparisons,
                                    rule_version, model_version, threshold_version, names)
        select c.case_id, c.evidence_id, r.member_id, r.decision, r.score, r.personal, r.household, r.comparisons,
               c.rule_version, c.model_version, c.threshold_version, %s
          from jsonb_to_recordset(%s) r (member_id text, decision text, score double precision,
               personal double precision, household double precision, comparisons jsonb)
         cross join identity.review_case c where c.case_id = %s
        """,
        [names, as_json(documents), case["case_id"]],
    )


def supersede_labels(conn: Connection, case_id: str) -> None:
    """Take back the labels of a case; they stay readable."""
    conn.execute(
        "update identity.label set superseded_at = clock_timestamp() where case_id = %s and superseded_at is null",
        [case_id],
    )


def _once(candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({candidate["member_id"]: candidate for candidate in reversed(candidates)}.values())[::-1]


def _label(row: Mapping[str, Any]) -> Label:
    is_same = {"same": True, "different": False}.get(row["decision"])
    kept = {name: row[name] for name in Label.__dataclass_fields__ if name in row}
    return Label(is_same=is_same, **kept)
