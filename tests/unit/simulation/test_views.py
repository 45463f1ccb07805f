"""How plans know people: other ids, other spellings, older facts."""

from collections import Counter

from interpayer.simulation.members import Kind, Person, people
from interpayer.simulation.payers import World
from interpayer.simulation.views import MemberView, plan_views

WORLD = World(7)
OLD, NEW = WORLD.plans


def _seen_by_both(count: int = 600) -> list[tuple[Person, MemberView, MemberView]]:
    found = []
    for person in people(WORLD.seed, count):
        old, new = plan_views(WORLD, person, OLD), plan_views(WORLD, person, NEW)
        if old and new:
            found.append((person, old[0], new[0]))
    return found


def test_plans_use_ids_and_spellings_of_their_own() -> None:
    for _, old, new in _seen_by_both(60):
        assert old.member_id != new.member_id
        assert old.demographics.family.isupper()
        assert not new.demographics.family.isupper()


def test_member_ids_are_unique_in_a_plan() -> None:
    for plan in WORLD.plans:
        ids = [view.member_id for person in people(7, 2000) for view in plan_views(WORLD, person, plan)]
        assert len(set(ids)) == len(ids)


def test_a_family_shares_its_subscriber_id() -> None:
    family = [plan_views(WORLD, person, OLD)[0] for person in people(7, 4)]
    assert len({view.subscriber_id for view in family}) == 1
    assert len({view.member_id for view in family}) == 4


def test_an_earlier_plan_has_the_older_facts() -> None:
    by_kind = {person.kind: (person, old, new) for person, old, new in _seen_by_both(36)}
    person, old, new = by_kind[Kind.RENAMED]
    assert old.demographics.family == person.previous_family.upper()
    assert new.demographics.family == person.family
    person, old, new = by_kind[Kind.NICKNAMED]
    assert old.demographics.given == person.nickname.upper() != new.demographics.given.upper()
    _, old, new = by_kind[Kind.MOVED]
    assert old.demographics.address_postal_code != new.demographics.address_postal_code


def test_somebody_enrolled_twice_has_two_member_ids_and_two_addresses() -> None:
    person = next(person for person in people(7, 36) if person.kind is Kind.DUPLICATED)
    first, second = plan_views(WORLD, person, OLD)
    assert first.member_id != second.member_id
    assert first.subscriber_id == second.subscriber_id
    assert first.demographics.birth_date == second.demographics.birth_date
    assert first.demographics.address_line != second.demographics.address_line
    assert len(plan_views(WORLD, person, NEW)) == 1


def test_overlapping_coverages_end_on_different_days() -> None:
    person = next(person for person in people(7, 36) if person.kind is Kind.OVERLAPPING)
    first, second = plan_views(WORLD, person, OLD)[0].windows
    assert first.ends_on is not None
    assert first.starts_on < second.starts_on < first.ends_on
    assert first.ends_on != second.ends_on


def test_sparse_people_miss_facts() -> None:
    _, old, new = next(seen for seen in _seen_by_both(36) if seen[0].kind is Kind.SPARSE)
    for known in (old.demographics, new.demographics):
        assert (known.phone, known.email, known.ssn_last4, known.sex) == ("", "", "", "unknown")
    assert new.demographics.address_line == ""


def test_members_tell_their_old_card_rightly_partly_wrongly_or_not_at_all() -> None:
    told: Counter[str] = Counter()
    for person, old, new in _seen_by_both(2000):
        (prior,) = new.priors
        assert prior.payer == OLD.id
        assert prior.relation == ("concurrent" if old.windows[0].ends_on is None else "previous")
        if prior.member_id == old.member_id:
            told["right"] += 1
        elif prior.member_id:
            told["wrong"] += 1
        elif prior.subscriber_id:
            told["family card"] += 1
        else:
            told["nothing"] += 1
        if person.is_showcase:
            assert prior.member_id in {old.member_id, ""}
    assert 0.7 < told["right"] / told.total() < 0.85
    assert all(told[answer] for answer in ("wrong", "family card", "nothing"))


def test_only_a_plan_that_asks_has_opt_ins() -> None:
    answers = Counter(new.opt_in.answer for _, _, new in _seen_by_both(2000))
    assert set(answers) == {"yes", "no", "withdrawn", ""}
    assert 0.7 < answers["yes"] / answers.total() < 0.9
    for person, old, new in _seen_by_both(600):
        assert old.opt_in.answer == ("withdrawn" if person.kind is Kind.WITHDRAWN else "")
        if new.opt_in.answer == "yes":
            assert new.opt_in.until is not None
            assert new.opt_in.until > WORLD.as_of
            assert new.opt_in.proof


def test_errors_of_typing_are_rare_and_spare_the_showcase() -> None:
    different = [
        person.index
        for person, old, new in _seen_by_both(3000)
        if old.demographics.birth_date != new.demographics.birth_date
    ]
    assert different
    assert len(different) < 150
    assert min(different) >= 36
