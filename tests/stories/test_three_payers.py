"""A record that goes round between three payers stays one record, and everybody knows by which ways it came."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interpayer.records.store import provenance
from interpayer.simulation.installation import Installation
from tests.support.histories import Human, history, write_history
from tests.support.town import Town, allow, ask, enroll, holdings, ledger, member_id_of, settled

pytestmark = [pytest.mark.xdist_group("three_payers")]

# Ada's records reach the third payer by the relay first, Ben's directly first.
ADA, BEN = Human("Okafor", "Adaeze", "1961-03-04"), Human("Lindqvist", "Benjamin", "1988-10-12", "male")
PEOPLE = {"1": ADA, "2": BEN}
WAYS = {"1": ("first", "second"), "2": ("second", "first")}
OF_THE_FIRST = {"Encounter": 2, "Condition": 2, "ExplanationOfBenefit": 2}
Record = dict[str, Any]


@dataclass
class Round:
    """Three payers after everything went round, and what each exchange came to."""

    town: Town
    first: Installation
    second: Installation
    third: Installation
    exchanges: dict[str, dict[str, Any]]

    def go(self, asker: Installation, asked: dict[str, str], *, name: str = "") -> None:
        """Ask these payers for the two people and wait; kept as `asker<asked:person`."""
        begun = {}
        for number, payer in asked.items():
            member_id = member_id_of(self.town, asker, f"{asker.name}-{number}")
            allow(asker, member_id, payer)
            cards = {payer: f"{payer}-{number}", asker.name: f"{asker.name}-{number}"}
            begun[name or f"{asker.name}<{payer}:{number}"] = ask(asker, payer, PEOPLE[number].asked(cards))
        self.exchanges |= {place: settled(asker, exchange_id) for place, exchange_id in begun.items()}

    def held(self, one: Installation, number: str) -> list[Record]:
        """What a payer holds of one of the two, without the Patients and Provenances of the ways."""
        found = holdings(self.town, one, member_id_of(self.town, one, f"{one.name}-{number}"))
        return [r for r in found if r["type"] not in ("Patient", "Provenance")]

    def ways(self, one: Installation, records: list[Record]) -> dict[str, list[dict[str, Any]]]:
        """How each record came to a payer."""
        tools = self.town.tools(one)
        with tools.database.transaction() as conn:
            return provenance(conn, [r["id"] for r in records])


@pytest.fixture(scope="module")
def gone_round(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    folder = tmp_path_factory.mktemp("round")
    first, second, third = town.open_all("first", "second", "third")
    for one in (first, second):
        enroll(one, folder, [human.row(f"{one.name}-{n}") for n, human in PEOPLE.items()])
        records = [r for n, h in PEOPLE.items() for r in history(h, f"{one.name}-{n}", visits=2 if one is first else 1)]
        one.command("load", "fhir", str(write_history(folder / one.name, records)))
    enroll(third, folder, [human.row(f"third-{n}") for n, human in PEOPLE.items()])
    story = Round(town, first, second, third, {})
    story.go(second, dict.fromkeys(PEOPLE, "first"))
    story.go(second, {"1": "first"}, name="again")
    story.go(third, {n: ways[0] for n, ways in WAYS.items()})
    story.go(third, {n: ways[1] for n, ways in WAYS.items()})
    story.go(first, dict.fromkeys(PEOPLE, "third"))
    yield story
    town.shut("first", "second", "third")


def test_every_exchange_is_complete(gone_round: Round) -> None:
    found = {name: (e["state"], e["answer"]) for name, e in gone_round.exchanges.items()}
    assert found == dict.fromkeys(found, ("completed", "complete")) and len(found) == 9


@pytest.mark.parametrize("number", PEOPLE)
def test_two_ways_of_arrival_are_one_record_with_two_provenances(gone_round: Round, number: str) -> None:
    third = gone_round.third
    records = [r for r in gone_round.held(third, number) if r["author"] == f"{gone_round.first.base_url}/fhir"]
    assert Counter(r["type"] for r in records) == OF_THE_FIRST
    ways = gone_round.ways(third, records)
    partners = {p["id"]: p["organizations"][0] for p in third.command("partner", "list")["partners"]}
    arrived = {record_id: [partners[way["sender"]] for way in found] for record_id, found in ways.items()}
    assert arrived == {r["id"]: list(WAYS[number]) for r in records}
    assert {way["outcome"] for found in ways.values() for way in found[1:]} == {"same"}


@pytest.mark.parametrize("number", PEOPLE)
def test_the_relay_adds_what_is_its_own_and_says_whose_the_rest_is(gone_round: Round, number: str) -> None:
    authors = Counter(r["author"] for r in gone_round.held(gone_round.third, number))
    assert authors == {f"{gone_round.first.base_url}/fhir": 6, f"{gone_round.second.base_url}/fhir": 3}


@pytest.mark.parametrize("number", PEOPLE)
def test_our_own_records_come_back_as_echoes_and_nothing_is_doubled(gone_round: Round, number: str) -> None:
    first = gone_round.first
    records = gone_round.held(first, number)
    own = [r for r in records if r["author"] == f"{first.base_url}/fhir"]
    assert Counter(r["type"] for r in own) == OF_THE_FIRST
    assert {r["sender"] for r in own} == {None}, "an echo must not become the content of our own record"
    assert {r["version"] for r in own} == {1}
    outcomes = {r: [way["outcome"] for way in ways] for r, ways in gone_round.ways(first, own).items()}
    assert outcomes == {r["id"]: ["new", "echo"] for r in own}
    others = Counter(r["author"] for r in records if r not in own)
    assert others == {f"{gone_round.second.base_url}/fhir": 3}, "what is new to us arrives once"
    exchange = gone_round.exchanges[f"first<third:{number}"]
    assert (exchange["conflicts"], exchange["gaps"]) == (0, [])


@pytest.mark.parametrize("number", PEOPLE)
def test_the_chain_of_transmitters_travels_along(gone_round: Round, number: str) -> None:
    first = gone_round.first
    found = holdings(gone_round.town, first, member_id_of(gone_round.town, first, f"first-{number}"))
    authors = {r["author"] for r in found if r["type"] == "Provenance"}
    assert authors == {f"{one.base_url}/fhir" for one in (first, gone_round.second, gone_round.third)}


def test_asking_again_brings_duplicates_and_nothing_new(gone_round: Round) -> None:
    again = gone_round.exchanges["again"]
    assert again["arrivals"] == {"same": 7, "new": 2}, "only this exchange's own two Provenances are new"
    records = gone_round.held(gone_round.second, "1")
    assert Counter(r["type"] for r in records) == {kind: count + 1 for kind, count in OF_THE_FIRST.items()}
    assert {r["version"] for r in records} == {1}


def test_an_increment_brings_only_what_became_known_since(gone_round: Round, tmp_path: Path) -> None:
    first, second = gone_round.first, gone_round.second
    before = gone_round.exchanges["second<first:2"]
    late = [r for r in history(BEN, "first-2", visits=3) if r["id"] == "first-2-condition-2"]
    first.command("load", "fhir", str(write_history(tmp_path / "late", late)))
    cards = {"first": "first-2", "second": "second-2"}
    exchange_id = ask(second, "first", BEN.asked(cards), since=before["as_of"], follows=before["exchange"])
    found = settled(second, exchange_id)
    assert found["state"] == "completed", found["reason"]
    # what the partner had a minute before the last time comes again, and is known
    held = [r for r in gone_round.held(second, "2") if r["exchange_id"] == exchange_id]
    assert [r["original_id"] for r in held] == ["first-2-condition-2"]
    jobs = [e["facts"] for e in ledger(gone_round.town, first, "job.kicked_off") if "is_increment" in e["facts"]]
    assert [job["is_increment"] for job in jobs if job["correlation_id"] == found["correlation_id"]] == [True]


def test_the_ledgers_of_all_three_verify(gone_round: Round) -> None:
    for one in (gone_round.first, gone_round.second, gone_round.third):
        assert one.command("audit", "verify")["intact"] is True
