"""Which pairs teach: people with themselves, never a household because it is one."""

from datetime import date

from interpayer.identity.comparison import Grade
from interpayer.identity.learning.chance import count_chance
from interpayer.identity.learning.sessions import SESSIONS, Pairs, Record, learning_keys
from interpayer.identity.scoring.model import default_model
from interpayer.identity.standardize import Standard

ANA = Standard(
    given=(("ANA", "MARIA"),),
    families=("RUIZ",),
    birth_date=date(1980, 2, 3),
    ssn4="4411",
    phones=frozenset({"2165550143"}),
    addresses=frozenset({("1 OAK ST", "44101")}),
    postal_codes=frozenset({"44101"}),
    subscriber_ids=frozenset({"A1"}),
)
SISTER = Standard(
    given=(("EVA",),),
    families=("RUIZ",),
    birth_date=date(1983, 9, 9),
    ssn4="9002",
    phones=ANA.phones,
    addresses=ANA.addresses,
    postal_codes=ANA.postal_codes,
    subscriber_ids=ANA.subscriber_ids,
)


def pairs_of(asked, held, most=100):
    pairs = Pairs({}, most)
    pairs.ask(asked)
    pairs.meet(held)
    return pairs.graded


def test_a_household_is_no_session():
    assert not pairs_of([Record(ANA)], [Record(SISTER)])
    assert not {"address", "phone", "subscriber_id", "birth_family"} & {s.key for s in SESSIONS}


def test_nobody_is_compared_with_themselves_and_twice_enrolled_people_are():
    assert not pairs_of([Record(ANA, "m-1")], [Record(ANA, "m-1")])
    graded = pairs_of([Record(ANA, "m-1")], [Record(ANA, "m-2")])
    assert graded["birth_ssn4"][0]["given"] is Grade.EQUAL


def test_each_session_ends_at_its_most():
    assert len(pairs_of([Record(ANA)], [Record(ANA)] * 50, most=7)["birth_given"]) == 7


def test_keys_are_only_those_that_teach():
    assert {kind for kind, _ in learning_keys(ANA, {})} == {"birth_ssn4", "birth_given", "ssn4_family"}


def test_chance_is_counted_and_rare_agreement_among_all_pairs():
    people = [
        Standard(given=((f"N{n}",),), families=("LEE",), birth_date=date(1950, 1, 1 + n % 25), sex="MF"[n % 2],
                 ssn4=f"{n % 5000:04d}")
        for n in range(6_000)
    ]  # fmt: skip
    chance = count_chance(people, {}, default_model(), pairs=3_000)
    assert abs(chance["sex"][Grade.EQUAL] - 0.5) < 0.05
    assert abs(chance["birth_date"][Grade.EQUAL] - 1 / 25) < 0.002
    # 1,000 of 5,000 values are had by two: 1,000 of 18 million pairs, which 3,000 pairs would never show
    assert abs(chance["ssn4"][Grade.EQUAL] * 6_000 * 5_999 / 2 - 1_000) < 1
    assert "phone" not in chance, "a field that nobody has says nothing"


def test_too_few_people_count_nothing():
    assert count_chance([ANA] * 10, {}, default_model(), pairs=100) == {}
