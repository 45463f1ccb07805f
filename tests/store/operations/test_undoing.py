"""A judgement about people is taken back: what rested on it is listed, stopped and recalled, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interpayer.audit.ledger import search
from interpayer.consent import store as consent_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.graph import Grounds
from interpayer.identity.people.ids import NewLink
from interpayer.model.exchange import State
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.operations import answers, cases, consents, people, recall
from interpayer.system.clock import now
from interpayer.system.database import Connection
from tests.support.databases import ScratchDatabase
from tests.support.people import a_coverage, a_person, a_row
from tests.support.released import a_bundle, an_answer, as_read
from tests.support.tools import a_doubt, opened

ANA, BO = Actor("person", "Ana Ruiz"), Actor("person", "Bo Lind")
DOUBTFUL = a_bundle(a_person("Theodora"), a_coverage())
CLEAR = a_bundle(a_person(), a_coverage())
BY_SUBSCRIBER = a_bundle(a_person(), a_coverage(None))
THEIRS = Identifier(IdKind.PATIENT, "pat-77", "https://other.example/fhir")


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home") as made:
        yield made


@pytest.fixture
def conn(tools: Tools) -> Iterator[Connection]:
    with tools.database.transaction() as conn:
        yield conn


@pytest.fixture
def susan(tools: Tools, conn: Connection) -> str:
    rows = [a_row(), a_row(a_person("Jim", born="1951-05-05", sex="male"), a_coverage("W255048371-01"), row=2)]
    return upsert_enrollments(conn, tools.vault, rows)[0].member_id or ""


@pytest.fixture
def twice(tools: Tools, conn: Connection) -> list[str]:
    """Two numbers on one card with one name and birth date: a person enrolled twice, or so it seems."""
    rows = [a_row(coverage=a_coverage(f"W255048371-0{n}"), row=n) for n in range(2)]
    return [outcome.member_id or "" for outcome in upsert_enrollments(conn, tools.vault, rows)]


def state_of(conn: Connection, exchange_id: str) -> tuple[State, str | None]:
    found = exchange_store.load(conn, exchange_id)
    assert found is not None
    return found.state, found.reason


def ruling(decision: str, member_id: str | None = None, person: Actor = ANA) -> review.Ruling:
    return review.Ruling(person.id, decision, "documents_checked", member_id)


def a_case(tools: Tools, conn: Connection) -> tuple[str, str]:
    """A partner asked for somebody doubtful: the exchange and its case."""
    exchange_id, match = an_answer(tools, conn, DOUBTFUL, state=State.IN_REVIEW)
    query = as_read(tools, DOUBTFUL)
    case = review.NewCase("identity", exchange_id, "p-c", match, query, tools.resolver.fingerprint(query), now())
    return exchange_id, review.open_case(conn, tools.vault, case).id


def test_undoing_a_same_recalls_what_was_released_by_it_and_nothing_else(
    tools: Tools, conn: Connection, susan: str
) -> None:
    first, case_id = a_case(tools, conn)
    cases.decide(tools, conn, case_id, ruling=ruling("same", susan), actor=ANA)
    released, match = an_answer(tools, conn, DOUBTFUL, state=State.RELEASED)
    granted, _ = an_answer(tools, conn, DOUBTFUL, state=State.PERMITTED)
    sure, _ = an_answer(tools, conn, CLEAR)
    assert match.rule == "review"
    done = cases.undo(tools, conn, case_id, reason="new_facts", actor=BO)
    assert set(done.fallout.recalled) == {released}
    assert set(done.fallout.stopped) == {first, granted}
    assert done.fallout.others == (sure,)
    assert [state_of(conn, x) for x in (released, granted)] == [
        (State.RECALLED, "recall.wrong_member"),
        (State.CANCELLED, "recall.wrong_member"),
    ]
    assert state_of(conn, sure)[0] is State.COMPLETED
    opened_recall = recall.shown(conn, done.fallout.recall_id or "")
    assert (opened_recall["exchange_ids"], opened_recall["opened_by"]) == ([released], "Bo Lind")
    live = {grant.exchange_id for grant in consent_store.grants_of(conn, member_id=susan) if not grant.withdrawn_at}
    assert live == {sure}
    assert an_answer(tools, conn, DOUBTFUL, state=State.IN_REVIEW)[1].member_id is None


def test_another_partners_ruling_about_the_same_member_stays(tools: Tools, conn: Connection, susan: str) -> None:
    _, case_id = a_case(tools, conn)
    cases.decide(tools, conn, case_id, ruling=ruling("same", susan), actor=ANA)
    other = a_bundle(a_person("Dorothea"), a_coverage())
    _, match = an_answer(tools, conn, other, state=State.IN_REVIEW)
    query = as_read(tools, other)
    case = review.NewCase("identity", None, "p-c", match, query, tools.resolver.fingerprint(query), now())
    second = review.open_case(conn, tools.vault, case).id
    cases.decide(tools, conn, second, ruling=ruling("same", susan), actor=ANA)
    staying, match = an_answer(tools, conn, other)
    assert match.rule == "review"
    done = cases.undo(tools, conn, case_id, reason="new_facts", actor=BO)
    assert done.fallout.recalled == ()
    assert staying in done.fallout.others


def test_undoing_a_no_lets_our_own_exchange_wait_again_and_go_on(tools: Tools) -> None:
    doubt = a_doubt(tools)
    with tools.database.transaction() as conn:
        cases.decide(tools, conn, doubt.case_id, ruling=ruling("different"), actor=ANA)
        assert state_of(conn, doubt.exchange_id) == (State.UNRESOLVED, "identity.reviewer_refused")
        done = cases.undo(tools, conn, doubt.case_id, reason="member_objected", actor=ANA)
        assert (done.waiting, done.is_open) == ((doubt.exchange_id,), True)
        assert state_of(conn, doubt.exchange_id)[0] is State.IN_REVIEW
        same = ruling("same", doubt.member_ids[0])
        assert cases.decide(tools, conn, doubt.case_id, ruling=same, actor=ANA).resumed == (doubt.exchange_id,)
        assert state_of(conn, doubt.exchange_id)[0] is State.IDENTIFIED


def test_the_first_of_two_names_moves_nothing(tools: Tools, conn: Connection, susan: str) -> None:
    exchange_id, match = an_answer(tools, conn, DOUBTFUL, state=State.IN_REVIEW)
    query = as_read(tools, DOUBTFUL)
    wanted = review.NewCase("identity", exchange_id, "p-c", match, query, tools.resolver.fingerprint(query), now())
    above = review.NewCase(
        *("identity", exchange_id, "p-c", match, query, tools.resolver.fingerprint(query), now()),
        two_names_below=(match.score or 0) + 1,
    )
    assert wanted.two_names_below is None
    case_id = review.open_case(conn, tools.vault, above).id
    first = cases.decide(tools, conn, case_id, ruling=ruling("same", susan), actor=ANA)
    assert (first.is_settled, first.answered_on_next_request) == (False, ())
    assert state_of(conn, exchange_id)[0] is State.IN_REVIEW
    second = cases.decide(tools, conn, case_id, ruling=ruling("same", susan, BO), actor=BO)
    assert (second.is_settled, second.answered_on_next_request) == (True, (exchange_id,))
    names = [event["name"] for event in search(conn, limit=20)]
    assert {"case.proposed", "case.decided"} <= set(names)


def test_a_late_case_is_on_the_ledger_once(tools: Tools, conn: Connection, susan: str) -> None:
    _, case_id = a_case(tools, conn)
    assert (cases.note_overdue(tools, conn, limit=10), cases.note_overdue(tools, conn, limit=10)) == (1, 0)
    (event,) = [event for event in search(conn, limit=50) if event["name"] == "case.overdue"]
    assert (event["facts"]["case"], event["outcome"]) == (case_id, "late")


def test_a_split_recalls_what_would_not_have_been_released(tools: Tools, conn: Connection, twice: list[str]) -> None:
    one, other = twice
    early, _ = an_answer(tools, conn, CLEAR)
    assert an_answer(tools, conn, BY_SUBSCRIBER, state=State.IN_REVIEW)[1].reason == "identity.ambiguous"
    made = people.merge(tools, conn, other, into=one, grounds=Grounds("Ana Ruiz", "enrolled_twice"), actor=ANA)
    assert set(made.members) == {one, other}
    wrong, match = an_answer(tools, conn, BY_SUBSCRIBER)
    under_way, _ = an_answer(tools, conn, BY_SUBSCRIBER, state=State.PERMITTED)
    by_number, _ = an_answer(tools, conn, CLEAR)
    assert match.member_id == one
    parted = people.split(tools, conn, other, other=one, grounds=Grounds("Bo Lind", "twin_or_namesake"), actor=BO)
    assert (parted.stays, parted.left) == ((one,), (other,))
    assert (parted.fallout.recalled, parted.fallout.stopped) == ((wrong,), (under_way,))
    assert set(parted.fallout.others) == {early, by_number}, (
        "what the card's number says holds with or without the merge"
    )
    assert state_of(conn, wrong) == (State.RECALLED, "recall.merge_undone")
    assert {state_of(conn, x)[0] for x in (early, by_number)} == {State.COMPLETED}
    events = {event["name"]: event for event in search(conn, limit=50)}
    assert events["person.split"]["facts"]["recall"] == parted.fallout.recall_id
    assert one not in str(events["person.split"]["facts"])
    assert one not in str(events["person.merged"]["facts"])


def test_forgotten_evidence_does_not_hide_a_wrong_release(tools: Tools, conn: Connection, twice: list[str]) -> None:
    one, other = twice
    people.merge(tools, conn, other, into=one, grounds=Grounds("Ana Ruiz", "enrolled_twice"), actor=ANA)
    wrong, _ = an_answer(tools, conn, BY_SUBSCRIBER)
    sure, _ = an_answer(tools, conn, CLEAR)
    conn.execute("update exchange.exchange set details = jsonb_set(details, '{match,evidence}', '\"e-gone\"')")
    parted = people.split(tools, conn, other, other=one, grounds=Grounds("Bo Lind", "new_facts"), actor=BO)
    assert (parted.fallout.recalled, parted.fallout.others) == ((wrong,), (sure,))


def test_the_exchange_says_who_judged(tools: Tools, conn: Connection, susan: str) -> None:
    _, case_id = a_case(tools, conn)
    cases.decide(tools, conn, case_id, ruling=ruling("same", susan), actor=ANA)
    later, _ = an_answer(tools, conn, DOUBTFUL)
    plain, _ = an_answer(tools, conn, CLEAR)
    found = {x: answers.load(conn, x, codec=tools.codec) for x in (later, plain)}
    said = {x: answers.render(one)["member"]["match"] for x, one in found.items() if one}
    assert (said[later]["reviewer"], said[later]["review_reason"]) == ("Ana Ruiz", "documents_checked")
    assert (said[plain]["reviewer"], said[plain]["reviewed_at"]) == (None, None)


def test_a_no_to_this_plan_goes_with_a_merge(tools: Tools, conn: Connection, twice: list[str]) -> None:
    one, other = twice
    consents.withdraw(tools, conn, other, proof="form 12", actor=ANA)
    made = people.merge(tools, conn, other, into=one, grounds=Grounds("Ana Ruiz", "enrolled_twice"), actor=ANA)
    assert made.opted_out == (one,)
    assert set(consent_store.withdrawn_at(conn, twice)) == set(twice)


def test_a_link_that_was_never_true_recalls_what_was_released_since(tools: Tools, conn: Connection, susan: str) -> None:
    before, _ = an_answer(tools, conn, CLEAR)
    conn.execute("update exchange.exchange set state_at = state_at - interval '1 day'")
    people.link(tools, conn, NewLink(susan, THEIRS, Grounds("Ana Ruiz", "documents_checked")), actor=ANA)
    after, _ = an_answer(tools, conn, CLEAR)
    ended = people.unlink(tools, conn, THEIRS, grounds=Grounds("Bo Lind", "typing_error"), actor=BO)
    assert (ended.member_id, ended.fallout.recalled) == (susan, (after,))
    assert state_of(conn, before)[0] is State.COMPLETED


def test_a_link_that_has_ended_recalls_nothing(tools: Tools, conn: Connection, susan: str) -> None:
    people.link(tools, conn, NewLink(susan, THEIRS, Grounds("Ana Ruiz", "documents_checked")), actor=ANA)
    after, _ = an_answer(tools, conn, CLEAR)
    grounds = Grounds("Bo Lind", "id_reassigned")
    ended = people.unlink(tools, conn, THEIRS, grounds=grounds, ended_on=now().date(), actor=BO)
    assert (ended.fallout.recall_id, ended.fallout.others) == (None, (after,))


def test_outside_ids_are_masked_and_a_look_at_them_is_an_event(tools: Tools, conn: Connection, susan: str) -> None:
    people.link(tools, conn, NewLink(susan, THEIRS, Grounds("Ana Ruiz", "documents_checked")), actor=ANA)
    masked = people.shown(tools, conn, susan, actor=ANA)
    assert "pat-77" not in str(masked)
    assert "W255048371" not in str(masked)
    assert masked.members == (susan,)
    assert "access.looked" not in {event["name"] for event in search(conn, limit=50)}
    clear = people.shown(tools, conn, susan, purpose="audit", actor=ANA)
    assert "pat-77" in {named.value for named in clear.ids}
    assert people.found(tools, conn, THEIRS, purpose="audit", actor=BO) == [(susan, "current")]
    looks = [event for event in search(conn, limit=50) if event["name"] == "access.looked"]
    assert [event["actor_id"] for event in looks] == ["Ana Ruiz", "Bo Lind"]
    assert "pat-77" not in str(looks)


def test_an_unknown_member_is_not_found(tools: Tools, conn: Connection) -> None:
    with pytest.raises(Refusal, match=r"request\.not_found"):
        people.shown(tools, conn, "m-none", actor=ANA)
