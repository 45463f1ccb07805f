"""What a person types, against a real database: results, exit codes, and who is named on the ledger."""

import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from interpayer.cli import output
from interpayer.simulation.feed import write_plan
from interpayer.simulation.payers import World
from tests.store.cli.conftest import Run, told


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up plan."""
    folder = tmp_path_factory.mktemp("plan")
    write_plan(folder, World(7), plan="payer-b", count=12, records_per_member=3)
    return folder


@pytest.fixture
def document(tmp_path: Path) -> Path:
    key = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig", "alg": "ES384"}, private=True)
    path = tmp_path / "alder.json"
    path.write_text(
        json.dumps(
            {
                "name": "Alder Valley Health Plan",
                "client_id": "alder-valley",
                "organizations": ["payer-a"],
                "scopes": ["system/*.rs"],
                "jwks": {"keys": [key.as_dict(private=False)]},
                "environment": "test",
                "endpoints": [{"fhir_base": "https://alder.example/fhir", "capabilities": ["everything"]}],
            }
        )
    )
    return path


def test_nobody_acts_without_a_login(run: Run) -> None:
    done = run("exchange", "list")
    assert done.exit_code == output.REFUSED
    assert "interpayer access login" in done.stderr
    assert done.stdout == ""


def test_the_login_is_kept_for_its_owner_only(admin: Run, tmp_path: Path) -> None:
    assert told(admin("access", "whoami", "--json"))["person"]["name"] == "Ana Ruiz"
    assert stat.S_IMODE((tmp_path / "home" / "login").stat().st_mode) == 0o600
    assert admin("access", "logout").exit_code == output.DONE
    assert admin("access", "whoami").exit_code == output.REFUSED


def test_a_token_from_input_logs_in_and_the_environment_beats_it(admin: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    token = admin("access", "add", "Bo Lind", "--role", "operator").stdout.strip()
    assert admin("access", "login", standard_input=token + "\n").exit_code == output.DONE
    assert told(admin("access", "whoami", "--json"))["person"]["name"] == "Bo Lind"
    assert admin("access", "login", standard_input="ip_wrong\n").exit_code == output.REFUSED
    monkeypatch.setenv("INTERPAYER_TOKEN", "ip_wrong")
    assert admin("access", "whoami").exit_code == output.REFUSED


def test_a_role_that_does_not_allow_it_is_refused_and_recorded(admin: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    token = admin("access", "add", "Bo Lind", "--role", "analyst").stdout.strip()
    monkeypatch.setenv("INTERPAYER_TOKEN", token)
    done = admin("exchange", "ask", "--partner", "payer-a")
    assert (done.exit_code, "caller.not_permitted" in done.stderr) == (output.REFUSED, True)
    events = told(admin("audit", "search", "--json"))["events"]
    assert [e["actor_id"] for e in events if e["name"] == "caller.refused"] == ["Bo Lind"]


def test_a_plan_is_loaded_and_loading_again_changes_nothing(admin: Run, plan: Path) -> None:
    first = told(admin("load", "enrollments", str(plan / "enrollments.csv"), "--json"))
    assert first["rows"] == first["new"] + first["changed"]
    records = admin("load", "fhir", str(plan / "fhir"), "--json")
    assert (records.exit_code, told(records)["quarantined"]) == (output.DONE, {})
    again = told(admin("load", "fhir", str(plan / "fhir"), "--json"))
    assert (again["new"], again["changed"], again["same"]) == (0, 0, told(records)["new"])


def test_refused_rows_are_a_partial_load_with_row_and_column(admin: Run, plan: Path, tmp_path: Path) -> None:
    lines = (plan / "enrollments.csv").read_text().splitlines()
    (tmp_path / "feed.csv").write_text("\n".join([*lines[:3], lines[3].replace(",", ",,", 3)]))
    done = admin("load", "enrollments", str(tmp_path / "feed.csv"))
    assert done.exit_code == output.PARTIAL
    assert "row 4, " in done.stderr


def test_a_file_that_is_no_feed_is_a_usage_error(admin: Run, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("a,b\n1,2\n")
    assert admin("load", "enrollments", str(tmp_path / "feed.csv")).exit_code == output.USAGE
    assert admin("load", "enrollments", str(tmp_path / "none.csv")).exit_code == output.USAGE
    assert admin("load", "fhir", str(tmp_path / "none")).exit_code == output.USAGE


def test_an_exchange_is_asked_listed_shown_and_cancelled(admin: Run) -> None:
    asked = admin("exchange", "ask", "--partner", "payer-a", "--attest", "--key", "one")
    exchange_id = asked.stdout.strip()
    assert exchange_id.startswith("x-")
    assert admin("exchange", "ask", "--partner", "payer-z", "--attest", "--key", "one").exit_code == output.USAGE
    (row,) = told(admin("exchange", "list", "--json"))["exchanges"]
    assert (row["exchange"], row["state"]) == (exchange_id, "received")
    assert told(admin("exchange", "show", exchange_id, "--json"))["basis"] == "opt_in"
    assert admin("exchange", "watch", exchange_id, "--timeout", "0").exit_code == output.TRY_AGAIN
    assert admin("exchange", "cancel", exchange_id, "--reason", "asked twice").exit_code == output.DONE
    assert admin("exchange", "watch", exchange_id).exit_code == output.FAILED
    assert "exchange was cancelled" in admin("exchange", "events", exchange_id).stdout
    assert admin("exchange", "show", "x-none").exit_code == output.NOT_FOUND


def test_a_body_is_checked_as_the_api_checks_it(admin: Run, tmp_path: Path) -> None:
    done = admin("exchange", "ask", "-", standard_input='{"partner": "payer-a", "membr": {}}')
    assert (done.exit_code, "membr" in done.stderr) == (output.USAGE, True)
    assert admin("exchange", "ask", "-", standard_input="{").exit_code == output.USAGE


def test_a_partner_joins_is_shown_by_any_name_and_rests(admin: Run, document: Path) -> None:
    made = told(admin("partner", "add", str(document), "--json"))
    shown = told(admin("partner", "show", "payer-a", "--json"))
    assert (shown["partner"]["id"], shown["partner"]["status"]) == (made["partner"], "active")
    assert shown["partner"]["key_ids"] == ["k1"]
    assert admin("partner", "suspend", "alder-valley", "--reason", "contract ended").exit_code == output.DONE
    assert "suspended" in admin("partner", "list").stdout
    endpoint = admin("partner", "endpoint", "add", "payer-a", "https://alder.example/r4", "--capability", "everything")
    assert endpoint.stdout.startswith("n-")
    assert admin("partner", "show", "nobody").exit_code == output.NOT_FOUND
    assert "private" not in admin("partner", "keys").stdout
    assert told(admin("partner", "keys", "--json"))["keys"]


def test_a_consent_is_recorded_revoked_and_withdrawn(admin: Run, plan: Path) -> None:
    admin("load", "enrollments", str(plan / "enrollments.csv"))
    member = told(admin("standing", "list", "--json"))["standing"][0]["member_id"]
    words = ["--from", "payer-b", "--to", "payer-c", "--start", "2026-01-01", "--end", "2027-01-01"]
    given = admin("consent", "record", member, *words, "--proof", "doc-1", "--scope", "sensitive")
    consent = given.stdout.strip()
    assert consent.startswith("k-")
    assert admin("consent", "revoke", consent, "--reason", "letter").exit_code == output.DONE
    stopped = told(admin("consent", "withdraw", member, "--proof", "form 12", "--json"))
    assert len(stopped["standing"]) >= 1
    known = told(admin("consent", "list", member, "--json"))
    assert known["withdrawn_at"] is not None
    assert [c["revoked_at"] is not None for c in known["consents"] if c["id"] == consent] == [True]
    assert admin("consent", "lift", member).exit_code == output.DONE
    assert admin("consent", "list", "m-none").exit_code == output.NOT_FOUND


def test_resync_asks_before_it_lets_releases_go_on(admin: Run) -> None:
    assert admin("consent", "resync", "--reason", "all loaded", standard_input="n\n").exit_code == output.REFUSED
    assert admin("consent", "resync", "--reason", "all loaded", "--yes").exit_code == output.DONE


def test_a_recall_of_nothing_is_not_found(admin: Run) -> None:
    assert admin("recall", "open", "x-none", "--reason", "recall.scope").exit_code == output.NOT_FOUND
    assert admin("recall", "open", "x-none", "--reason", "oops").exit_code == output.USAGE
    assert told(admin("recall", "list", "--json"))["recalls"] == []


def test_the_doctor_needs_no_login_and_names_what_is_ill(run: Run) -> None:
    done = run("doctor", "--json")
    found = {finding["name"]: finding["state"] for finding in told(done)["findings"]}
    assert done.exit_code == output.FAILED
    assert (found["database"], found["certificate"], found["people"]) == ("well", "ill", "warning")


def test_lists_are_empty_and_readable_at_the_start(admin: Run) -> None:
    for noun in ("case", "standing", "partner", "dead-letter", "recall", "exchange"):
        done = admin(noun, "list")
        assert (done.exit_code, done.stderr) == (output.DONE, ""), noun
        assert len(done.stdout.splitlines()) == 1


def test_an_unknown_setting_is_a_usage_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPAYER_HOMME", "/tmp")
    done = run("exchange", "list")
    assert (done.exit_code, "HOMME" in done.stderr) == (output.USAGE, True)
