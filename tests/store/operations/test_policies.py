"""Who puts a policy into force, what stands in the way, and what the ledger says of it."""

import pytest

from interpayer.audit.ledger import search
from interpayer.model.reason import Refusal
from interpayer.operations import policies
from interpayer.operations.access import Person
from interpayer.policy import store
from interpayer.policy.composing import compose, shipped
from interpayer.policy.in_force import in_force
from interpayer.system.clock import now
from tests.support.tools import opened

NARROWER = {
    "partners.cedar": '@id("no-claims")\n@reason("policy.narrowed")\n'
    'forbid (principal, action == Action::"release", resource)\nwhen { resource.type == "ExplanationOfBenefit" };\n'
}
FAILING = {
    "partners.cedar": '@id("nobody")\n@reason("policy.denied")\n'
    'forbid (principal, action == Action::"match", resource);'
}
CLAIM = {
    "action": "release",
    "asker": {
        **{"action": "export", "partner_id": "p-1", "partner_status": "active"},
        **{"partner_environment": "production", "environment": "production"},
    },
    "kind": {"type": "ExplanationOfBenefit"},
}


def a_person(name, *roles):
    return Person(name, "person", roles or ("admin",), now(), "first admin")


ANA, BO, OPERATOR = a_person("Ana Ruiz"), a_person("Bo Lind"), a_person("Cy", "operator")


@pytest.fixture
def tools(database, tmp_path):
    with opened(database, tmp_path / "home", environment="production") as made:
        yield made


def told(conn, name):
    return [(e["actor_id"], e["facts"]) for e in search(conn) if e["name"] == name]


def test_two_names_put_a_policy_into_force(tools):
    with tools.database.transaction() as conn:
        store.keep(conn, [store.Kept("p", "RecordFacts", CLAIM, True, (), (), (), times=7, subject="j-1")])
        waits = policies.publish(tools, conn, NARROWER, reason="agreed with p-1", person=ANA)
        assert (waits.number, in_force(conn).version) == (None, shipped().version)
        with pytest.raises(Refusal, match=r"policy\.second_person"):
            policies.approve(tools, conn, waits.proposal, person=a_person("  ana  RUIZ "))
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            policies.approve(tools, conn, waits.proposal, person=OPERATOR)
        done = policies.approve(tools, conn, waits.proposal, person=BO)
        assert in_force(conn).version == done.version == compose(NARROWER).version
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            policies.approve(tools, conn, waits.proposal, person=BO)
        ((by, facts),) = told(conn, "policy.published")
        assert (by, facts["proposed_by"], facts["before"]) == ("Bo Lind", "Ana Ruiz", shipped().version)
        assert (facts["closed"], facts["opened"]) == (7, 0), "what it would have decided lately is on the ledger"
        assert len(told(conn, "policy.proposed")) == 1
    assert tools.policy().version == done.version


def test_what_fails_its_cases_waits_for_nobody(tools):
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal) as refusal:
            policies.publish(tools, conn, FAILING, reason="a try", person=ANA)
        assert refusal.value.reason == "policy.cases_fail"
        assert "a partner in good standing is answered" in refusal.value.detail
        with pytest.raises(Refusal, match=r"request\.malformed"):
            policies.publish(tools, conn, {"partners.cedar": "permit everything"}, reason="a try", person=ANA)
        with pytest.raises(Refusal, match=r"request\.malformed"):
            policies.publish(tools, conn, NARROWER, reason=" ", person=ANA)
        with pytest.raises(Refusal, match=r"request\.malformed"):
            policies.publish(tools, conn, {}, reason="an empty folder", person=ANA)
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            policies.publish(tools, conn, NARROWER, reason="a try", person=OPERATOR)
        assert policies.standing(conn)["proposals"] == []
        assert in_force(conn).version == shipped().version


def test_one_name_takes_it_back(tools):
    with tools.database.transaction() as conn:
        waits = policies.publish(tools, conn, NARROWER, reason="agreed", person=ANA)
        done = policies.approve(tools, conn, waits.proposal, person=BO)
        with pytest.raises(Refusal, match=r"policy\.version_unknown"):
            policies.rollback(tools, conn, reason="wrong", person=ANA, version=compose(FAILING).version)
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            policies.rollback(tools, conn, reason="wrong", person=OPERATOR)
        back = policies.rollback(tools, conn, reason="claims are missed", person=ANA)
        assert back.version == in_force(conn).version == shipped().version
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            policies.rollback(tools, conn, reason="again", person=ANA, version=shipped().version)
        again = policies.rollback(tools, conn, reason="it was right", person=ANA)
        assert again.version == done.version
        assert [facts["version"] for _, facts in told(conn, "policy.rolled_back")] == [back.version, again.version]


def test_a_proposal_can_be_taken_back(tools):
    with tools.database.transaction() as conn:
        waits = policies.publish(tools, conn, NARROWER, reason="agreed", person=ANA)
        policies.withdraw(tools, conn, waits.proposal, person=BO)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            policies.approve(tools, conn, waits.proposal, person=BO)
        with pytest.raises(Refusal, match=r"request\.not_found"):
            policies.withdraw(tools, conn, "o-none", person=BO)
        assert [p.state for p in policies.standing(conn)["proposals"]] == ["withdrawn"]


def test_who_may_change_it_is_still_said_when_the_policy_in_force_does_not_load(tools):
    with tools.database.transaction() as conn:
        kept = compose(NARROWER)
        store.publish(conn, kept, by="ana", own={"partners.cedar": "of another release"})
        store.release(conn, kept.version, act="publish", by="ana", reason="of another release")
        assert policies.standing(conn)["broken"]
        policies.rollback(tools, conn, reason="nothing goes", person=ANA, version=shipped().version)
        assert policies.standing(conn)["broken"] is None


def test_where_nothing_is_real_one_name_is_enough(database, tmp_path):
    with opened(database, tmp_path / "home", environment="test") as tools, tools.database.transaction() as conn:
        assert policies.publish(tools, conn, NARROWER, reason="a try", person=ANA).number
        assert in_force(conn).version == compose(NARROWER).version
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            policies.publish(tools, conn, NARROWER, reason="again", person=ANA)
