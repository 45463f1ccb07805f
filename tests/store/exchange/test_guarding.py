"""Guessing at the responder: noticed, slowed, refused, on the ledger; and a partner that works as agreed feels nothing.

One partner asks about members of ours, one request after the other or many in one call, through the same decision.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from interpayer.consent.writing import write_consent
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps import deciding, guarding
from interpayer.exchange.steps.deciding import Incoming, Request, caller_of
from interpayer.exchange.steps.matching import match_one
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.reading import write_coverage, write_patient
from interpayer.model.consent import Consent, Scope
from interpayer.model.reason import Fault, Refusal
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from tests.support.databases import serves
from tests.support.doors import a_partner
from tests.support.people import PAYER, a_coverage, a_person, a_row
from tests.support.tools import opened

PARTNER = replace(a_partner(), attested_by_contract=True)
RECIPIENTS = (*PARTNER.organizations, *a_partner("plan-c").organizations)
SUSAN = a_person()
FROM_A_NEWSPAPER = a_person(address=None)
JIM = a_person("Jim", born="1951-05-05", sex="male")


@pytest.fixture
def door(database, tmp_path):
    """The door's tools; Susan and Jim Horton are members, one partner is registered."""
    rows = [a_row(), a_row(JIM, a_coverage("W255048371-01"), row=2)]
    with opened(database, tmp_path / "ours", role="door") as tools:
        with database.operator.transaction() as conn:
            upsert_enrollments(conn, tools.vault, rows)
            directory.add_partner(conn, PARTNER, None, by="tests")
            directory.add_partner(conn, replace(PARTNER, **identity_of("plan-c")), None, by="tests")
        yield tools


def identity_of(client_id):
    other = a_partner(client_id)
    return {"id": other.id, "client_id": client_id, "organizations": other.organizations}


def bundle(person=SUSAN, card="W255048371-00", subscriber="W255048371"):
    """A whole request for this person with this card."""
    at = datetime.now(UTC)
    consent = Consent(
        id="k-1", member_id=None, scope=Scope.SENSITIVE, sources=(PAYER,), recipients=RECIPIENTS,
        starts_at=at - timedelta(days=2), ends_at=at + timedelta(days=300), performer="member", proof="form-12",
    )  # fmt: skip
    coverage = a_coverage(card, subscriber_id=subscriber)
    return MemberBundle(
        write_patient(person, "m"),
        write_coverage(coverage, coverage_id="c", patient_id="m", payer_name=PAYER),
        None,
        write_consent(consent, consent_id="k", patient_ref="Patient/m"),
    )


def request_of(conn, *, partner_id=PARTNER.id, batch_id=None):
    return Request(caller_of(conn, partner_id), now(), "test-correlation", batch_id)


def ask(door, asked, *, partner_id=PARTNER.id):
    """The kind of the answer to a single request, or how it was turned away."""
    try:
        with serves(partner_id), door.database.transaction() as conn:
            return match_one(door, conn, request_of(conn, partner_id=partner_id), asked).kind
    except Fault as fault:
        assert fault.retry_after_s > 0
        return fault.reason
    except Refusal as refusal:
        return refusal.reason


def ask_many(door, asked, *, partner_id=PARTNER.id):
    """The kinds of the answers to many in one call, and our own reasons."""
    incoming = [Incoming(new_id("x"), one) for one in asked]
    with serves(partner_id), door.database.transaction() as conn:
        request = request_of(conn, partner_id=partner_id, batch_id=new_id("b"))
        outcomes = deciding.decide(door, conn, request, incoming)
    return [(outcomes.kind[i.exchange_id], outcomes.reason.get(i.exchange_id)) for i in incoming]


def guessed(number, person=FROM_A_NEWSPAPER):
    """What a stranger may know of a member, with a card that is not hers."""
    return bundle(person, f"Q{number:08d}", f"Q{number:08d}")


def age(database, **ago):
    """Let all that was tried so far be older."""
    with database.owner.transaction() as conn:
        for table, columns in (("guess_try", ("first_at", "last_at")), ("guess_tally", ("hour", "last_at"))):
            moves = ", ".join(f"{column} = {column} - %(ago)s" for column in columns)
            conn.execute(f"update identity.{table} set {moves}".encode(), {"ago": timedelta(**ago)})


def events(database, prefix="guessing."):
    with database.owner.transaction() as conn:
        rows = conn.execute("select header from audit.event order by id").fetchall()
    headers = [json.loads(bytes(row["header"])) for row in rows]
    return [(h["name"], h["facts"]["pattern"], h["facts"]["tries"]) for h in headers if h["name"].startswith(prefix)]


def cases(database):
    with database.owner.transaction() as conn:
        return conn.execute("select count(*) as n from identity.review_case").fetchone()["n"]


def test_same_demographics_with_varying_ids_is_noticed_slowed_and_refused(door, database):
    answers = [ask(door, guessed(n)) for n in range(8)]
    assert answers == ["nomatch"] * 6 + ["caller.slowed"] * 2
    for n in range(10, 14):
        age(database, hours=1)
        assert ask(door, guessed(n)) == "nomatch", "slowed is not refused"
    assert ask(door, guessed(20)) == "caller.guessing"
    assert events(database) == [
        ("guessing.noticed", "person", 4),
        ("guessing.slowed", "person", 6),
        ("guessing.refused", "person", 10),
    ]


def test_the_right_guess_at_last_brings_nothing(door):
    for n in range(6):
        ask(door, guessed(n))
    assert ask(door, bundle()) == "caller.slowed"
    assert ask(door, bundle(), partner_id="p-plan-c") == "match", "another partner is not held for it"


def test_one_card_with_varying_people_is_refused(door, database):
    def another(n):
        return a_person(f"Name{chr(65 + n)}", family=f"{chr(65 + n)}orton", born=f"19{60 + n}-02-17", address=None)

    answers = [ask(door, bundle(another(n))) for n in range(14)]
    assert answers == ["nomatch"] * 12 + ["caller.slowed"] * 2
    assert ("guessing.noticed", "card", 8) in events(database)


def test_birth_dates_tried_out_for_a_name_are_noticed_without_any_card_in_common(door, database):
    def born(n):
        return bundle(replace(SUSAN, birth_date=date(1953, 2, 1) + timedelta(days=n)), f"Q{n:08d}", f"Q{n:08d}")

    answers = [ask(door, born(n)) for n in range(14)]
    assert answers[-1] == "caller.slowed"
    assert {pattern for _, pattern, _ in events(database)} == {"name"}


def test_a_repeat_is_no_guessing_however_often(door, database):
    for quarter in range(5):
        asked = [ask(door, guessed(n)) for n in range(3)]
        assert asked == ["nomatch"] * 3, quarter
        age(database, days=90)
    for _ in range(20):
        assert ask(door, guessed(1)) == "nomatch"
    assert events(database) == []


def test_a_repeat_passes_even_while_others_are_slowed(door):
    assert [ask(door, guessed(n)) for n in range(7)][-1] == "caller.slowed"
    assert ask(door, guessed(0)) == "nomatch", "it tells nothing that was not told before"


def test_who_matches_never_counts(door, database):
    for n in range(15):
        asked = bundle(replace(SUSAN, phones=(f"212555{n:04d}",)))
        assert ask(door, asked) == "match"
    assert events(database) == []


def test_corrected_data_find_the_member_after_some_slips(door):
    assert [ask(door, guessed(n)) for n in range(3)] == ["nomatch"] * 3
    assert ask(door, bundle()) == "match"


def test_after_a_day_of_rest_one_more_may_come(door, database):
    for n in range(10):
        ask(door, guessed(n))
        age(database, hours=1)
    assert ask(door, guessed(50)) == "caller.guessing"
    age(database, hours=24)
    assert ask(door, guessed(50)) == "nomatch"
    assert ask(door, guessed(51)) == "caller.guessing"
    age(database, days=31)
    assert ask(door, guessed(52)) == "nomatch"
    assert ask(door, bundle()) == "match", "a month later it is forgotten"


def test_many_cards_for_one_person_in_one_call_are_not_looked_up(door, database):
    answers = ask_many(door, [*(guessed(n) for n in range(40)), bundle()])
    assert {kind for kind, _ in answers} == {"nomatch"}, "the partner reads the same for all"
    assert [reason for _, reason in answers].count("caller.guessing") == 41 - 6
    assert answers[-1][1] == "caller.guessing", "the right one came last and is not looked up"
    assert cases(database) <= 6, "nobody has to look at forty cases"
    assert ("guessing.slowed", "person", 6) in events(database)


def test_a_family_on_one_card_in_one_call_is_matched(door, database):
    kids = [a_person(f"Kid{chr(65 + n)}", born=f"19{80 + n}-06-0{1 + n % 9}") for n in range(11)]
    rows = [a_row(kid, a_coverage(f"W255048371-{n + 2:02d}"), row=n) for n, kid in enumerate(kids)]
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, door.vault, rows)
    answers = ask_many(door, [bundle(kid, f"W255048371-{n + 2:02d}") for n, kid in enumerate(kids)])
    assert {kind for kind, _ in answers} == {"match"}
    assert events(database) == []


def test_one_person_with_two_coverages_in_one_call_is_matched(door):
    answers = ask_many(door, [bundle(), guessed(1), bundle(JIM, "W255048371-01")])
    assert [kind for kind, _ in answers] == ["match", "nomatch", "match"]


def test_a_call_of_strangers_is_no_guessing(door, database):
    def stranger(n):
        born = f"19{n % 90 + 10}-0{n % 9 + 1}-11"
        return bundle(a_person(f"N{n}a", family=f"F{n}b", born=born, address=None), f"Z{n:07d}", None)

    assert {kind for kind, _ in ask_many(door, [stranger(n) for n in range(60)])} == {"nomatch"}
    assert events(database) == []


def near_misses(number, start=0):
    """Different people of one family name at Susan's address: each comes near, none is meant."""

    def relative(n):
        born = f"19{n % 60 + 20}-0{n % 9 + 1}-{n % 27 + 1:02d}"
        return bundle(a_person(f"{chr(65 + n % 26)}x{n}", born=born), f"N{n:07d}", None)

    return [relative(n) for n in range(start, start + number)]


def test_many_near_misses_of_one_partner_hold_everything_it_asks(door, database):
    reasons = [reason for _, reason in ask_many(door, near_misses(200))]
    assert reasons.count("identity.household_only") > 180, "the scene: somebody real is near each of them"
    assert ask(door, bundle()) == "caller.guessing"
    with door.database.transaction() as conn, pytest.raises(Refusal, match=r"caller\.guessing"):
        guarding.turn_away(door, conn, PARTNER.id, at=now())
    assert ask(door, bundle(), partner_id="p-plan-c") == "match"
    assert ("guessing.refused", "near", 200) in events(database)
    age(database, hours=49)
    assert ask(door, bundle()) == "match"


def test_near_misses_among_many_good_requests_are_no_guessing(door, database):
    for n in range(40):
        ask_many(door, [bundle(), bundle(JIM, "W255048371-01"), bundle(), *near_misses(1, start=n)])
    assert ask(door, bundle()) == "match"
    assert events(database) == []


def test_a_bare_refusal_looks_the_same_whatever_the_pattern(door, database):
    """What is near is ours to know: neither reason nor pause differs by it."""
    ask_many(door, near_misses(100))
    with door.database.transaction() as conn, pytest.raises(Fault, match=r"caller\.slowed") as one:
        guarding.turn_away(door, conn, PARTNER.id, at=now())
    assert one.value.detail == ""
    assert one.value.retry_after_s == pytest.approx(900, abs=30)


def test_what_is_kept_holds_nobody(door, database):
    for n in range(7):
        ask(door, guessed(n))
    with database.owner.transaction() as conn:
        kept = conn.execute("select * from identity.guess_try").fetchall()
        alarms = conn.execute("select * from identity.guess_alarm").fetchall()
        ledger = conn.execute("select header from audit.event").fetchall()
    assert kept
    assert alarms
    text = str([*kept, *alarms, *(bytes(row["header"]) for row in ledger)]).lower()
    assert not any(word in text for word in ("horton", "susan", "1953", "53259", "w2550", "q0000"))
