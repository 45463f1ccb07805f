"""The notice of a recall between two payers: what is written is read again, what is no notice is refused by name."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from interpayer.exchange.recalls.notice import ANSWER, RECALL, Named, Notice, read_notice, write_notice
from interpayer.model.reason import Refusal

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECALLED = Notice("q-1", RECALL, "recall.wrong_member", (Named("x-1", "m-1"), Named("x-2")))
ANSWERED = Notice("q-2-deleted", ANSWER, answers="q-1", reply="deleted")


def written(notice: Notice) -> dict[str, Any]:
    resource = write_notice(notice, sender={"value": "plan-b"}, base="https://b.example/fhir", at=AT)
    return dict(orjson.loads(orjson.dumps(resource)))


@pytest.mark.parametrize("notice", [RECALLED, ANSWERED], ids=["recall", "answer"])
def test_what_is_written_is_read_again(notice: Notice) -> None:
    resource = written(notice)
    assert (resource["resourceType"], resource["status"]) == ("Communication", "completed")
    assert read_notice(resource) == notice


def test_a_reason_that_we_do_not_know_is_taken_for_a_release_that_went_too_far() -> None:
    resource = written(RECALLED) | {"reasonCode": [{"text": "oops"}]}
    assert read_notice(resource).reason == "recall.scope"


CHANGES: dict[str, tuple[Notice, dict[str, Any], str]] = {
    "another resource": (RECALLED, {"resourceType": "Patient"}, "Communication"),
    "no category": (RECALLED, {"category": []}, "category"),
    "another category": (RECALLED, {"category": [{"coding": [{"system": "x", "code": "recall"}]}]}, "category"),
    "no identifier": (RECALLED, {"identifier": []}, "identifier"),
    "an identifier that is too long": (RECALLED, {"identifier": [{"value": "x" * 201}]}, "identifier"),
    "about nothing": (RECALLED, {"about": []}, "about"),
    "about a person only": (RECALLED, {"about": [{"reference": "Patient/m-1"}]}, "about"),
    "about no list": (RECALLED, {"about": "x-1"}, "about"),
    "an answer to nothing": (ANSWERED, {"inResponseTo": []}, "inResponseTo"),
    "an answer that says nothing": (ANSWERED, {"topic": {}}, "topic"),
    "an answer of its own words": (ANSWERED, {"topic": {"coding": [{"code": "shredded"}]}}, "topic"),
}


@pytest.mark.parametrize("case", sorted(CHANGES))
def test_what_is_no_notice_is_refused_by_the_element(case: str) -> None:
    notice, change, element = CHANGES[case]
    with pytest.raises(Refusal, match="malformed") as refused:
        read_notice(written(notice) | change)
    assert element in (refused.value.detail or "")


@pytest.mark.parametrize("body", [None, [], "x", {}])
def test_what_is_no_resource_is_refused(body: object) -> None:
    with pytest.raises(Refusal, match="malformed"):
        read_notice(body)
