"""A look at bodies: asked with a reason, opened by a second name, over after minutes, confirmed by somebody else."""

from collections.abc import Sequence

import pytest

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.operations import break_glass
from interpayer.operations.access import Person
from interpayer.operations.break_glass import Page, Wish
from interpayer.records import loading
from interpayer.system.clock import now
from tests.support.records import an_arrival, an_encounter, make


def a_person(name: str, *roles: str) -> Person:
    return Person(name, "person", roles, now(), "test")


ANALYST, SECOND, OPERATOR = a_person("Ada", "analyst"), a_person("Bo", "analyst"), a_person("Cy", "operator")


@pytest.fixture
def held(tools: Tools, member_id: str) -> str:
    """A member of whom three records are held."""
    with tools.database.transaction() as conn:
        arrival = an_arrival(at=loading.begin_load(conn))
        records, _ = make([an_encounter(f"e{n}", patient="p1") for n in range(3)], arrival, {"p1": member_id})
        loading.save_records(conn, tools.codec, records)
    return member_id


def asked(tools: Tools, member_id: str, *, minutes: int = 15, person: Person = ANALYST) -> str:
    with tools.database.transaction() as conn:
        wish = Wish("complaint 4711", minutes, member_id=member_id)
        return str(break_glass.ask(tools, conn, wish, person=person)["id"])


def names(tools: Tools, wanted: Sequence[str]) -> list[str]:
    with tools.database.transaction() as conn:
        return [event["name"] for event in search(conn) if event["name"] in wanted]


def test_a_look_from_beginning_to_end(tools: Tools, held: str) -> None:
    glass_id = asked(tools, held)
    with tools.database.transaction() as conn:
        opened = break_glass.open_(tools, conn, glass_id, person=SECOND)
        assert (opened["state"], opened["opened_by"]) == ("open", "Bo")
        first = break_glass.look(tools, conn, glass_id, page=Page(limit=2), person=ANALYST)
        rest = break_glass.look(tools, conn, glass_id, page=Page(after=first[-1]["id"]), person=ANALYST)
        assert (len(first), len(rest)) == (2, 1) and b"Encounter" in rest[0]["original"]
        assert break_glass.end(tools, conn, glass_id, person=ANALYST)["state"] == "ended"
        done = break_glass.confirm(tools, conn, glass_id, why="no more than was needed", person=SECOND)
    assert (done["state"], done["looks"], done["records"]) == ("confirmed", 2, 3)
    steps = ("break_glass.asked", "break_glass.opened", "access.looked", "break_glass.ended", "break_glass.confirmed")
    assert names(tools, steps) == [*steps[:2], "access.looked", *steps[2:]]
    assert names(tools, ["notice.owed"]) == ["notice.owed"], "policy obliges to tell the privacy office"


def test_four_eyes_are_two_names(tools: Tools, held: str) -> None:
    glass_id = asked(tools, held)
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            break_glass.open_(tools, conn, glass_id, person=ANALYST)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            break_glass.look(tools, conn, glass_id, page=Page(), person=ANALYST)
        break_glass.open_(tools, conn, glass_id, person=SECOND)
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            break_glass.look(tools, conn, glass_id, page=Page(), person=SECOND)
        break_glass.end(tools, conn, glass_id, person=SECOND)
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            break_glass.confirm(tools, conn, glass_id, why="fine", person=ANALYST)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            break_glass.look(tools, conn, glass_id, page=Page(), person=ANALYST)
    assert names(tools, ["access.looked"]) == []


@pytest.mark.parametrize(("person", "minutes"), [(OPERATOR, 15), (ANALYST, 1440)], ids=["no analyst", "too long"])
def test_what_policy_refuses_is_refused_when_it_is_asked_for(
    tools: Tools, held: str, person: Person, minutes: int
) -> None:
    with pytest.raises(Refusal, match=r"policy|caller"):
        asked(tools, held, minutes=minutes, person=person)
    assert names(tools, ["break_glass.asked"]) == []


@pytest.mark.parametrize(
    "wish",
    [
        Wish("why", 5),
        Wish("why", 5, exchange_id="x-1", member_id="m-1"),
        Wish(" ", 5, member_id="m-1"),
        Wish("why", 5, exchange_id="x-none"),
    ],
    ids=["of nobody", "of both", "for no reason", "of an unknown exchange"],
)
def test_a_wish_names_one_thing_and_a_reason(tools: Tools, wish: Wish) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.(malformed|not_found)"):
        break_glass.ask(tools, conn, wish, person=ANALYST)


def test_time_ends_a_look_and_a_day_without_a_confirmation_is_told_once(tools: Tools, held: str) -> None:
    glass_id = asked(tools, held)
    with tools.database.transaction() as conn:
        break_glass.open_(tools, conn, glass_id, person=SECOND)
        conn.execute("update operations.break_glass set expires_at = clock_timestamp() - interval '25 hours'")
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            break_glass.look(tools, conn, glass_id, page=Page(), person=ANALYST)
        assert [break_glass.pass_time(tools, conn) for _ in range(2)] == [2, 0]
        assert [row["state"] for row in break_glass.listed(conn)] == ["ended"]
    told = ["break_glass.ended", "break_glass.unconfirmed"]
    assert names(tools, told) == told


def test_policy_is_asked_again_when_it_is_opened(tools: Tools, held: str) -> None:
    glass_id = asked(tools, held)
    with tools.database.transaction() as conn:
        conn.execute("update operations.break_glass set roles = '{operator}'")
        with pytest.raises(Refusal):
            break_glass.open_(tools, conn, glass_id, person=SECOND)
