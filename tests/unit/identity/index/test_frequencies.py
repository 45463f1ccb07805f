"""How common a value is: only where many members say so, never rarer than what two people share."""

from interpayer.identity.index.frequencies import FEWEST_PEOPLE, RAREST, IndexFrequencies, ValueCounts
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.standardize import standardize
from interpayer.system.keys import Vault
from tests.support.people import a_person

KEYS = IndexKeys(Vault(b"k" * 32, "test"))
HASHERS = {"given": KEYS.hasher("value.given")}


def frequencies(counts, population=20_000):
    return IndexFrequencies(1, population, counts, HASHERS)


def test_a_share_is_what_was_counted_of_everybody():
    known = frequencies({"given": {HASHERS["given"]("SUSAN"): 500}})
    assert known.share("given", "SUSAN") == known.share("given", "SUSAN") == 500 / 20_000


def test_what_nobody_has_is_rare_and_not_impossible():
    assert frequencies({"given": {}}).share("given", "ZORAIDA") == RAREST / 20_000


def test_a_field_that_is_not_counted_is_not_known():
    assert frequencies({"given": {}}).share("phone", "5139607309") is None
    assert frequencies({}, FEWEST_PEOPLE).share("given", "SUSAN") is None


def test_members_are_counted_in_and_out():
    counts = ValueCounts(KEYS)
    susan, jim = standardize(a_person("Susan", "Ann")), standardize(a_person("Jim", family="Van Der Berg"))
    counts.add(susan)
    counts.add(jim)
    counts.add(susan, times=-1)
    left = {field: number for (field, _), number in counts.hashed().items() if number}
    assert left == {"member": 1, "given": 1, "family": 1, "birth_date": 1}
    assert counts.hashed()["family", KEYS.hasher("value.family")("VANDERBERG")] == 1
