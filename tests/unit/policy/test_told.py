"""Facts as JSON read back as themselves, and nothing else is read as facts."""

from dataclasses import replace
from random import Random

import orjson
import pytest

from interpayer.policy.facts import Facts
from interpayer.policy.told import facts_as_json, facts_from_json, kind_of
from tests.support.policy_oracle import some_facts


def test_facts_read_back_as_themselves():
    draw = Random(60)
    for _ in range(300):
        facts = some_facts(draw)
        read = facts_from_json(orjson.loads(orjson.dumps(facts_as_json(facts))))
        if isinstance(facts, Facts):
            facts = replace(facts, **{n: tuple(sorted(getattr(facts, n))) for n in ("scopes", "lines_agreed")})
            facts = replace(facts, lines_of_business=tuple(sorted(facts.lines_of_business)))
        assert facts_as_json(read) == facts_as_json(facts)
        assert kind_of(read) == kind_of(facts)


def test_what_is_as_usual_is_not_told():
    told = facts_as_json(Facts("match", "p-1", "active", "test", "test"))
    assert told == {
        **{"action": "match", "partner_id": "p-1", "partner_status": "active"},
        **{"partner_environment": "test", "environment": "test"},
    }


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"action": "erase"},
        {"action": "match"},
        {"action": "purge", "what": "x", "age_days": True, "keep_days": 1, "is_held": False},
        {"action": "purge", "what": "x", "age_days": 1, "keep_days": 1, "is_held": False, "member": "m-1"},
        {"action": "release", "asker": "p-1", "kind": {"type": "Patient"}},
        {"action": "release", "asker": {"action": "match"}, "kind": {"type": "Patient"}},
    ],
)
def test_what_are_no_facts_is_refused(told):
    with pytest.raises(ValueError, match=r".+"):
        facts_from_json(told)
