"""Laws of the decision: more agreement never weighs less, order does not matter, the same again is the same."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from interpayer.identity.comparison import compare, slips_within
from interpayer.identity.disposition import Known, decide
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.weigh import weigh
from interpayer.identity.standardize import Standard
from tests.support.scales import scales

RULES, SCALES = default_rules(), scales()
GIVEN = ("SUSAN", "SUE", "SUSAM", "ELIZABETH", "BETTY", "CHRISTINA", "CHRISTINE", "CHRIS", "JOHN", "JON", "X", "ZOE")
FAMILY = ("HORTON", "HORTOM", "SMITH", "HORTON SMITH", "GARCIA", "SUSAN")
words, families = st.sampled_from(GIVEN), st.sampled_from(FAMILY)
DAY = date(1975, 4, 3)
days = st.sampled_from([DAY, DAY + timedelta(days=1), date(1975, 3, 4), date(1975, 1, 1), date(2005, 4, 3), None])
few = {n: st.sampled_from(v) for n, v in {"sex": ("M", "F", None), "ssn4": ("1234", "1235", "9021", None)}.items()}


def _set(*values):
    return st.frozensets(st.sampled_from(values), max_size=1)


people = st.builds(
    Standard,
    given=st.tuples(words, words).map(lambda pair: (pair,)) | words.map(lambda word: ((word,),)),
    families=families.map(lambda family: (family,)),
    suffixes=_set("JR", "SR"),
    birth_date=days,
    addresses=_set(("1 ELM ST", "40258"), ("1 ELM ST APT 2", "40258"), ("9 OAK RD", "53259")),
    postal_codes=_set("40258", "53259"),
    phones=_set("5029106268", "5029106269", "4145550100"),
    emails=_set("sue@home.example"),
    member_ids=_set("W25504837100", "W25504837101", "K9990000000"),
    subscriber_ids=_set("W255048371", "K999000000"),
    **few,
)
FIELDS = Standard.__struct_fields__


def total(asked, known):
    grades = compare(asked, known, RULES.nicknames)
    return weigh(asked, known, grades, model=SCALES.model, frequencies=SCALES.frequencies).total


@settings(max_examples=300, deadline=None)
@given(people, people, st.sampled_from([f for f in FIELDS if f not in ("given", "families")]))
def test_more_agreement_never_weighs_less(asked, known, field):
    agreeing = replace(asked, **{field: getattr(known, field)})
    if not getattr(known, field):
        return
    assert total(agreeing, known) >= total(asked, known) - 1e-9


@settings(max_examples=300, deadline=None)
@given(people, people)
def test_the_very_name_never_weighs_less_than_another(asked, known):
    agreeing = replace(asked, given=known.given, families=known.families)
    assert total(agreeing, known) >= total(asked, known) - 1e-9


@settings(max_examples=150, deadline=None)
@given(people, st.lists(people, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter_and_the_same_again_is_the_same(asked, members, rolls):
    known = [Known(f"m-{n}", f"m-{n}", one) for n, one in enumerate(members)]
    shuffled = rolls.sample(known, len(known))
    first = decide(asked, known, RULES, scales=SCALES)
    assert decide(asked, shuffled, RULES, scales=SCALES) == first
    assert decide(asked, known, RULES, scales=SCALES) == first


@settings(max_examples=150, deadline=None)
@given(people, st.lists(people, min_size=1, max_size=4))
def test_certain_names_a_member_that_no_guard_speaks_against(asked, members):
    outcome = decide(asked, [Known(f"m-{n}", f"m-{n}", one) for n, one in enumerate(members)], RULES, scales=SCALES)
    assert (outcome.member_id is not None) is (outcome.disposition.value == "certain")
    if outcome.member_id:
        chosen = next(c for c in outcome.candidates if c.member_id == outcome.member_id)
        grades = {c.field: c.grade for c in chosen.comparisons}
        own = [grades[f] for f in ("member_id", "ssn4")].count("equal")
        assert "missing" not in (grades["birth_date"], grades["given"])
        assert "different" not in (grades["birth_date"], grades["given"]) or own == 2
        assert outcome.margin is None or outcome.margin >= SCALES.limits.margin


@settings(max_examples=100, deadline=None)
@given(people)
def test_nobody_near_is_nobody(asked):
    outcome = decide(asked, [], RULES, scales=SCALES)
    assert (outcome.disposition.value, outcome.reason) == ("none", "identity.not_enrolled")


letters = st.text("ABC", max_size=6)


def _distance(left, right):
    """Damerau-Levenshtein (optimal string alignment), the slow way."""
    rows = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(right) + 1)] for i in range(len(left) + 1)]
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            cost = left[i - 1] != right[j - 1]
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and left[i - 2 : i] == right[j - 1] + right[j - 2]:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i][j] = best
    return rows[-1][-1]


@settings(max_examples=400, deadline=None)
@given(letters, letters, st.integers(0, 2))
def test_slips_are_counted_right(left, right, limit):
    assert slips_within(left, right, limit) is (_distance(left, right) <= limit)


def test_the_laws_are_not_empty():
    assert total(Standard(given=(("SUSAN",),)), Standard(given=(("SUSAN",),))) == pytest.approx(6.78, abs=0.05)
