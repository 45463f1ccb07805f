"""`interpayer udap`: both sides of a registration, by commands alone, at a door on a real socket."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interpayer.app.build import build
from interpayer.app.doors import in_background
from interpayer.model.reason import Fault
from interpayer.operations import partners
from interpayer.routing import registry
from interpayer.simulation.installation import free_ports
from interpayer.system.settings import read_settings
from interpayer.system.tls import create_authority, issue_client, issue_server
from tests.store.cli.conftest import Run, told
from tests.support.doors import CURVE_KEY, public
from tests.support.udap import COMMUNITY, World

OUR_URI = "https://payer-b.example/exchange"
RULES: dict[str, Any] = {
    "default": True,
    "contacts": ["mailto:exchange@payer-b.example"],
    "organization_id": "https://payer-b.example/organization/1",
}


@pytest.fixture
def base_url(admin: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The doors of this very installation, as `interpayer serve` opens them: what it registers at is itself."""
    [port, *others] = free_ports(3)
    address = f"https://127.0.0.1:{port}"
    tls = tmp_path / "home" / "tls"
    tls.mkdir(parents=True)
    authority = create_authority(tmp_path / "authority", "Test CA")
    issue_server(tls, authority, ["127.0.0.1"], name="server")
    issue_client(tls, authority, "client")
    for name in ("ca.crt", "client-ca.crt"):
        shutil.copy(authority.certificate, tls / name)
    world = World(tmp_path / "udap")
    shutil.rmtree(world.folder / "two")
    world.community("one", COMMUNITY, anchors=[world.root], **RULES)
    world.certify_us("one", OUR_URI, f"{address}/fhir")
    listening = dict(zip(("LISTEN", "API_LISTEN", "CONSOLE_LISTEN"), (port, *others), strict=True))
    wanted = {name: f"127.0.0.1:{number}" for name, number in listening.items()}
    wanted |= {"UDAP_COMMUNITIES": str(world.folder), "ALLOWED_PRIVATE_HOSTS": "127.0.0.1", "BASE_URL": address}
    for name, value in wanted.items():
        monkeypatch.setenv(f"INTERPAYER_{name}", value)
    application = build(read_settings(os.environ))
    opened = in_background(application).start()
    yield address
    opened.stop()
    application.close()


def test_a_payer_joins_is_let_in_calls_and_leaves(base_url: str, admin: Run) -> None:
    checked = told(admin("udap", "check", "--json"))["communities"]
    assert [(one["name"], one["state"], one["why"]) for one in checked] == [("one", "open", "")]
    base = f"{base_url}/fhir"
    looked = told(admin("udap", "look", base, "--json"))
    assert looked["community"] == COMMUNITY and looked["token_endpoint"] == f"{base_url}/token"

    document = {"name": "Alder", "client_id": "payer-a", "organizations": ["payer-a"], "jwks": public(CURVE_KEY)}
    document |= {"environment": "test", "scopes": ["system/*.rs"], "endpoints": [{"fhir_base": base}]}
    added = admin("partner", "add", "-", standard_input=json.dumps(document))
    assert added.exit_code == 0, added.stderr
    joined = admin("udap", "join", "payer-a", "--json")
    assert joined.exit_code == 0, joined.stderr
    client_id = told(joined)["client_id"]
    assert told(admin("udap", "ours", "--json"))["memberships"][0]["client_id"] == client_id

    # The other side of it, which is the same installation here.
    [waiting] = told(admin("udap", "list", "--json"))["registrations"]
    assert (waiting["client_id"], waiting["status"], waiting["uri"]) == (client_id, "invited", base)
    unknown = admin("udap", "means", client_id, RULES["organization_id"], "payer-x")
    assert unknown.exit_code != 0 and "does not act for" in unknown.stderr
    assert token_refused() == "token refused: unauthorized_client"
    done = admin("partner", "acts-for", client_id, "payer-x", "--reason", "contract 7")
    assert done.exit_code == 0, done.stderr
    assert admin("udap", "means", client_id, RULES["organization_id"], "payer-x").exit_code == 0
    assert token_refused() == "token refused: unauthorized_client"
    assert admin("partner", "test", client_id, "--no-token").exit_code == 1
    assert token_refused() == ""

    open_items = told(admin("partner", "test", client_id, "--no-token", "--json"))["open"]
    vouched = [word for item in open_items for word in ("--vouch", item["item"])]
    activated = admin("partner", "activate", client_id, "--reason", "we know them", *vouched)
    assert activated.exit_code == 0, activated.stderr
    assert token_refused() == ""

    left = admin("udap", "leave", "payer-a", "--json")
    assert left.exit_code == 0, left.stderr
    assert told(admin("udap", "ours", "--json"))["memberships"] == []
    assert told(admin("udap", "list", "--json"))["registrations"][0]["status"] == "suspended"
    again = admin("udap", "leave", "payer-a")
    assert again.exit_code == 5, again.stderr


def token_refused() -> str:
    """What a call of ours to payer-a gets for an answer when it asks for a token; nothing when it gets one."""
    application = build(read_settings(os.environ))
    try:
        tools = application.tools("operator")
        with tools.database.transaction() as conn:
            partner = partners.find(conn, "payer-a")
            [endpoint] = registry.endpoints_of_partner(conn, partner.id)
        tools.call(partner, endpoint).token()
    except Fault as fault:
        return fault.detail
    finally:
        application.close()
    return ""


def test_a_closed_community_is_told_and_ends_with_failure(
    admin: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "udap")
    (world.folder / "one" / "anchors" / "0.pem").write_text("no certificate")
    monkeypatch.setenv("INTERPAYER_UDAP_COMMUNITIES", str(world.folder))
    checked = admin("udap", "check", "--json")
    assert checked.exit_code == 1
    rows = {one["name"]: one for one in told(checked)["communities"]}
    assert (rows["one"]["state"], rows["two"]["state"]) == ("closed", "open")
    found = {one["name"]: one for one in told(admin("doctor", "--no-partners", "--json"))["findings"]}
    assert (found["community one"]["state"], found["community two"]["state"]) == ("ill", "warning")
    assert found["registrations"]["state"] == "well"
    assert "is no certificate" in rows["one"]["why"] and "we have no certificate" in rows["two"]["why"]
