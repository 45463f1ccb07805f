"""The comparable form as bytes: what goes in comes out, and a change of the form is noticed."""

import hashlib
from datetime import date

import orjson
from hypothesis import given
from hypothesis import strategies as st

from interpayer.identity.blocking import person_keys
from interpayer.identity.index.codec import FORM_NUMBER, coverages, decode, encode
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import Standard, as_document, standardize
from interpayer.model.member import Coverage
from tests.support.people import PAYER, a_coverage, a_person

# What a form made of some people looks like. When this changes, indexes in use must be made anew: raise FORM_NUMBER
# in identity/index/codec.py and put the new digest here.
FORMS = {1: "9316ead8dcd8b9d3", 2: "9316ead8dcd8b9d3"}

words = st.text(alphabet="ABCDEFGHIJ '-", min_size=1, max_size=8)
standards = st.builds(
    Standard,
    given=st.lists(st.lists(words, min_size=1, max_size=3).map(tuple), max_size=2).map(tuple),
    families=st.lists(words, max_size=3).map(tuple),
    suffixes=st.frozensets(words, max_size=2),
    birth_date=st.none() | st.dates(date(1890, 1, 1), date(2100, 1, 1)),
    sex=st.sampled_from([None, "M", "F"]),
    ssn4=st.none() | words,
    phones=st.frozensets(words, max_size=2),
    addresses=st.frozensets(st.tuples(words, words), max_size=2),
    member_ids=st.frozensets(words, max_size=2),
)


@given(standards, st.none() | words)
def test_what_goes_in_comes_out(standard, own_key):
    indexed = decode(encode(standard, own_key, [a_coverage(starts="2020-01-01"), a_coverage()]))
    assert indexed.standard == standard
    assert indexed.own_key == own_key
    first, second = coverages(indexed, PAYER)
    assert (first.starts_on, first.ends_on, second.starts_on) == (date(2020, 1, 1), None, None)


@given(standards)
def test_the_same_person_gives_the_same_bytes(standard):
    assert encode(standard, "k", []) == encode(decode(encode(standard, "k", [])).standard, "k", [])


def test_another_form_has_another_number():
    people = [
        a_person("Susan", "Ann", ssn4="9310", phone="(513) 960-7309"),
        a_person("Jürgen", family="O'Neal-van der Berg", suffix="Jr.", address=("12 N. Main Street #4", "45015-1234")),
        a_person("Unknown", family="Test", born="1900-01-01", sex=None, address=None),
    ]
    card = Coverage(PAYER, "W255048371-00", "W255048371")
    made = [standardize(person, [card], payer=PAYER) for person in people]
    nicknames = default_rules().nicknames
    seen = [[as_document(one), sorted(person_keys(one, nicknames))] for one in made]
    assert hashlib.sha256(orjson.dumps(seen)).hexdigest()[:16] == FORMS[FORM_NUMBER]
