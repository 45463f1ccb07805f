"""What a steward types: cases taken, decided and undone; people joined, shown and parted."""

from pathlib import Path

import pytest

from interpayer.cli import output
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase
from tests.support.tools import Doubt, a_doubt, add_members, opened

THEIRS = ("patient", "pat-77", "--issuer", "https://other.example/fhir")


@pytest.fixture
def doubt(database: ScratchDatabase, tmp_path: Path, admin: Run) -> Doubt:
    with opened(database, tmp_path / "home") as tools:
        return a_doubt(tools)


@pytest.fixture
def members(database: ScratchDatabase, tmp_path: Path, admin: Run) -> list[str]:
    with opened(database, tmp_path / "home") as tools:
        return add_members(tools)


def test_a_case_is_taken_decided_and_undone(admin: Run, doubt: Doubt) -> None:
    taken = admin("case", "next")
    assert taken.stdout.strip() == doubt.case_id
    assert "risk" in taken.stderr
    assert admin("case", "next").stdout == ""
    (mine,) = told(admin("case", "list", "--mine", "--json"))["cases"]
    assert (mine["id"], mine["rank"] >= mine["risk"] > 0) == (doubt.case_id, True)
    done = admin("case", "decide", doubt.case_id, "different", "--reason", "twin_or_namesake")
    assert done.exit_code == output.DONE, done.stderr
    assert admin("case", "undo", doubt.case_id, "--reason", "because").exit_code == output.USAGE
    undone = admin("case", "undo", doubt.case_id, "--reason", "new_facts")
    assert f"{doubt.exchange_id} waits for the case again" in undone.stderr
    shown = admin("case", "show", doubt.case_id).stdout
    assert "taken back by Ana Ruiz: new_facts" in shown
    assert told(admin("case", "hand-back", doubt.case_id, "--json"))["case"]["state"] == "open"


def test_the_first_of_two_names_is_told_to_wait(admin: Run, doubt: Doubt, database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        conn.execute("update identity.review_case set two_names_below = 1000")
    decide = ("case", "decide", doubt.case_id, "same", "--member", doubt.member_ids[0], "--reason", "documents_checked")
    assert "a second name is needed" in admin(*decide).stderr
    token = admin("access", "add", "Bo Lind", "--role", "steward").stdout.strip()
    assert admin("access", "login", standard_input=token + "\n").exit_code == output.DONE
    second = admin(*decide)
    assert f"{doubt.exchange_id} goes on by itself" in second.stderr


def test_members_become_one_person_and_two_again(admin: Run, members: list[str]) -> None:
    one, other = members
    merged = admin("person", "merge", other, "--into", one, "--reason", "enrolled_twice", "--confidence", "0.9")
    assert merged.exit_code == output.DONE, merged.stderr
    text = admin("person", "show", other).stdout
    assert one in text and "enrolled_twice" in text and "W100001" not in text
    split = told(admin("person", "split", other, "--from", one, "--reason", "twin_or_namesake", "--json"))
    assert (split["stays"], split["left"]) == ([one], [other])
    assert admin("person", "split", other, "--reason", "twin_or_namesake").exit_code != output.DONE
    judged = told(admin("person", "history", one, "--json"))["judgements"]
    assert [(j["decision"], j["superseded_by"]) for j in judged] == [("same", "Ana Ruiz"), ("different", None)]
    assert admin("person", "show", "m-none").exit_code == output.NOT_FOUND
    assert admin("person", "merge", other, "--into", one, "--reason", "fun").exit_code == output.USAGE


def test_an_outside_id_is_linked_found_and_ended(admin: Run, members: list[str]) -> None:
    one, other = members
    accepted = admin("person", "link", one, *THEIRS, "--reason", "documents_checked", "--since", "2024-01-01")
    assert accepted.exit_code == output.DONE, accepted.stderr
    taken = admin("person", "link", other, *THEIRS, "--reason", "documents_checked")
    assert taken.exit_code != output.DONE and "pat-77" not in taken.stderr
    asked = ("person", "find", "patient", "-", "--issuer", THEIRS[3], "--purpose", "audit", "--json")
    assert told(admin(*asked, standard_input="pat-77\n"))["members"] == [{"member_id": one, "state": "current"}]
    assert admin(*asked, standard_input="pat-78\n").exit_code == output.NOT_FOUND
    ended = admin("person", "unlink", *THEIRS, "--reason", "id_reassigned", "--ended", "2025-06-30")
    assert ended.exit_code == output.DONE, ended.stderr
    ids = told(admin("person", "ids", one, "--on", "2025-01-01", "--purpose", "audit", "--json"))["ids"]
    assert [(i["value"], i["state"], i["why"]) for i in ids if i["kind"] == "patient"] == [
        ("pat-77", "current", "documents_checked")
    ]
    ids = told(admin("person", "ids", one, "--json"))["ids"]
    assert [(i["value"], i["state"]) for i in ids if i["kind"] == "patient"] == [("•••77", "historical")]
