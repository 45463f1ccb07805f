"""Test data are known by their mark or their namespace, however they are written; production takes none."""

from typing import Any

import pytest

from interpayer.normalization.rehearsal import ACT_REASON, TEST_DATA, Rehearsal
from tests.support.records import an_arrival, an_encounter, make

MARK = {"system": ACT_REASON, "code": "HTEST"}
OURS = ("https://tests.birchline.example",)
MARKED: dict[str, dict[str, Any]] = {
    "by its label": {"meta": {"security": [{"code": "R"}, MARK]}},
    "by a label alone": {"meta": {"security": MARK}},
    "by a label without system": {"meta": {"security": [{"code": "HTEST"}]}},
    "by an identifier": {"identifier": [{"system": "urn:interpayer:test:members", "value": "7"}]},
    "by the one identifier": {"identifier": {"system": "urn:interpayer:test", "value": "7"}},
    "by the plan's own namespace": {"identifier": [{"system": "https://tests.birchline.example/ids", "value": "7"}]},
    "by its source": {"meta": {"source": "https://tests.birchline.example#7"}},
}
UNMARKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "the word in a text": {"text": {"div": "<div>HTEST urn:interpayer:test</div>"}},
    "the code of another system": {"meta": {"security": [{"system": "http://example.org", "code": "HTEST"}]}},
    "a namespace within another": {"identifier": [{"system": "https://a.example/urn:interpayer:test", "value": "7"}]},
    "broken meta": {"meta": "HTEST", "identifier": "urn:interpayer:test"},
    "broken label": {"meta": {"security": ["HTEST", 7, None]}},
}


def is_marked(resource: dict[str, Any]) -> bool:
    return Rehearsal(namespaces=OURS).is_marked(resource)


@pytest.mark.parametrize("name", MARKED)
def test_what_says_that_it_is_made_up_is_known(name: str) -> None:
    assert is_marked(MARKED[name])


@pytest.mark.parametrize("name", UNMARKED)
def test_what_does_not_say_so_is_not_taken_for_it(name: str) -> None:
    assert not is_marked(UNMARKED[name])


@pytest.mark.parametrize("own", [True, False], ids=["own sources", "partners"])
@pytest.mark.parametrize("environment", ["production", "test"])
def test_production_takes_no_test_data_whoever_sends_them(own: bool, environment: str) -> None:
    arrival = an_arrival(own=own, rehearsal=Rehearsal(environment))
    made, apart = make([an_encounter(meta={"security": [MARK]}), an_encounter("e2")], arrival, {"p1": "m-1"})
    assert [one.reason for one in apart] == ([TEST_DATA] if environment == "production" else [])
    assert len(made) == (1 if environment == "production" else 2)
