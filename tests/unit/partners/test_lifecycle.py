"""The life of a partner: every way that is not in the table is refused, and nobody activates itself."""

import pytest

from interpayer.model.partner import PartnerStatus as S
from interpayer.model.reason import Refusal
from interpayer.partners.lifecycle import GATE, PARTNER, PERSON, PROCESS, TRANSITIONS, may_call, transition

WAYS = {
    S.INVITED: {S.TESTING, S.SUSPENDED, S.RETIRED},
    S.TESTING: {S.ACTIVE, S.QUARANTINED, S.SUSPENDED, S.RETIRED},
    S.ACTIVE: {S.TESTING, S.QUARANTINED, S.SUSPENDED, S.RETIRED},
    S.QUARANTINED: {S.ACTIVE, S.TESTING, S.SUSPENDED, S.RETIRED},
    S.SUSPENDED: {S.ACTIVE, S.TESTING, S.INVITED, S.QUARANTINED, S.RETIRED},
    S.RETIRED: set(),
}


@pytest.mark.parametrize("source", list(S))
@pytest.mark.parametrize("target", list(S))
def test_only_the_ways_of_the_table_are_open(source: S, target: S) -> None:
    if target in WAYS[source]:
        assert transition(source, target, who=PERSON).target is target
        return
    with pytest.raises(Refusal) as refused:
        transition(source, target, who=PERSON)
    assert refused.value.reason == "request.wrong_state"
    assert all(way.value in refused.value.detail for way in WAYS[source])


@pytest.mark.parametrize("who", [PARTNER, PROCESS, "stranger"])
def test_nobody_but_a_person_makes_a_partner_active_or_ends_it(who: str) -> None:
    for one in TRANSITIONS:
        if one.target in {S.ACTIVE, S.RETIRED}:
            with pytest.raises(Refusal) as refused:
                transition(one.source, one.target, who=who)
            assert refused.value.reason == "caller.not_permitted"


def test_every_way_to_active_leads_through_the_gate() -> None:
    assert {one.needs for one in TRANSITIONS if one.target is S.ACTIVE} == {GATE}


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("environment", ["test", "production"])
def test_who_may_call(status: S, environment: str) -> None:
    expected = status is S.ACTIVE or (status is S.TESTING and environment == "test")
    assert may_call(status, environment=environment) is expected
