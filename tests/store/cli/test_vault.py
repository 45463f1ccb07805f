"""What an admin types: rotate, hold, forget; each with two names where one is too few."""

from pathlib import Path

import pytest

from interpayer.cli import output
from interpayer.operations import vault
from interpayer.system import keyring
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase
from tests.support.tools import add_members, opened


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "CHECK_S", 0.0)
    monkeypatch.setattr(vault, "SETTLED_S", 0.0)


@pytest.fixture
def members(database: ScratchDatabase, tmp_path: Path, admin: Run) -> list[str]:
    with opened(database, tmp_path / "home") as tools:
        return add_members(tools)


def as_second(run: Run) -> None:
    """From here on another admin sits at the terminal."""
    token = run("access", "add", "Bo Lind", "--role", "admin").stdout.strip()
    assert run("access", "login", standard_input=token + "\n").exit_code == output.DONE


def test_the_key_is_rotated_and_the_old_one_destroyed(admin: Run, members: list[str], tmp_path: Path) -> None:
    assert "active" in admin("vault", "status").stdout
    assert told(admin("vault", "rotate", "--json"))["version"] == 2
    shown = told(admin("vault", "status", "--json"))
    assert [one["state"] for one in shown["versions"]] == ["retiring", "active"]
    assert shown["old_versions_needed"] is False
    assert admin("vault", "retire", "2").exit_code != output.DONE
    assert admin("vault", "retire", "1").exit_code == output.DONE
    assert not (tmp_path / "home" / "keys" / "kek").exists()
    assert told(admin("vault", "rotate", "--json"))["version"] == 3
    assert told(admin("person", "show", members[0], "--json"))


def test_a_member_is_held_let_go_and_forgotten_by_two(admin: Run, members: list[str], tmp_path: Path) -> None:
    one = members[0]
    (number,) = [told(admin("vault", "hold", one, "--reason", "matter 7", "--json"))["hold"]]
    assert told(admin("vault", "holds", "--json"))["holds"][0]["member_id"] == one
    refused = admin("vault", "forget", one, "--reason", "retention")
    assert (refused.exit_code, "legal hold" in refused.stderr) == (output.REFUSED, True)
    assert admin("vault", "release", str(number), "--reason", "settled").exit_code == output.REFUSED
    as_second(admin)
    assert admin("vault", "release", str(number), "--reason", "settled").exit_code == output.DONE
    asked = told(admin("vault", "forget", one, "--reason", "retention", "--json"))["asked"]
    assert admin("vault", "forget", one, "--now").exit_code == output.REFUSED
    token = admin("access", "add", "Cleo Marsh", "--role", "admin").stdout.strip()
    admin("access", "login", standard_input=token + "\n")
    assert admin("vault", "forget", one, "--now").stdout.strip() == asked
    assert (tmp_path / "home" / "keys" / "forgotten").read_text() == asked + "\n"
    assert admin("vault", "forget", one, "--now").exit_code != output.DONE
    assert told(admin("vault", "forget-again", "--reason", "restored", "--json"))["forgotten_again"] == 0
    (row,) = told(admin("vault", "forgettings", "--json"))["forgettings"]
    assert (row["pseudonym"], row["done_by"]) == (asked, "Cleo Marsh")
    # who was asked about is on the ledger, the field of a body goes when somebody says why
    assert admin("vault", "redact", "999999", "name", "--reason", "wrong").exit_code == output.NOT_FOUND


@pytest.mark.parametrize(
    "words",
    [
        ("hold", "--reason", "x"),
        ("hold", "m-1", "--reason", "x", "--everything"),
        ("hold", "k-1", "--reason", "x"),
        ("forget", "m-1"),
        ("forget", "m-1", "--reason", "x", "--now"),
    ],
    ids=["a hold on nothing", "on everything and one", "on a consent", "forget without why", "ask and do at once"],
)
def test_what_is_said_badly_is_not_done(admin: Run, words: tuple[str, ...]) -> None:
    assert admin("vault", *words).exit_code == output.USAGE


def test_a_password_that_lies_elsewhere_is_not_changed(admin: Run) -> None:
    refused = admin("vault", "passwords", "--role", "owner")
    assert (refused.exit_code, "no login role" in refused.stderr) == (output.USAGE, True)
