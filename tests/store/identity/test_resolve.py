"""Resolving against the store: one query and many decide alike; people's rulings are honored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.identity import review
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.graph import link_members
from interpayer.identity.resolve import Resolver, default_rules
from interpayer.identity.store import evidence, save_evidence
from interpayer.model.match import Disposition
from interpayer.model.reason import Refusal
from interpayer.system.keys import Vault
from tests.support.people import a_coverage, a_person, a_query, a_row

VAULT = Vault(b"k" * 32, "test")
RESOLVER = Resolver(VAULT, default_rules())
DUE = datetime(2026, 12, 1, tzinfo=UTC)
UNSURE = a_query(a_person("Theodora"), a_coverage())


@pytest.fixture
def susan(database):
    """Susan Horton and her husband are members."""
    rows = [
        a_row(),
        a_row(a_person("Jim", born="1951-05-05", sex="male"), a_coverage("W255048371-01"), row=2),
    ]
    with database.operator.transaction() as conn:
        return upsert_enrollments(conn, VAULT, rows)[0].member_id


def new_case(conn, query=UNSURE, *, exchange_id="x-1", partner_id="p-1"):
    match = RESOLVER.resolve(conn, query)
    return review.NewCase("identity", exchange_id, partner_id, match, query, RESOLVER.fingerprint(query), DUE)


def ruling(decision, member_id=None, reason="called the member"):
    return review.Ruling("Ann", decision, reason, member_id)


def test_one_and_many_decide_alike(database, susan):
    queries = [
        a_query(coverage=a_coverage()),
        UNSURE,
        a_query(a_person("Jim", born="1951-05-05", sex="male"), a_coverage(None)),
        a_query(),
        a_query(a_person("Noah", family="Stone", born="2001-01-02", address=None)),
        a_query(coverage=a_coverage(), payer="http://example.org/payers|another"),
        a_query(coverage=a_coverage(), payer=""),
    ]
    with database.door.transaction() as conn:
        many = RESOLVER.resolve_many(conn, queries)
        single = [RESOLVER.resolve(conn, query) for query in queries]
    said = [(m.disposition.value, m.reason, m.member_id, m.rule) for m in many]
    assert said == [(m.disposition.value, m.reason, m.member_id, m.rule) for m in single]
    assert [s[0] for s in said] == ["certain", "review", "certain", "review", "none", "none", "none"]
    assert said[0][2] == susan


def test_a_former_name_still_finds_the_member(database, susan):
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, [a_row(a_person(family="Hollister"), as_of="2026-12-01")])
        match = RESOLVER.resolve(conn, a_query(coverage=a_coverage(None)))
    assert (match.disposition, match.member_id) == (Disposition.CERTAIN, susan)


def test_members_linked_as_one_person_count_once(database, susan):
    with database.operator.transaction() as conn:
        again = upsert_enrollments(conn, VAULT, [a_row(coverage=a_coverage("W255048371-09"))])[0].member_id
        query = a_query(coverage=a_coverage(None))
        assert RESOLVER.resolve(conn, query).reason == "identity.ambiguous"
        link_members(conn, again, susan, person="Ann", reason="enrolled twice")
        assert RESOLVER.resolve(conn, query).member_id == susan


def test_a_block_that_everybody_shares_is_skipped(database):
    rows = [
        a_row(a_person(f"P{n}", family=f"F{n}", born="1960-01-01"), a_coverage(f"X{n:06}"), row=n) for n in range(250)
    ]
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, rows)
        by_address = RESOLVER.resolve(conn, a_query(a_person("Nobody", family="Else", born="1999-09-09")))
        by_id = RESOLVER.resolve(conn, a_query(a_person("P7", family="F7", born="1960-01-01"), a_coverage("X000007")))
    assert by_address.candidates == ()
    assert by_id.disposition is Disposition.CERTAIN


def test_evidence_is_kept_without_values(database, susan):
    with database.door.transaction() as conn:
        match = RESOLVER.resolve(conn, UNSURE)
        save_evidence(conn, [match, match])
        kept = evidence(conn, match.evidence_id)
    assert (kept["reason"], kept["rule_version"]) == ("identity.conflict_name", RESOLVER.rules.version)
    assert kept["candidates"][0]["member_id"] == susan
    assert "THEODORA" not in str(kept).upper()


def test_a_repeat_joins_the_open_case(database, susan):
    with database.door.transaction() as conn:
        first = review.open_case(conn, VAULT, new_case(conn))
        spelled = a_query(a_person("THEODORA", family="HORTON"), a_coverage("w255-048-371-00"))
        second = review.open_case(conn, VAULT, new_case(conn, spelled, exchange_id="x-2"))
        other = review.open_case(conn, VAULT, new_case(conn, exchange_id="x-3", partner_id="p-2"))
        found = review.case(conn, first.id)
    assert (second.id, second.joined) == (first.id, True)
    assert (other.joined, first.joined) == (False, False)
    assert found.exchange_ids == ("x-1", "x-2")


def test_two_repeats_in_one_call_are_one_case(database, susan):
    with database.door.transaction() as conn:
        opened = review.open_cases(conn, VAULT, [new_case(conn), new_case(conn, exchange_id="x-2")])
        assert len({o.id for o in opened}) == 1
        assert [o.joined for o in opened] == [False, True]
        assert len(review.list_cases(conn, state="open")) == 1


def test_same_makes_the_next_request_certain(database, susan):
    with database.operator.transaction() as conn:
        opened = review.open_case(conn, VAULT, new_case(conn))
        decided = review.decide_case(conn, opened.id, ruling("same", susan))
        match = RESOLVER.resolve(conn, UNSURE)
        assert (decided.exchange_ids, decided.member_id) == (("x-1",), susan)
        assert (match.disposition, match.member_id, match.rule) == (Disposition.CERTAIN, susan, "review")


def test_different_holds_until_the_member_changes(database, susan):
    with database.operator.transaction() as conn:
        opened = review.open_case(conn, VAULT, new_case(conn))
        review.decide_case(conn, opened.id, ruling("different"))
        refused = RESOLVER.resolve(conn, UNSURE)
        assert (refused.disposition, refused.reason) == (Disposition.NONE, "identity.reviewer_refused")
        upsert_enrollments(conn, VAULT, [a_row(a_person("Theodora"), as_of="2026-12-01")])
        assert RESOLVER.resolve(conn, UNSURE).member_id == susan


def test_a_later_ruling_supersedes_and_erases_nothing(database, susan):
    with database.operator.transaction() as conn:
        first = review.open_case(conn, VAULT, new_case(conn))
        again = new_case(conn)
        review.decide_case(conn, first.id, ruling("different"))
        second = review.open_case(conn, VAULT, again)
        review.decide_case(conn, second.id, ruling("same", susan))
        assert second.id != first.id
        assert RESOLVER.resolve(conn, UNSURE).member_id == susan
        said = conn.execute(
            "select decision, superseded_at is null as holds from identity.judgement "
            "where member_id = %s order by judgement_id",
            [susan],
        ).fetchall()
    assert [(s["decision"], s["holds"]) for s in said] == [("different", False), ("same", True)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (ruling("same", "m-nobody"), "request.malformed"),
        (ruling("same"), "request.malformed"),
        (ruling("perhaps"), "request.malformed"),
        (ruling("different", reason=" "), "request.malformed"),
    ],
)
def test_a_ruling_needs_a_candidate_a_person_and_a_reason(database, susan, wrong, reason):
    with database.operator.transaction() as conn:
        opened = review.open_case(conn, VAULT, new_case(conn))
        with pytest.raises(Refusal) as refused:
            review.decide_case(conn, opened.id, wrong)
        assert refused.value.reason == reason
        assert review.case(conn, opened.id).state == "open"


def test_a_decided_case_stays_decided(database, susan):
    with database.operator.transaction() as conn:
        opened = review.open_case(conn, VAULT, new_case(conn))
        assert review.assign_case(conn, opened.id, to="Ann").state == "assigned"
        review.decide_case(conn, opened.id, ruling("undecidable"))
        for act in (
            lambda: review.decide_case(conn, opened.id, ruling("same", susan)),
            lambda: review.assign_case(conn, opened.id, to="Bob"),
        ):
            with pytest.raises(Refusal) as refused:
                act()
            assert refused.value.reason == "request.wrong_state"
        with pytest.raises(Refusal):
            review.decide_case(conn, "c-unknown", ruling("different"))
        assert RESOLVER.resolve(conn, UNSURE).disposition is Disposition.NONE


def test_sides_are_masked_unless_asked_otherwise(database, susan):
    with database.door.transaction() as conn:
        opened = review.open_case(conn, VAULT, new_case(conn))
        masked, clear = (str(review.sides(conn, VAULT, opened.id, masked=m)) for m in (True, False))
    assert not [v for v in ("Theodora", "Susan", "Horton", "1953-02-17", "W255048371") if v in masked]
    assert all(v in clear for v in ("Theodora", "Susan", "Horton", "1953-02-17", "W255048371-00"))
    assert susan in masked


def test_a_case_without_people_is_closed_by_a_person(database):
    case = review.NewCase("recall", "x-1", "p-1", None, None, None, DUE, reason="recall.wrong_member")
    with database.operator.transaction() as conn:
        opened = review.open_case(conn, VAULT, case)
        again = review.open_case(conn, VAULT, case)
        decided = review.close_case(conn, opened.id, person="Ann", reason="told the partner")
        assert again.id != opened.id
        assert (decided.kind, decided.decision, review.case(conn, opened.id).state) == ("recall", "closed", "closed")


def test_cases_come_by_urgency(database):
    def case(days, exchange_id):
        due = DUE + timedelta(days=days)
        return review.NewCase("policy", exchange_id, "p-1", None, None, None, due)

    with database.operator.transaction() as conn:
        late, soon = review.open_cases(conn, VAULT, [case(5, "x-1"), case(1, "x-2")])
        assert [row.id for row in review.list_cases(conn)] == [soon.id, late.id]
        review.close_case(conn, soon.id, person="Ann", reason="done")
        assert [row.id for row in review.list_cases(conn)] == [late.id, soon.id]
        assert review.list_cases(conn, partner_id="p-2") == []


def test_is_it_really_our_member(database, susan):
    with database.worker.transaction() as conn:
        assert RESOLVER.verify(conn, a_person("Suzy"), susan).member_id == susan
        assert RESOLVER.verify(conn, a_person("Theodora"), susan).disposition is Disposition.REVIEW
        with pytest.raises(Refusal):
            RESOLVER.verify(conn, a_person(), "m-unknown")


def test_the_door_cannot_change_people(database, susan):
    with database.door.transaction() as conn:
        rights = conn.execute(
            "select table_name, privilege_type from information_schema.role_table_grants "
            "where table_schema = 'identity' and grantee = 'interpayer_door' and privilege_type <> 'SELECT'"
        ).fetchall()
    # it counts who guesses, which names nobody; of people it changes nothing
    counted = {"guess_try", "guess_tally"}
    assert {r["table_name"] for r in rights} == {"review_case", "case_exchange", "evidence", "guess_alarm"} | counted
    assert {r["privilege_type"] for r in rights if r["table_name"] not in counted} == {"INSERT"}


def test_a_namesake_among_too_many_to_look_at_is_nobody_certain(database):
    crowd = [
        a_row(
            a_person("Susan", ssn4=f"{n:04d}", phone=f"513-960-{n:04d}", address=None),
            a_coverage(f"W30000{n:04d}", subscriber_id=f"W3000{n:04d}"),
            row=n,
        )
        for n in range(1, 230)
    ]
    asked = a_query(crowd[7].demographics)
    found = []
    for largest in (500, 200):
        with database.operator.transaction() as conn:
            upsert_enrollments(conn, VAULT, crowd)
            rules = replace(default_rules(), largest_block=largest)
            found.append(Resolver(VAULT, rules).decide_many(conn, [asked], purpose="")[0])
    looked, unseen = found
    assert looked.skipped == 0
    assert unseen.skipped >= 2
    assert (looked.match.disposition, looked.match.rule) == (Disposition.CERTAIN, "P")
    assert (unseen.match.disposition, unseen.match.reason) == (Disposition.REVIEW, "identity.ambiguous")
