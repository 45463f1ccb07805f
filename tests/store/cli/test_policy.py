"""The rules as a person works with them: checked, tried, compared, published by two names, taken back by one."""

from dataclasses import replace
from pathlib import Path

import pytest

from interpayer.cli import output
from interpayer.policy import store
from interpayer.policy.composing import shipped
from interpayer.policy.facts import Facts
from interpayer.policy.told import facts_as_json
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase

NARROWER = """// Agreed with this partner: no exports.
@id("p-1-no-exports")
@reason("policy.denied")
forbid (principal == Partner::"p-1", action == Action::"export", resource);
"""
ASKED = Facts(
    *("export", "p-1", "active", "production", "production"),
    scopes=("export",),
    scope_needed="export",
    consent="granted",
    attested=True,
    acts_for_recipient=True,
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "partners.cedar").write_text(NARROWER, "utf-8")
    return folder


def test_a_folder_is_checked_and_tried_without_a_server(run: Run, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPAYER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    checked = told(run("policy", "check", str(rules), "--json"))
    assert checked["version"] != shipped().version
    assert "p-1-no-exports" in checked["rules"]
    assert run("policy", "test", str(rules)).exit_code == output.DONE
    assert run("policy", "test").exit_code == output.DONE

    (rules / "cases.yaml").write_text("cases: {ours: {base: asked, facts: {action: export}, allow: false}}")
    failed = run("policy", "test", str(rules))
    assert failed.exit_code == output.FAILED
    assert "ours" in failed.stdout
    (rules / "partners.cedar").write_text(NARROWER.replace("principal ==", "principle =="), "utf-8")
    broken = run("policy", "check", str(rules))
    assert (broken.exit_code, broken.stdout) == (output.USAGE, "")
    assert run("policy", "check", str(rules / "gone")).exit_code == output.USAGE


def test_a_policy_goes_into_force_and_back(
    admin: Run, rules: Path, database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERPAYER_ENVIRONMENT", "production")
    with database.door.transaction() as conn:
        kept = store.Kept("p", "Facts", facts_as_json(ASKED), True, ("answer-consented",), (), (), times=3)
        store.keep(conn, [kept])
    found = admin("policy", "diff", str(rules), "--json")
    assert found.exit_code == output.PARTIAL
    (change,) = told(found)["changes"]
    assert (change["what"], change["who"], change["times"]) == ("closed", "p-1", 3)
    assert change["after"] == ["p-1-no-exports"]

    waits = admin("policy", "publish", str(rules), "--reason", "agreed in March")
    assert "3 closed" in waits.stderr
    proposal = waits.stdout.strip()
    alone = admin("policy", "approve", proposal)
    assert (alone.exit_code, "policy.second_person" in alone.stderr) == (output.REFUSED, True)
    assert proposal in admin("policy", "list").stdout
    token = admin("access", "add", "Bo Lind", "--role", "admin").stdout.strip()
    monkeypatch.setenv("INTERPAYER_TOKEN", token)
    version = admin("policy", "approve", proposal).stdout.strip()
    assert told(admin("policy", "list", "--json"))["version"] == version
    assert admin("policy", "diff", version).exit_code == output.DONE, "it is what is in force"

    monkeypatch.delenv("INTERPAYER_TOKEN")
    assert admin("policy", "rollback", "--reason", "too strict").stdout.strip() == shipped().version
    listed = told(admin("policy", "list", "--json"))
    assert [(one["act"], one["released_by"]) for one in listed["releases"]] == [
        ("rollback", "Ana Ruiz"),
        ("publish", "Ana Ruiz"),
    ]


def test_a_no_is_explained_by_what_was_missing(admin: Run, tmp_path: Path) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text(
        "{action: match, partner_id: p-1, partner_status: active, partner_environment: test, environment: test,"
        " scopes: [match], scope_needed: match, consent: granted, acts_for_recipient: true}"
    )
    (one,) = told(admin("policy", "explain", "--facts", str(facts), "--json"))["decisions"]
    assert (one["allow"], one["reasons"]) == (False, ["request.missing_attestation"])
    assert one["missing"] == [{"attested": True}]
    assert admin("policy", "explain", "x-none").exit_code == output.NOT_FOUND
    assert admin("policy", "explain").exit_code == output.USAGE
    facts.write_text("{action: match, member: m-1}")
    assert admin("policy", "explain", "--facts", str(facts)).exit_code == output.USAGE


def test_the_doctor_says_that_a_policy_does_not_load(admin: Run, database: ScratchDatabase) -> None:
    def state() -> str:
        findings = {one["name"]: one["state"] for one in told(admin("doctor", "--json"))["findings"]}
        return str(findings["policy"])

    assert state() == "well"
    with database.operator.transaction() as conn:
        other = replace(shipped(), version="p-of-another-release")
        store.publish(conn, other, by="ana", own={"ours.cedar": "of another release"})
        store.release(conn, other.version, act="publish", by="ana", reason="of another release")
    assert state() == "ill"
    assert "every answer is no" in admin("policy", "list").stderr
