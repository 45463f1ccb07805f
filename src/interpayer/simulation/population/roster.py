"""What the plan holds: a row per member, with its gaps, its own slips, old names, and people enrolled twice."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from random import Random

from interpayer.simulation.names import dice
from interpayer.simulation.population.facts import Facts, drop, facts_of, move
from interpayer.simulation.population.mixes import Mix
from interpayer.simulation.population.people import AS_OF, BLOCK, DOUBLE, Household, Person, block
from interpayer.simulation.population.slips import heard, scanned, typed, wrong_date

COLUMNS = (
    "member_key", "member_id", "subscriber_id", "relationship", "first_name", "middle_name", "last_name", "suffix",
    "previous_last_name", "birth_date", "sex", "ssn4", "address", "city", "state", "zip", "phone", "email",
    "coverage_start", "coverage_end", "merged_into",
)  # fmt: skip
MERGED, TWICE = 10, 11  # households of a block whose subscriber was enrolled under another number before
TWICE_EVERY = 10  # blocks in which the second enrollment was never noticed
_SLIPS = {"typed": typed, "scanned": scanned, "heard": heard}
_FILLED = {
    "phone": ("0000000000", "9999999999", "1111111111"), "ssn4": ("0000", "9999"), "email": ("none@none.example", "NA"),
    "middle_name": ("NMN", "NONE", "UNKNOWN"), "address": ("UNKNOWN", "GENERAL DELIVERY", "HOMELESS"),
}  # fmt: skip


@dataclass(slots=True)
class Held:
    """One row of the plan about one person."""

    key: str
    member_id: str
    subscriber_id: str
    relationship: str
    facts: Facts
    previous_last_name: str
    starts_on: date
    ends_on: date | None
    merged_into: str = ""

    def row(self) -> tuple[str, ...]:
        """The row in the order of COLUMNS."""
        first, middle, last, suffix, *others = astuple(self.facts)
        return (self.key, self.member_id, self.subscriber_id, self.relationship, first, middle, last, suffix,
                self.previous_last_name, *others, self.starts_on.isoformat(),
                self.ends_on.isoformat() if self.ends_on else "", self.merged_into)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """One made-up plan: `members` people, rounded up to whole blocks; what one seed and mix give is always the same."""

    seed: int
    mix: Mix
    members: int

    def __post_init__(self) -> None:
        """A smaller plan would lack some of the kinds."""
        if self.members < 10 * BLOCK:
            raise ValueError("a population has a thousand members or more")

    @property
    def blocks(self) -> int:
        """How many blocks of people are enrolled; later blocks are people who are not."""
        return -(-self.members // BLOCK)


def rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Every row of the members file."""
    for number in range(plan.blocks):
        for place, household in enumerate(block(plan.seed, number)):
            for person in household.people:
                yield held(plan, household, person).row()
            if place == MERGED or (place == TWICE and is_twice(number)):
                yield second(plan, household, is_merged=place == MERGED).row()


def is_twice(number: int) -> bool:
    """True for blocks in which somebody is enrolled twice and nobody noticed."""
    return number % TWICE_EVERY == 3


def held(plan: Plan, household: Household, person: Person) -> Held:
    """What the plan holds about one person, the same whenever it is asked."""
    rolls = dice(plan.seed, plan.mix.name, "held", person.key)
    facts = facts_of(person)
    previous = ""
    if person.last_before:
        if rolls.random() < 0.4:
            facts.last_name = person.last_before
        elif rolls.random() < 0.7:
            previous = person.last_before
    _keep(facts, plan.mix, rolls, is_single=household.number % len_layout() == DOUBLE)
    starts_on = AS_OF - timedelta(days=30 * rolls.randrange(1, 130))
    ends_on = starts_on + timedelta(days=365 * rolls.randrange(1, 9)) if rolls.random() < 0.25 else None
    member_id, subscriber_id = ids_of(plan, household, person)
    relationship = ("self", "spouse")[person.place] if person.place < 2 else "child"
    return Held(person.key, member_id, subscriber_id, relationship, facts, previous, starts_on.replace(day=1), ends_on)


def len_layout() -> int:
    """Households in a block."""
    return DOUBLE + 1


def ids_of(plan: Plan, household: Household, person: Person) -> tuple[str, str]:
    """The member id and the family's id on the card."""
    if plan.mix.id_form == "own":
        number = (int(household.subscriber_id) * 10 + person.place) * 7 % 100_000_000_000
        return f"{number:011d}", f"{number:011d}"
    family = f"K{household.subscriber_id}"
    return f"{family}{person.place:02d}", family


def second(plan: Plan, household: Household, *, is_merged: bool) -> Held:
    """The earlier enrollment of a household's subscriber: another number, older facts, more slips."""
    person = household.people[0]
    rolls = dice(plan.seed, plan.mix.name, "second", person.key)
    first = held(plan, household, person)
    facts = facts_of(person)
    facts.last_name = person.last_before or facts.last_name
    if rolls.random() < 0.5:
        move(facts, person.home_before)
        facts.phone = person.phone_before
    _keep(facts, plan.mix, rolls, is_single=False)
    if rolls.random() < 0.25:
        facts.first_name = typed(facts.first_name, rolls)
    number = f"{(int(household.subscriber_id) * 31 + 7) % 1_000_000_000:09d}"
    own = plan.mix.id_form == "own"
    ids = (f"9{number}0", f"9{number}0") if own else (f"K9{number}00", f"K9{number}")
    ends_on = first.starts_on - timedelta(days=31)
    return replace(first, key=f"{person.key}b", member_id=ids[0], subscriber_id=ids[1], relationship="self",
                   facts=facts, previous_last_name="", starts_on=ends_on - timedelta(days=700), ends_on=ends_on,
                   merged_into=person.key if is_merged else "")  # fmt: skip


def slip(word: str, mix: Mix, rolls: Random) -> str:
    """The word with one slip of the kinds that this mix makes."""
    how = rolls.choices(list(mix.slips), list(mix.slips.values()))[0]
    return _SLIPS[how](word, rolls)


def fill(facts: Facts, mix: Mix, rolls: Random) -> None:
    """Forms that want every field get something written into it."""
    for name, words in _FILLED.items():
        if not getattr(facts, name) and rolls.random() < mix.placeholders * 5:
            setattr(facts, name, rolls.choice(words))


def _keep(facts: Facts, mix: Mix, rolls: Random, *, is_single: bool) -> None:
    drop(facts, rolls, mix.held)
    if facts.middle_name and rolls.random() < 0.45:
        facts.middle_name = facts.middle_name[0]
    if not is_single and rolls.random() < mix.held_slips:
        name = rolls.choice(("first_name", "last_name", "birth_date", "address", "phone", "ssn4"))
        value = getattr(facts, name)
        setattr(
            facts, name, wrong_date(value, rolls) if name == "birth_date" else _digits_kept(value, name, mix, rolls)
        )
    if rolls.random() < mix.held_slips * 0.1:
        facts.sex = "F" if facts.sex == "M" else "M"
    if rolls.random() < mix.placeholders * 0.1:
        facts.birth_date = rolls.choice(("1900-01-01", "1901-01-01"))
    fill(facts, mix, rolls)


def _digits_kept(value: str, name: str, mix: Mix, rolls: Random) -> str:
    if name not in {"phone", "ssn4"} or not value:
        return slip(value, mix, rolls)
    at = rolls.randrange(len(value))
    return f"{value[:at]}{rolls.randrange(10)}{value[at + 1 :]}"
