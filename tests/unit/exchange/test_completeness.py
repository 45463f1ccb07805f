"""What an answer amounts to by what its sources said, and why something is missing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from interpayer.exchange.completeness import SourceAsked, answer_of, gaps_of, rendered, silent_reasons, stale

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_source(name: str = "lab", **more: Any) -> SourceAsked:
    return SourceAsked("x-1", name, "m-1", **{"state": "answered", "is_essential": True, **more})


@pytest.mark.parametrize(
    ("content", "sources", "answer"),
    [
        (3, [], "complete"),
        (0, [], "empty"),
        (3, [{}], "complete"),
        (0, [{"state": "empty"}], "empty"),
        (3, [{"state": "late", "reason": "source.late"}], "partial"),
        (3, [{"state": "late", "reason": "source.late", "is_essential": False}], "complete"),
        (0, [{"state": "late", "reason": "source.late", "is_essential": False}], "partial"),
        (3, [{"state": "partial", "missing": {"Observation": "source.refused"}}], "partial"),
        (3, [{"put_aside": {"record.invalid": 2}}], "partial"),
        (0, [{"state": "empty"}, {"state": "deferred", "is_essential": False}], "partial"),
    ],
)
def test_the_answer_follows_from_what_each_source_said(
    content: int, sources: list[dict[str, Any]], answer: str
) -> None:
    assert answer_of(content, [a_source(**more) for more in sources]) == answer


def test_each_gap_names_its_source_its_kind_and_its_reason() -> None:
    asked = [
        a_source("ehr", state="unreachable", reason="source.unreachable"),
        a_source("lab", state="partial", reason="source.late", missing={"Observation": "source.late"}),
        a_source("claims", put_aside={"record.invalid": 2, "record.unmapped": 1}),
        a_source("notes", state="deferred", reason="source.deferred"),
        a_source("old", reason="source.stale", freshness="stale"),
    ]
    assert gaps_of(asked) == [
        {"kind": "unreachable", "source": "ehr", "reason": "source.unreachable"},
        {"kind": "late", "source": "lab", "reason": "source.late", "type": "Observation"},
        {"kind": "invalid", "source": "claims", "reason": "record.invalid", "count": 2},
        {"kind": "unmapped", "source": "claims", "reason": "record.unmapped", "count": 1},
        {"kind": "late", "source": "notes", "reason": "source.deferred"},
    ]
    assert stale(asked) == 1


def test_a_source_that_broke_off_without_naming_types_is_a_gap_too() -> None:
    (gap,) = gaps_of([a_source(state="partial", reason="source.unreachable")])
    assert gap == {"kind": "unreachable", "source": "lab", "reason": "source.unreachable"}


def test_no_field_is_null() -> None:
    (told,) = rendered([a_source(asked_at=AT, types={"Observation": 2})])
    assert told == {
        "source": "lab", "state": "answered", "essential": True, "asked_at": "2026-11-21T12:00:00Z",
        "types": {"Observation": 2},
    }  # fmt: skip
    assert None not in rendered([a_source(state="late", reason="source.late")])[0].values()


def test_a_partner_learns_a_reason_without_source_type_or_count() -> None:
    asked = [
        a_source("ehr", state="late", reason="source.late"), a_source("lab", state="late", reason="source.late"),
        a_source("claims", put_aside={"record.invalid": 2}),
    ]  # fmt: skip
    assert silent_reasons(asked) == ["source.invalid", "source.late"]
    assert silent_reasons([a_source(), a_source(state="empty", reason="source.empty")]) == []
