"""One query: about whom, in which trouble, and how the asking plan writes it."""

from dataclasses import astuple, dataclass
from functools import lru_cache
from random import Random

from interpayer.simulation.names import dice
from interpayer.simulation.population.facts import drop, facts_of
from interpayer.simulation.population.mixes import AMBIGUOUS, POSITIVE
from interpayer.simulation.population.naming import commonness
from interpayer.simulation.population.people import (
    DOUBLE,
    NAMESAKES,
    TWINS,
    Household,
    Person,
    block,
    has_double,
    stranger,
)
from interpayer.simulation.population.roster import MERGED, TWICE, TWICE_EVERY, Plan, fill, held, ids_of
from interpayer.simulation.population.strangers import NEGATIVES, Near
from interpayer.simulation.population.style import write
from interpayer.simulation.population.troubles import FITS, TROUBLES, Asked, Scene, also

COLUMNS = (
    "query_id", "coverage_member_id", "coverage_subscriber_id", "first_name", "middle_name", "last_name", "suffix",
    "birth_date", "sex", "ssn4", "address", "city", "state", "zip", "phone", "email",
)  # fmt: skip
TRUTH = ("query_id", "kind", "group", "expect", "accept")
_TOGETHER = 8  # queries that share a block, so that it is made once
_SPECIAL = (TWINS, NAMESAKES, MERGED, TWICE, DOUBLE)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and the answer."""

    row: tuple[str, ...]
    truth: tuple[str, ...]


@lru_cache(maxsize=1200)
def _block(seed: int, number: int) -> list[Household]:
    return block(seed, number)


def query(plan: Plan, number: int) -> Query:
    """The query of this number, the same whenever it is asked."""
    rolls = dice(plan.seed, plan.mix.name, "query", number)
    kind = rolls.choices(list(plan.mix.kinds), list(plan.mix.kinds.values()))[0]
    at = (number // _TOGETHER * 7_919 + plan.seed) % plan.blocks
    query_id = f"q{number + 1:07d}"
    if kind not in POSITIVE + AMBIGUOUS:
        return _about_nobody(plan, query_id, kind, at, rolls)
    household, person = _chosen(plan, kind, at, rolls)
    accept = [person.key]
    if kind in {"merged", "enrolled_twice"}:
        accept.append(f"{person.key}b")
    elif kind in AMBIGUOUS:
        accept = [one.key for one in _alike(household, kind)]
    asked = _about(plan, kind, household, person, rolls)
    expect, group = ("review", "ambiguous") if kind in AMBIGUOUS else ("match", "positive")
    return _query(plan, asked, (query_id, kind, group, expect, ";".join(accept)), rolls)


def _about_nobody(plan: Plan, query_id: str, kind: str, at: int, rolls: Random) -> Query:
    household, person = _chosen(plan, kind, at, rolls)
    other = stranger(plan.seed, query_id)
    facts, ids = NEGATIVES[kind](Near(person, other, ids_of(plan, household, person)), rolls)
    drop(facts, rolls, plan.mix.asked)
    if not ids[0] and kind in {"household_absent", "twin_absent"} and rolls.random() < plan.mix.ids * 0.4:
        ids = ("", ids_of(plan, household, person)[1])
    return _query(plan, Asked(facts, *ids), (query_id, kind, "negative", "none", ""), rolls)


def _chosen(plan: Plan, kind: str, at: int, rolls: Random) -> tuple[Household, Person]:
    if kind in {"twin", "ambiguous_twin"}:
        household = _block(plan.seed, at)[TWINS]
        return household, rolls.choice(_alike(household, "ambiguous_twin"))
    if kind in {"namesake", "ambiguous_namesake"}:
        household = _block(plan.seed, at)[NAMESAKES]
        return household, household.people[rolls.choice((0, 2))]
    if kind == "merged":
        household = _block(plan.seed, at)[MERGED]
        return household, household.people[0]
    if kind == "enrolled_twice":
        household = _block(plan.seed, _in_step(at, plan.blocks, TWICE_EVERY, 3))[TWICE]
        return household, household.people[0]
    if kind == "double":
        household = _block(plan.seed, _in_step(at, plan.blocks, 5, 0))[DOUBLE]
        return household, household.people[0]
    return _ordinary(plan, kind, at, rolls)


def _in_step(at: int, blocks: int, every: int, rest: int) -> int:
    """The nearest block of a rhythm; the first of them when that lies outside (a plan has ten blocks or more)."""
    found = at - at % every + rest
    return found if 0 < found < blocks else rest or every


def _ordinary(plan: Plan, kind: str, at: int, rolls: Random) -> tuple[Household, Person]:
    special = _SPECIAL if has_double(at) else _SPECIAL[:-1]
    homes = [one for place, one in enumerate(_block(plan.seed, at)) if place not in special]
    people = [(home, person) for home in homes for person in home.people]
    fits = FITS.get(kind)
    wanted = [pair for pair in people if fits(pair[1])] if fits else people
    if kind == "same_name_birth_date":  # who shares a name and a day with a stranger bears a frequent name
        return max(rolls.sample(people, 12), key=lambda pair: commonness(pair[1].last))
    return rolls.choice(wanted or people)


def _about(plan: Plan, kind: str, household: Household, person: Person, rolls: Random) -> Asked:
    facts = facts_of(person)
    known = held(plan, household, person)
    if kind != "name_change" and person.last_before:
        facts.last_name = person.last if known.facts.last_name != person.last_before else person.last_before
    asked = Asked(facts)
    if rolls.random() < plan.mix.ids:
        asked.member_id, asked.subscriber_id = ids_of(plan, household, person)
    elif rolls.random() < plan.mix.subscriber_ids:
        asked.subscriber_id = ids_of(plan, household, person)[1]
    drop(facts, rolls, plan.mix.asked)
    if facts.middle_name and rolls.random() < 0.55:
        facts.middle_name = facts.middle_name[0]
    family = [ids_of(plan, household, other) for other in household.people if other is not person]
    scene = Scene(person, known, family, plan.mix)
    TROUBLES[kind](asked, scene, rolls)
    if rolls.random() < plan.mix.also and kind not in {"double", "heavy", *AMBIGUOUS}:
        also(asked, scene, rolls)
    return asked


def _alike(household: Household, kind: str) -> list[Person]:
    if kind == "ambiguous_namesake":
        return [household.people[0], household.people[2]]
    born_on = household.people[-1].born_on
    return [one for one in household.people if one.born_on == born_on]


def _query(plan: Plan, asked: Asked, truth: tuple[str, ...], rolls: Random) -> Query:
    fill(asked.facts, plan.mix, rolls)
    member_id, subscriber_id = write(asked, plan.mix, rolls)
    return Query((truth[0], member_id, subscriber_id, *astuple(asked.facts)), truth)
