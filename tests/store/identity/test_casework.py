"""Cases in the store: ranked, decided by one name or two, undone whole, kept as labels."""

from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.errors import InsufficientPrivilege

from interpayer.identity import review
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.graph import link_members
from interpayer.identity.resolve import Resolver, default_rules
from interpayer.model.match import Candidate, Comparison, Disposition, Level, Match
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.keys import Vault
from tests.support.people import a_coverage, a_person, a_query, a_row

VAULT = Vault(b"k" * 32, "test")
RESOLVER = Resolver(VAULT, default_rules())
ASKED = a_query(a_person("Theodora"), a_coverage())
LIMIT = 24.0


@pytest.fixture
def pair(database):
    """Two members who may be meant."""
    rows = [a_row(), a_row(a_person("Jim", born="1951-05-05", sex="male"), a_coverage("W255048371-01"), row=2)]
    with database.operator.transaction() as conn:
        return [outcome.member_id for outcome in upsert_enrollments(conn, VAULT, rows)]


def a_match(pair, *, score=20.0, reason="identity.weak", margin=10.0):
    said = (Comparison("given", Level.DIFFERENT, "personal", -4.0),)
    candidates = tuple(Candidate(m, None, said, 30.0 - 10 * n, 20.0, 10.0 - 10 * n) for n, m in enumerate(pair))
    versions = {"model_version": "m-1", "threshold_version": "t-1"}
    return Match(
        *(Disposition.REVIEW, reason, None, "e-1", None, "r-1", candidates),
        score=score,
        margin=margin,
        runner_up=pair[1],
        **versions,
    )


def opened(conn, pair, *, two_names_below=None, due_in=timedelta(days=1), match=None, **more):
    case = review.NewCase(
        *("identity", "x-1", "p-1", match or a_match(pair), ASKED, RESOLVER.fingerprint(ASKED), now() + due_in),
        two_names_below=two_names_below,
    )
    return review.open_case(conn, VAULT, replace(case, **more)).id


def rule(conn, case_id, person, decision, member_id=None):
    return review.decide_case(conn, case_id, review.Ruling(person, decision, "documents_checked", member_id))


def test_one_name_is_enough_above_the_limit(database, pair):
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair, two_names_below=LIMIT, match=a_match(pair, score=25.0))
        assert review.case(conn, case_id).names_needed == 1
        assert rule(conn, case_id, "Ann", "same", pair[0]).is_settled


def test_below_the_limit_a_same_waits_for_a_second_name(database, pair):
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair, two_names_below=LIMIT)
        first = rule(conn, case_id, "Ann", "same", pair[0])
        again = rule(conn, case_id, "ANN", "same", pair[0])
        between = review.case(conn, case_id)
        assert RESOLVER.resolve(conn, ASKED).member_id is None
        second = rule(conn, case_id, "Bob", "same", pair[0])
        after = review.case(conn, case_id)
        assert RESOLVER.resolve(conn, ASKED).member_id == pair[0]
    assert (first.is_settled, again.is_settled, second.is_settled) == (False, False, True)
    assert (between.names_needed, between.state, between.waits_for_second) == (2, "open", True)
    assert [one.person for one in between.said if one.superseded_at is None] == ["ANN"]
    assert (after.state, after.decided_by, after.waits_for_second) == ("decided", "ANN and Bob", False)
    assert [label.names for label in _labels(database)] == [2, 2]


def test_the_limit_is_about_the_candidate_that_is_named(database, pair):
    """The best candidate lies above the limit; the other one, ten bits lighter, below."""
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair, two_names_below=LIMIT, match=a_match(pair, score=25.0))
        assert not rule(conn, case_id, "Ann", "same", pair[1]).is_settled
        assert rule(conn, case_id, "Bob", "same", pair[0]).is_settled is False
        assert rule(conn, case_id, "Cid", "same", pair[0]).is_settled


def test_a_no_needs_one_name(database, pair):
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair, two_names_below=LIMIT)
        assert rule(conn, case_id, "Ann", "different").is_settled
        assert RESOLVER.resolve(conn, ASKED).reason == "identity.reviewer_refused"


def test_a_repeat_joins_a_case_that_waits_for_a_second_name(database, pair):
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair, two_names_below=LIMIT)
        rule(conn, case_id, "Ann", "same", pair[0])
        assert opened(conn, pair, two_names_below=LIMIT, exchange_id="x-2") == case_id


@pytest.mark.parametrize("decision", ["same", "different", "undecidable"])
def test_a_decision_is_undone_whole(database, pair, decision):
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair)
        before = RESOLVER.resolve(conn, ASKED)
        rule(conn, case_id, "Ann", decision, pair[0] if decision == "same" else None)
        undone = review.undo_decision(conn, case_id, person="Bob", reason="new_facts")
        found = review.case(conn, case_id)
        after = RESOLVER.resolve(conn, ASKED)
    assert (undone.is_open, undone.decided.decision, undone.decided.exchange_ids) == (True, decision, ("x-1",))
    assert (found.state, found.decision, found.member_id, found.decided_by) == ("open", None, None, None)
    assert [(one.decision, one.superseded_by, one.superseded_why) for one in found.said] == [
        (decision, "Bob", "new_facts")
    ]
    assert (after.disposition, after.reason, after.member_id) == (before.disposition, before.reason, None)
    assert _labels(database) == []
    with database.operator.transaction() as conn:
        assert rule(conn, case_id, "Bob", "same", pair[0]).is_settled
        kept = conn.execute("select count(*) as n from identity.label where superseded_at is not null").fetchone()
    assert kept["n"] == 2, "what was taken back is still to be read"


def test_what_is_not_decided_cannot_be_undone(database, pair):
    recall = review.NewCase("recall", "x-1", "p-1", None, None, None, now(), reason="recall.wrong_member")
    with database.operator.transaction() as conn:
        case_id = opened(conn, pair)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            review.undo_decision(conn, case_id, person="Ann", reason="new_facts")
        other = review.open_case(conn, VAULT, recall).id
        review.close_case(conn, other, person="Ann", reason="done")
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            review.undo_decision(conn, other, person="Ann", reason="new_facts")
        with pytest.raises(Refusal, match=r"request\.not_found"):
            review.undo_decision(conn, "c-none", person="Ann", reason="new_facts")


def test_undoing_leaves_the_request_in_the_case_that_was_opened_meanwhile(database, pair):
    with database.operator.transaction() as conn:
        first = opened(conn, pair)
        rule(conn, first, "Ann", "different")
        second = opened(conn, pair, exchange_id="x-2")
        undone = review.undo_decision(conn, first, person="Ann", reason="new_facts")
        assert (undone.is_open, review.case(conn, first).state) == (False, "closed")
        assert review.case(conn, second).state == "open"


def _labels(database):
    with database.operator.transaction() as conn:
        return review.labels(conn)


def test_labels_hold_the_numbers_of_that_day_and_no_value(database, pair):
    with database.operator.transaction() as conn:
        rule(conn, opened(conn, pair), "Ann", "same", pair[0])
    one, other = _labels(database)
    assert (one.member_id, one.is_same, one.score, one.personal) == (pair[0], True, 20.0, 20.0)
    assert (other.member_id, other.is_same, other.score) == (pair[1], False, 10.0)
    assert (one.evidence_id, one.model_version, one.threshold_version) == ("e-1", "m-1", "t-1")
    assert one.comparisons[0]["field"] == "given"
    assert "Theodora" not in str((one, other))


def test_undecidable_is_no_label_to_learn_from(database, pair):
    with database.operator.transaction() as conn:
        rule(conn, opened(conn, pair), "Ann", "undecidable")
    assert [label.is_same for label in _labels(database)] == [None, None]


def test_a_person_enrolled_twice_is_one_person_in_labels_and_rulings(database, pair):
    with database.operator.transaction() as conn:
        link_members(conn, pair[1], pair[0], person="Ann", reason="enrolled_twice")
        rule(conn, opened(conn, pair), "Ann", "same", pair[0])
        ruled = conn.execute("select member_id, decision from identity.judgement where kind = 'request'").fetchall()
    assert [label.is_same for label in _labels(database)] == [True, True]
    assert [(row["member_id"], row["decision"]) for row in ruled] == [(pair[0], "same")]


def test_the_queue_is_by_risk_and_age(database, pair):
    def case(exchange_id, reason, due_in):
        match = a_match(pair, reason=reason)
        return {"exchange_id": exchange_id, "fingerprint": None, "due_in": due_in, "match": match}

    day = timedelta(days=1)
    with database.operator.transaction() as conn:
        calm = opened(conn, pair, **case("x-1", "identity.weak", day))
        risky = opened(conn, pair, **case("x-2", "identity.ambiguous", 5 * day))
        overdue = opened(conn, pair, **case("x-3", "identity.weak", -day))
        found = review.list_cases(conn)
        assert [row.id for row in found] == [overdue, risky, calm]
        assert found[1].risk > found[2].risk
        assert found[0].rank > found[1].rank > found[2].rank
        conn.execute(
            "update identity.review_case set opened_at = now() - interval '9 hours', due_at = now() + interval '1 hour'"
            " where case_id = %s",
            [calm],
        )
        assert [row.id for row in review.list_cases(conn)] == [overdue, calm, risky], "nearly all its time is gone"


def test_two_who_take_the_next_case_get_two(database, pair):
    with database.operator.transaction() as conn:
        ids = {opened(conn, pair, fingerprint=None, exchange_id=f"x-{n}") for n in (1, 2)}
    with database.operator.transaction() as one, database.operator.transaction() as other:
        taken = [review.next_unowned(conn) for conn in (one, other)]
        assert set(taken) == ids
        for conn, case_id in zip((one, other), taken, strict=True):
            review.assign_case(conn, case_id, to="Ann")
    with database.operator.transaction() as conn:
        assert review.next_unowned(conn) is None
        review.release_case(conn, taken[0])
        assert review.next_unowned(conn) == taken[0]
        assert review.next_unowned(conn, kind="recall") is None
        mine = review.narrowed(conn, review.CaseFilter(assigned_to="Ann"))
        assert [row.id for row in mine] == [taken[1]]


def test_a_late_case_is_flagged_once(database, pair):
    with database.operator.transaction() as conn:
        late = opened(conn, pair, due_in=-timedelta(hours=1))
        opened(conn, pair, fingerprint=None, exchange_id="x-2")
        done = opened(conn, pair, fingerprint=None, exchange_id="x-3", due_in=-timedelta(hours=1))
        rule(conn, done, "Ann", "different")
    with database.worker.transaction() as conn:
        assert [row.id for row in review.flag_overdue(conn, now(), 10)] == [late]
        assert review.flag_overdue(conn, now(), 10) == []


@pytest.mark.parametrize(
    "change",
    [
        "update identity.case_ruling set decision = 'different'",
        "delete from identity.case_ruling",
        "update identity.label set score = 99",
        "update identity.judgement set person = 'somebody else'",
        "delete from identity.judgement",
    ],
)
def test_nobody_rewrites_what_was_judged(database, pair, change):
    with database.operator.transaction() as conn:
        rule(conn, opened(conn, pair), "Ann", "same", pair[0])
    with pytest.raises(InsufficientPrivilege), database.operator.transaction() as conn:
        conn.execute(change)
    assert len(_labels(database)) == 2
