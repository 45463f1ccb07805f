"""`interpayer key` as a person types it."""

import pytest

from interpayer.cli import output
from tests.store.cli.conftest import Run, told


@pytest.fixture(autouse=True)
def quick_rsa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.partners.signer.RSA_BITS", 2048)


def test_a_rotation_by_hand(admin: Run) -> None:
    shown = told(admin("partner", "keys", "--json"))["keys"]
    assert {key["alg"] for key in shown} == {"ES384", "RS384"}
    old = next(key["kid"] for key in shown if key["alg"] == "ES384")

    made = admin("key", "next")
    assert made.exit_code == output.DONE, made.stderr
    kid = made.stdout.splitlines()[0]
    assert "activate it from" in made.stderr
    assert "partner keys" in made.stderr
    early = admin("key", "activate", kid)
    assert early.exit_code != output.DONE
    assert "wait, or activate at once" in early.stderr

    assert told(admin("key", "activate", kid, "--at-once", "--json"))["state"] == "active"
    states = {key["kid"]: key["state"] for key in told(admin("key", "list", "--json"))["keys"]}
    assert (states[kid], states[old]) == ("active", "retiring")
    assert admin("key", "retire", kid).exit_code != output.DONE, "nothing would sign"
    assert told(admin("key", "revoke", old, "--reason", "drill", "--json"))["state"] == "revoked"
    assert old not in {key["kid"] for key in told(admin("partner", "keys", "--json"))["keys"]}


def test_only_an_admin_changes_keys(run: Run) -> None:
    run("access", "add", "Ana Ruiz", "--role", "admin", "--login")
    token = told(run("access", "add", "Bo Lind", "--role", "operator", "--json"))["token"]
    run("partner", "keys")
    run("access", "login", standard_input=token)
    assert run("key", "list").exit_code == output.DONE
    refused = run("key", "next")
    assert refused.exit_code == output.REFUSED, refused.stderr
