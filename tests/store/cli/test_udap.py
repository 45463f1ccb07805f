"""`interpayer udap`: both sides of a registration, by commands alone, at a door on a real socket."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interpayer.app.build import build
from interpayer.model.reason import Fault
from interpayer.operations import partners
from interpayer.routing import registry
from interpayer.system.settings import read_settings
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase
from tests.support.doors import CURVE_KEY, DoorUnderTest, Grounds, public
from tests.support.udap import COMMUNITY, World

OUR_URI = "https://payer-b.example/exchange"
RULES: dict[str, Any] = {
    "default": True,
    "contacts": ["mailto:exchange@payer-b.example"],
    "organization_id": "https://payer-b.example/organization/1",
}


@pytest.fixture
def door(
    database: ScratchDatabase, admin: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DoorUnderTest]:
    """The door of this very installation: what it registers at is itself, under another name."""
    grounds = Grounds(tmp_path / "grounds")
    world = World(tmp_path / "udap")
    shutil.rmtree(world.folder / "two")
    world.community("one", COMMUNITY, anchors=[world.root], **RULES)
    opened = DoorUnderTest(database, grounds, communities=world.folder)
    world.certify_us("one", OUR_URI, opened.door.fhir_base)
    tls = tmp_path / "home" / "tls"
    tls.mkdir(parents=True)
    shutil.copy(grounds.ca.certificate, tls / "ca.crt")
    for ending in ("crt", "key"):
        shutil.copy(
            getattr(grounds.clients["plan-b"], {"crt": "certificate", "key": "key"}[ending]), tls / f"client.{ending}"
        )
    monkeypatch.setenv("INTERPAYER_UDAP_COMMUNITIES", str(world.folder))
    monkeypatch.setenv("INTERPAYER_ALLOWED_PRIVATE_HOSTS", "127.0.0.1")
    monkeypatch.setenv("INTERPAYER_BASE_URL", opened.base_url)
    yield opened
    opened.close()


def test_a_payer_joins_is_let_in_calls_and_leaves(door: DoorUnderTest, admin: Run) -> None:
    checked = told(admin("udap", "check", "--json"))["communities"]
    assert [(one["name"], one["state"], one["why"]) for one in checked] == [("one", "open", "")]
    base = door.door.fhir_base
    looked = told(admin("udap", "look", base, "--json"))
    assert looked["community"] == COMMUNITY and looked["token_endpoint"] == door.door.token_url

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
    assert "is no certificate" in rows["one"]["why"] and "we have no certificate" in rows["two"]["why"]
