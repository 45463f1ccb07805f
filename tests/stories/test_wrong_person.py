"""Two who looked like one: joined, released, parted again, ruled upon and ruled upon anew; nothing is erased."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from interpayer.simulation.installation import CommandFailed, Installation
from tests.support.histories import Human, history, write_history
from tests.support.town import (
    Town,
    allow,
    ask,
    counterpart,
    enroll,
    holdings,
    ledger,
    member_id_of,
    settled,
    wait_for,
)

pytestmark = [pytest.mark.xdist_group("wrong_person")]

LAYLA = Human("Imrani", "Layla", "1988-06-06")
ASKING_NUMBER, CARD, ONE, OTHER = "N7700001", "S4400000", "S4401001", "S4402002"
THIRD_NUMBER = "W6600001"


@dataclass
class Pair:
    """One payer asks, one has two members of one name and birth date on one card, and a third asks both."""

    north: Installation
    south: Installation
    west: Installation
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

    def third_asks(self, other: Installation) -> dict[str, Any]:
        """What the third payer gets from one of the two."""
        asked = LAYLA.asked({"west": THIRD_NUMBER})
        card = [{"type": "subscriber_id", "value": CARD, "issuer": "south"}] if other is self.south else []
        own = [{"type": "member_id", "value": ASKING_NUMBER, "issuer": "north"}] if other is self.north else []
        asked["external_identifiers"] += [*card, *own]
        return settled(self.west, ask(self.west, other.name, asked))

    def is_recalled_everywhere(self, town: Town, recall_id: str, exchanges: list[dict[str, Any]]) -> None:
        """Both who got it are told by machine, set it apart, recall what went on, and answer; nobody serves it."""

        def answered() -> bool:
            told = self.south.command("recall", "show", recall_id)["recall"]["told"]
            return [row["reply"] for row in told] == ["quarantined", "quarantined"]

        wait_for(answered)
        ours, straight, relayed, passed_on = exchanges
        places = ((self.north, ours), (self.west, straight), (self.west, relayed), (self.north, passed_on))
        for one, exchange in places:
            wait_for(lambda one=one, exchange=exchange: settled(one, exchange["exchange"])["state"] == "recalled")
        for one, number in ((self.north, ASKING_NUMBER), (self.west, THIRD_NUMBER)):
            received = [r for r in holdings(town, one, member_id_of(town, one, number)) if r["sender"]]
            assert received and all(r["quarantined_at"] for r in received)
        (heard,) = self.north.command("recall", "list")["recalls"]
        assert heard["scope"]["onward"] == [passed_on["exchange"]] and heard["told_by"] == ours["partner"]
        for one in (self.north, self.west):
            assert ledger(town, one, "recall.heard") and ledger(town, one, "recall.replied")

    def state(self, exchange: dict[str, Any]) -> tuple[str, str | None]:
        """How the exchange stands at the payer that was asked."""
        found = self.south.api("GET", f"/exchanges/{exchange['exchange']}")[1]
        return found["state"], found["reason"]


@pytest.fixture(scope="module")
def pair(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    north, south, west = town.open_all("north", "south", "west")
    enroll(south, folder, [LAYLA.row(number, subscriber_id=CARD) for number in (ONE, OTHER)])
    records = [r for number in (ONE, OTHER) for r in history(LAYLA, number, visits=1)]
    south.command("load", "fhir", str(write_history(folder / "south", records)))
    enroll(north, folder, [LAYLA.row(ASKING_NUMBER)])
    allow(north, member_id_of(town, north, ASKING_NUMBER), "south")
    enroll(west, folder, [LAYLA.row(THIRD_NUMBER)])
    for other in ("north", "south"):
        allow(west, member_id_of(town, west, THIRD_NUMBER), other)
    yield Pair(north, south, west, *(member_id_of(town, south, number) for number in (ONE, OTHER)))
    town.shut("north", "south", "west")


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
    # a second payer gets it too, and what the first got travels on to it
    straight, relayed = pair.third_asks(pair.south), pair.third_asks(pair.north)
    assert (straight["state"], relayed["state"]) == ("completed", "completed")
    (released_too,) = counterpart(pair.south, straight)
    (passed_on,) = counterpart(pair.north, relayed)
    assert straight["arrivals"]["new"] and relayed["arrivals"]["same"], "the same records by two ways"

    # 3. they are two after all: what went out because of it is recalled
    parted = pair.south.command("person", "split", pair.other, "--from", pair.one, "--reason", "twin_or_namesake")
    assert set(parted["fallout"]["recalled"]) == {released["exchange"], released_too["exchange"]}
    assert pair.state(released) == ("recalled", "recall.merge_undone")
    recall_id = parted["fallout"]["recall_id"]
    recall = pair.south.command("recall", "show", recall_id)["recall"]
    assert set(recall["scope"]["recipients"]) == {released["partner"], released_too["partner"]}
    pair.is_recalled_everywhere(town, recall_id, [told, straight, relayed, passed_on])
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
