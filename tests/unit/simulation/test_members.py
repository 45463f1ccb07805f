"""People: reproducible, in any slice, with a known share of what is hard."""

from collections import Counter
from itertools import islice

from interpayer.simulation.members import BLOCK, SHOWCASE, Kind, people, person_at


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    assert list(people(7, 60)) == list(people(7, 60))
    assert list(people(7, 60)) != list(people(8, 60))


def test_a_seed_means_the_same_on_every_machine_and_python() -> None:
    person = person_at(7, 0)
    assert (person.given, person.family, person.born_on.isoformat()) == ("Vilelas", "Pemwell", "1955-03-20")


def test_any_slice_can_be_made_again() -> None:
    everybody = list(people(7, 100))
    assert list(people(7, 77, start=31)) == everybody[31:77]
    assert person_at(7, 55) == everybody[55]
    assert [person.index for person in everybody] == list(range(100))


def test_a_huge_population_is_not_made_before_it_is_asked_for() -> None:
    assert len(list(islice(people(7, 10**12), 5))) == 5


def test_the_showcase_has_every_kind() -> None:
    assert {person.kind for person in people(3, SHOWCASE)} == set(Kind)


def test_shares_of_what_is_hard() -> None:
    count = 84 * BLOCK
    kinds = Counter(person.kind for person in people(11, count))
    assert kinds[Kind.TWIN] == kinds[Kind.NAMESAKE] == count * 2 / (4 * BLOCK)
    assert kinds[Kind.RENAMED] == count / (3 * BLOCK)
    assert kinds[Kind.DUPLICATED] == kinds[Kind.WITHDRAWN] == kinds[Kind.SPARSE] == count * 3 / (7 * BLOCK)
    assert 0.5 < kinds[Kind.ORDINARY] / count < 0.75


def test_households_share_what_households_share() -> None:
    homes: dict[int, list[str]] = {}
    for person in people(5, 600):
        homes.setdefault(person.household, []).append(person.address.long_line)
    assert all(len(set(lines)) == 1 for lines in homes.values())
    assert {len(lines) for lines in homes.values()} == {1, 2, 3, 4, 5}


def test_twins_are_born_on_one_day_and_namesakes_are_not() -> None:
    everybody = list(people(5, 600))
    twins = [person for person in everybody if person.kind is Kind.TWIN]
    namesakes = [person for person in everybody if person.kind is Kind.NAMESAKE]
    for person in twins + namesakes:
        assert person.double is not None
        double = everybody[person.double]
        assert double.double == person.index
        assert (double.family, double.household) == (person.family, person.household)
        assert (double.born_on == person.born_on) is (person.kind is Kind.TWIN)
        assert (double.given == person.given) is (person.kind is Kind.NAMESAKE)
    assert {person.suffix for person in namesakes} == {"Sr", "Jr"}


def test_children_are_younger_than_their_parents() -> None:
    everybody = list(people(5, 1200))
    parents = {person.household: person.born_on for person in everybody if person.relationship == "self"}
    children = [person for person in everybody if person.relationship == "child"]
    assert all(child.born_on.year - parents[child.household].year >= 18 for child in children)


def test_names_are_many_and_some_are_frequent() -> None:
    families = Counter(person.family for person in people(5, 3000))
    assert len(families) > 200
    assert families.most_common(1)[0][1] > 5 * 3000 / len(families)
