"""`interpayer partner`: everything by options, without a prompt; what a script reads is JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from interpayer.cli import output
from interpayer.system.tls import create_authority, issue_client
from tests.store.cli.conftest import Run, told

MANIFEST = '{"transactionTime": "2026-11-21T00:00:00Z", "requiresAccessToken": true, "output": []}'


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return file


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    ca = create_authority(tmp_path / "ca", "An authority")
    return issue_client(tmp_path / "alder", ca, "alder", hosts=["alder.example"]).certificate


def show(admin: Run, name: str) -> Any:
    return told(admin("partner", "show", name, "--json"))


def test_a_partner_is_added_by_options_alone(admin: Run, keys: Path, certificate: Path) -> None:
    done = admin(
        *("partner", "add", "--client-id", "https://alder.example", "--jwks", str(keys)),
        *("--organization", "urn:payers|alder", "--organization", "urn:payers|alder-medicaid"),
        *("--scopes", "system/*.rs http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match"),
        *("--certificate", str(certificate), "--endpoint", "https://alder.example/fhir"),
    )
    assert done.exit_code == output.DONE, done.stderr
    assert "Not shown so far" in done.stderr
    shown = show(admin, "https://alder.example")
    assert shown["partner"]["id"] == done.stdout.strip()
    assert (shown["partner"]["status"], shown["partner"]["environment"]) == ("active", "test")
    assert shown["partner"]["organizations"] == ["urn:payers|alder", "urn:payers|alder-medicaid"]
    assert len(shown["partner"]["scopes"]) == 2
    [kept] = shown["agreed"]["certificates"]
    assert (kept["names"], kept["counts"]) == (["alder.example"], True)
    assert kept["expires_at"]
    assert "PRIVATE" not in json.dumps(shown)
    assert {item["item"] for item in shown["gate"]["open"]} >= {"retention", "incident_contact", "trial"}


def test_keys_by_address_and_thumbprint_and_the_scopes_of_the_guides(admin: Run) -> None:
    done = admin(
        *("partner", "add", "--client-id", "plan-c", "--jwks", "https://c.example/jwks", "--organization", "payer-c"),
        *("--certificate", "A" * 43, "--json"),
    )
    made = told(done)
    shown = show(admin, made["partner"])
    assert shown["agreed"]["jwks_url"] == "https://c.example/jwks"
    assert shown["partner"]["key_ids"] == []
    assert "system/*.rs" in shown["partner"]["scopes"]
    assert made["endpoints"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("--jwks", "http://c.example/jwks"),
        ("--jwks", "no-such-file.json"),
        ("--certificate", "no-such-file.pem"),
        ("--environment", "staging"),
        ("--status", "friend"),
        ("--endpoint", "http://c.example/fhir"),
    ],
    ids=lambda wrong: wrong[0] + wrong[1][:5],
)
def test_a_wrong_option_keeps_nothing_and_ends_with_usage(admin: Run, keys: Path, wrong: tuple[str, str]) -> None:
    given = {"--client-id": "plan-c", "--jwks": str(keys), "--organization": "payer-c"} | dict([wrong])
    done = admin("partner", "add", *(word for pair in given.items() for word in pair))
    assert done.exit_code in {output.USAGE, output.FAILED}, done.output
    assert "Traceback" not in done.output
    assert admin("partner", "show", "plan-c").exit_code == output.NOT_FOUND


def test_from_invitation_to_retirement(admin: Run, keys: Path, tmp_path: Path) -> None:
    invited = told(admin("partner", "invite", "--name", "Alder", "--organization", "payer-a", "--json"))
    document = {"client_id": "alder", "jwks": json.loads(keys.read_text()), "certificates": ["A" * 43]}
    accept = ("partner", "accept", "-", "--invitation", invited["invitation"])
    done = admin(*accept, standard_input=json.dumps({**document, "scopes": ["system/*.cruds"]}))
    assert done.exit_code == output.USAGE
    assert admin(*accept, standard_input=json.dumps(document)).exit_code == output.DONE
    again = admin(*accept, standard_input=json.dumps(document))
    assert again.exit_code == output.NOT_FOUND
    assert "was used" in again.stderr
    assert show(admin, "alder")["partner"]["status"] == "testing"
    tried = admin("partner", "test", "alder", "--json")
    assert tried.exit_code == output.FAILED
    assert [check["check"] for check in told(tried)["checks"] if check["state"] == "failed"] == ["endpoint"]
    refused = admin("partner", "activate", "alder", "--reason", "now")
    assert refused.exit_code not in {output.DONE, output.USAGE}
    assert "incident_contact" in refused.stderr
    change = tmp_path / "change.yaml"
    change.write_text(
        "contacts: [{role: incident, name: Desk, phone: '+1 555 0100'}]\n"
        "contract: {retention_days: 90, errors: operation_outcome, escalation: the board}\n"
    )
    assert admin("partner", "change", "alder", str(change), "--reason", "contract 17").exit_code == output.DONE
    for good, content in (("--good", MANIFEST), ("--malformed", "{}")):
        file = tmp_path / f"{good[2:]}.json"
        file.write_text(content)
        done = admin("partner", "sample", "add", "alder", str(file), "--kind", "manifest", good)
        assert done.exit_code == output.DONE, done.output
    assert admin("partner", "sample", "check", "alder").exit_code == output.DONE
    vouch = ("--vouch", "trial", "--vouch", "endpoints")
    assert admin("partner", "activate", "alder", "--reason", "they call us only", *vouch).exit_code == output.DONE
    rotated = told(admin("partner", "rotate", "alder", "--certificate", "B" * 43, "--reason", "yearly", "--json"))
    assert [one["thumbprint"][0] for one in rotated["certificates"]] == ["A", "B"]
    assert admin("partner", "acts-for", "alder", "payer-b2", "--reason", "c 9", "--proof", "c 9").exit_code == 0
    for step, status in (("quarantine", "quarantined"), ("suspend", "suspended"), ("retire", "retired")):
        assert admin("partner", step, "alder", "--reason", "shown").exit_code == output.DONE
        assert show(admin, "alder")["partner"]["status"] == status
    assert "retired" in admin("partner", "activate", "alder", "--reason", "back").stderr


def test_lessons(admin: Run, keys: Path) -> None:
    admin("partner", "add", "--client-id", "alder", "--jwks", str(keys), "--organization", "payer-a")
    lesson = admin("partner", "lesson", "add", "alder", "answers 202 twice", "--topic", "files").stdout.strip()
    assert told(admin("partner", "lesson", "list", "--json"))["lessons"][0]["words"] == "answers 202 twice"
    assert admin("partner", "lesson", "close", lesson).exit_code == output.DONE
    assert admin("partner", "lesson", "close", lesson).exit_code == output.NOT_FOUND
