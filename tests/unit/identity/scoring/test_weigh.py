"""What agreement weighs: by frequency, in two ledgers, the household under its cap."""

from math import log2

import pytest

from interpayer.identity.comparison import compare
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.model import default_model
from interpayer.identity.scoring.weigh import NO_FREQUENCIES, FrequencyTable, weigh
from interpayer.identity.standardize import standardize
from tests.support.people import PAYER, a_coverage, a_person
from tests.support.scales import FREQUENCIES, PEOPLE

MODEL = default_model()


def weighed(asked, known=None, *, card=None, frequencies=FREQUENCIES):
    one = standardize(asked, [card] if card else [], payer=PAYER)
    two = standardize(known or a_person(phone="502-910-6268"), [a_coverage()], payer=PAYER)
    grades = compare(one, two, default_rules().nicknames)
    return weigh(one, two, grades, model=MODEL, frequencies=frequencies)


def test_a_rare_name_weighs_more_than_a_common_one():
    rare, common = (weighed(a_person(n), a_person(n)).weights["given"] for n in ("Philomena", "James"))
    assert rare > 10 > common == pytest.approx(log2(0.88 / 0.03))


def test_a_slip_that_is_somebodys_name_weighs_less_than_one_that_is_nobodys():
    nobodys = weighed(a_person("Karem"), a_person("Karen")).weights["given"]
    named = weighed(a_person("Karem"), a_person("Karen"), frequencies=_with("KAREM", 0.003)).weights["given"]
    assert nobodys > 4 > 0 > named
    assert nobodys < weighed(a_person("Karen"), a_person("Karen")).weights["given"]


def _with(name, share):
    return FrequencyTable({**FREQUENCIES.shares, ("given", name): share}, FREQUENCIES.floors, PEOPLE)


def test_without_frequencies_the_average_holds():
    given = weighed(a_person("Philomena"), a_person("Philomena"), frequencies=NO_FREQUENCIES)
    assert given.weights["given"] == pytest.approx(log2(0.88 / 0.006))
    assert given.shares == {}


def test_of_several_names_the_commonest_counts():
    double = a_person("Philomena")
    two = standardize(double, payer=PAYER)
    both = type(two)(given=(("PHILOMENA",), ("JAMES",)))
    grades = {"given": compare(both, both, {})["given"]}
    found = weigh(both, both, grades, model=MODEL, frequencies=FREQUENCIES)
    assert found.weights["given"] == pytest.approx(log2(0.88 / 0.03))


def test_what_is_missing_weighs_nothing():
    none = weighed(a_person(born=None, sex=None, address=None), a_person(ssn4="4417"))
    assert not {"birth_date", "sex", "ssn4", "address", "phone"} & set(none.weights)


def test_a_household_never_outvotes_a_name_or_a_birth_date_that_differ():
    relative = a_person("Theodora", born="1978-09-30", phone="502-910-6268")
    all_shared = weighed(relative, card=a_coverage(None))
    assert all_shared.household == pytest.approx(MODEL.household_cap + log2(PEOPLE))
    assert all_shared.personal < -10
    assert all_shared.total - log2(PEOPLE) < 0


def test_the_ledgers_sum_up():
    pair = weighed(a_person("Sue"), card=a_coverage(None))
    personal = sum(w for f, w in pair.weights.items() if MODEL.fields[f].ledger == "personal")
    assert pair.personal == pytest.approx(personal)
    assert pair.total == pair.personal + pair.household


def test_evidence_says_field_level_ledger_weight_and_frequency_and_no_value():
    shown = {c.field: c for c in weighed(a_person("Sue")).comparisons}
    assert (shown["given"].grade, shown["given"].level.value, shown["given"].ledger) == ("known", "close", "personal")
    assert shown["given"].weight == round(weighed(a_person("Sue")).weights["given"], 2)
    assert shown["family"].frequency == pytest.approx(0.0002)
    assert (shown["phone"].level.value, shown["phone"].weight) == ("missing", None)
    assert not {"SUE", "SUSAN", "HORTON"} & set(repr(shown).replace("'", " ").upper().split())
