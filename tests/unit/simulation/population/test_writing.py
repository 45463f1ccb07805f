"""A population is the same whenever it is made, and its truth names rows that are there."""

import csv
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from interpayer.simulation.population.asking import query
from interpayer.simulation.population.mixes import AMBIGUOUS, MIXES, NEGATIVE, POSITIVE
from interpayer.simulation.population.naming import other_name
from interpayer.simulation.population.people import BLOCK, TWINS, block
from interpayer.simulation.population.roster import Plan, rows
from interpayer.simulation.population.writing import write_population

COLUMNS = {
    "members.csv": "member_key,member_id,subscriber_id,relationship,first_name,middle_name,last_name,suffix,"
    "previous_last_name,birth_date,sex,ssn4,address,city,state,zip,phone,email,coverage_start,coverage_end,merged_into",
    "queries.csv": "query_id,coverage_member_id,coverage_subscriber_id,first_name,middle_name,last_name,suffix,"
    "birth_date,sex,ssn4,address,city,state,zip,phone,email",
    "truth.csv": "query_id,kind,group,expect,accept",
}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", sorted(MIXES))
def test_the_files_have_their_columns_and_the_truth_names_rows(name: str, tmp_path: Path) -> None:
    write_population(tmp_path, Plan(5, MIXES[name], 1000), 600)
    for file, columns in COLUMNS.items():
        assert (tmp_path / file).read_text("utf-8").splitlines()[0] == columns
    keys = {row["member_key"]: row for row in _read(tmp_path / "members.csv")}
    truths = _read(tmp_path / "truth.csv")
    assert [row["query_id"] for row in truths] == [row["query_id"] for row in _read(tmp_path / "queries.csv")]
    for truth in truths:
        accepted = truth["accept"].split(";") if truth["accept"] else []
        assert all(key in keys for key in accepted)
        assert bool(accepted) == (truth["group"] != "negative")
    assert {row["kind"] for row in truths} <= set(POSITIVE + NEGATIVE + AMBIGUOUS)
    assert all(row["merged_into"] in keys for row in keys.values() if row["merged_into"])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_population(tmp_path / folder, Plan(seed, MIXES["hostile"], 1000), 100)
    for file in COLUMNS:
        one, same, other = ((tmp_path / folder / file).read_bytes() for folder in "abc")
        assert one == same != other


def test_a_plan_that_grows_keeps_its_first_members() -> None:
    small, large = (list(rows(Plan(5, MIXES["poor"], size))) for size in (1000, 2000))
    assert large[: len(small)] == small


def test_every_kind_of_the_hostile_mix_is_asked() -> None:
    plan = Plan(5, MIXES["hostile"], 1000)
    asked = Counter(query(plan, number).truth[1] for number in range(3000))
    assert set(asked) == set(plan.mix.kinds)


def test_twins_share_a_day_and_not_a_name() -> None:
    homes = block(5, 0)
    assert sum(len(home.people) for home in homes) == BLOCK
    first, second = homes[TWINS].people[-2:]
    assert first.born_on == second.born_on
    assert first.first != second.first


def test_a_plan_too_small_to_hold_every_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="a thousand members"):
        Plan(5, MIXES["hostile"], 10)


def test_twins_do_not_get_one_name_in_two_spellings() -> None:
    rolls = Random(3)
    named = {other_name(rolls, "M", 1969, than="SEAN") for _ in range(400)}
    assert named.isdisjoint({"SEAN", "SHAWN", "SHAUN", "SHANE"})
    assert len(named) > 40
