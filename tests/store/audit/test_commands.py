"""The commands of `interpayer audit`, in words and as JSON, with their exit codes."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.ledger import Ledger
from interpayer.cli.audit import app
from interpayer.system.database import Database
from tests.support.ledgers import an_event


@dataclass
class Tools:
    database: Database
    ledger: Ledger
    verifier: VerifierKey
    witness: Path | None


class Context:
    def __init__(self, book):
        self._book = book

    def audit_tools(self):
        return Tools(self._book.database.operator, self._book.ledger, self._book.verifier, self._book.witness)


class NoContext:
    def audit_tools(self):
        raise AssertionError("offline work needs no database")


@pytest.fixture
def run(book):
    """Run a command; its exit code, standard output and standard error."""
    book.append(
        an_event("x-one", "answer.released", exchange_id="x-one", partner_id="plan-b", member_id="m-1"),
        an_event("x-one", "permission.refused", outcome="refused", reason="consent.revoked", policy_version="v12"),
    )
    book.seal()

    def call(*arguments, context=None):
        done = CliRunner().invoke(app, [str(part) for part in arguments], obj=context or Context(book))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return call


def test_show(run):
    code, told, _ = run("show", "x-one")
    assert code == 0
    assert "because consent.revoked under policy v12" in told
    assert len(json.loads(run("show", "x-one", "--json")[1])["events"]) == 2
    code, told, complaint = run("show", "x-none")
    assert (code, told) == (5, "")
    assert "x-none" in complaint


def test_search_and_disclosures(run):
    assert len(json.loads(run("search", "--partner", "plan-b", "--json")[1])["events"]) == 1
    assert "0 events." in run("search", "--since", "2999-01-01")[1]
    assert "2 events." in run("search", "--until", "2999-01-01")[1]
    assert "1 events." in run("search", "--member", "m-1")[1]
    assert run("search", "--since", "yesterday")[0] == 2
    code, told, _ = run("disclosures", "m-1")
    assert (code, told.splitlines()[0]) == (0, "1 disclosures and recalls.")
    assert "0 disclosures" in run("disclosures", "m-2")[1]


def test_verify_says_intact_or_names_the_first_bad_event(run, book):
    code, told, _ = run("verify")
    assert code == 0
    assert "Intact" in told
    assert json.loads(run("verify", "--json")[1])["intact"] is True
    with book.attacker() as conn:
        conn.execute("update audit.event set header = header || ' '::bytea where seq = 2")
    code, told, _ = run("verify")
    assert code == 1
    assert "First bad event: x-one event 2, position 1" in told
    code, told, _ = run("verify", "--json")
    assert (code, json.loads(told)["first_bad_event"]["seq"]) == (1, 2)


def test_verify_without_a_witness_says_what_that_means(run, book, tmp_path):
    for note in book.witness.glob("*"):
        note.unlink()
    assert "No witness was asked" in run("verify")[1]
    assert run("verify", "--checkpoints", tmp_path / "none")[0] == 2


def test_an_export_is_verified_without_a_database(run, book, tmp_path):
    folder, key = tmp_path / "export", tmp_path / "ledger.vkey"
    code, told, _ = run("export", folder, "--json")
    assert (code, json.loads(told)["events"]) == (0, 2)
    assert run("export", folder)[0] == 2
    key.write_text(json.loads(told)["key"])
    offline = ("verify", "--export", folder, "--key", key, "--checkpoints", book.witness)
    assert run(*offline, context=NoContext())[0] == 0
    lines = (folder / "events.ndjson").read_text().splitlines(keepends=True)
    (folder / "events.ndjson").write_text("".join(lines[:1]))
    assert run(*offline, context=NoContext())[0] == 1


def test_a_wrong_call_is_usage_and_not_tampering(run, tmp_path):
    folder, broken = tmp_path / "export", tmp_path / "broken.vkey"
    run("export", folder)
    broken.write_text("no key")
    assert run("verify", "--export", folder)[0] == 2
    assert run("verify", "--export", folder, "--key", tmp_path / "none")[0] == 2
    assert run("verify", "--export", folder, "--key", broken)[0] == 2
    assert run("verify", "--export", tmp_path / "none", "--key", folder / "ledger.vkey")[0] == 2
    assert run("verify", "--unknown")[0] == 2
