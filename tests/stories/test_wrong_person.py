"""Two who looked like one: joined, released, parted again, ruled upon and ruled upon anew; nothing is erased."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from interpayer.simulation.installation import CommandFailed, Installation
from tests.support.histories import Human, history, write_history
from tests.support.town import Town, allow, ask, counterpart, enroll, ledger, member_id_of, settled

pytestmark = [pytest.mark.xdist_group("wrong_person")]

LAYLA = Human("Imrani", "Layla", "1988-06-06")
ASKING_NUMBER, CARD, ONE, OTHER = "N7700001", "S4400000", "S4401001", "S4402002"


@dataclass
class Pair:
    """A payer that asks, and one that has two members of one name and birth date on one card."""

    north: Installation
    south: Installation
    one: str
    other: str

    def asks(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The card names no person: what the asking payer gets, and the exchange at the other."""
        card = [{"type": "subscriber_id", "value": CARD, "issuer": "south"}]
        ours = LAYLA.asked({"north": ASKING_NUMBER})
        ours["external_identifiers"] += card
        done = settled(self.north, ask(self.north, "south", ours))
        (theirs,) = counterpart(self.south, done)
        return done, theirs

    def state(self, exchange: dict[str, Any]) -> tuple[str, str | None]:
        """How the exchange stands at the payer that was asked."""
        found = self.south.api("GET", f"/exchanges/{exchange['exchange']}")[1]
        return found["state"], found["reason"]


@pytest.fixture(scope="module")
def pair(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    north, south = town.open_all("north", "south")
    enroll(south, folder, [LAYLA.row(number, subscriber_id=CARD) for number in (ONE, OTHER)])
    records = [r for number in (ONE, OTHER) for r in history(LAYLA, number, visits=1)]
    south.command("load", "fhir", str(write_history(folder / "south", records)))
    enroll(north, folder, [LAYLA.row(ASKING_NUMBER)])
    allow(north, member_id_of(town, north, ASKING_NUMBER), "south")
    yield Pair(north, south, *(member_id_of(town, south, number) for number in (ONE, OTHER)))
    town.shut("north", "south")


def test_a_wrong_merge_and_a_wrong_ruling_are_both_undone_with_what_they_released(pair: Pair, town: Town) -> None:
    # 1. two numbers on one card are two people: nobody is released, a person must decide
    told, first = pair.asks()
    assert (told["state"], told["reason"]) == ("unresolved", "partner.not_found")
    assert pair.state(first) == ("in_review", "identity.ambiguous")
    (case,) = pair.south.api("GET", "/cases?state=open")[1]["cases"]

    # 2. somebody says that they are one: the next request is answered
    merged = pair.south.command("person", "merge", pair.other, "--into", pair.one, "--reason", "enrolled_twice")
    assert set(merged["members"]) == {pair.one, pair.other}
    told, released = pair.asks()
    assert (told["state"], pair.state(released)[0]) == ("completed", "completed")

    # 3. they are two after all: what went out because of it is recalled
    parted = pair.south.command("person", "split", pair.other, "--from", pair.one, "--reason", "twin_or_namesake")
    assert parted["fallout"]["recalled"] == [released["exchange"]]
    assert pair.state(released) == ("recalled", "recall.merge_undone")
    recall = pair.south.command("recall", "show", parted["fallout"]["recall_id"])["recall"]
    assert (recall["state"], recall["scope"]["recipients"]) == ("contained", [released["partner"]])
    history_ = pair.south.command("person", "history", pair.one)["judgements"]
    said = [(judged["decision"], judged["superseded_why"]) for judged in history_]
    assert said == [("same", "twin_or_namesake"), ("different", None)]
    with pytest.raises(CommandFailed, match="one person already"):
        pair.south.command("person", "merge", pair.one, "--into", pair.one, "--reason", "enrolled_twice")

    # 4. the same request waits in the same case; a person names one of the two, the partner asks again
    _, again = pair.asks()
    assert pair.state(again) == ("in_review", "identity.ambiguous")
    taken = pair.south.command("case", "next", "--kind", "identity")["case"]
    assert (taken["id"], set(taken["exchange_ids"])) == (case["id"], {first["exchange"], again["exchange"]})
    decide = ("case", "decide", case["id"], "same", "--member", pair.one, "--reason", "documents_checked")
    for person in _as_many(pair.south, taken["names_needed"]):
        settled_ = person.command(*decide)["is_settled"]
    assert settled_
    told, ruled = pair.asks()
    assert (told["state"], pair.state(ruled)[0]) == ("completed", "completed")

    # 5. and takes it back: that release is recalled too, the case is open, the partner is told "no match" again
    undone = pair.south.command("case", "undo", case["id"], "--reason", "other_payer_objected")
    assert (undone["is_open"], undone["fallout"]["recalled"]) == (True, [ruled["exchange"]])
    assert pair.state(ruled) == ("recalled", "recall.wrong_member")
    told, last = pair.asks()
    assert (told["reason"], pair.state(last)[0]) == ("partner.not_found", "in_review")
    shown = pair.south.command("case", "show", case["id"])["case"]
    assert last["exchange"] in shown["exchange_ids"]
    assert {said["superseded_why"] for said in shown["said"]} == {"other_payer_objected"}
    for name in ("person.merged", "person.split", "case.decided", "case.undone", "recall.opened"):
        assert ledger(town, pair.south, name), name
    assert pair.south.command("audit", "verify")


def _as_many(one: Installation, names: int) -> list[Installation]:
    """So many different persons at this payer."""
    if names < 2:
        return [one]
    token = one.command("access", "add", "a second steward", "--role", "steward")["token"]
    return [one, replace(one, token=token, client=None)]
