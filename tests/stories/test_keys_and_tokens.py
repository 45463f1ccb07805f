"""Keys change while an exchange runs, a token is for one member, and the partner's door notices every difference."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from interpayer.simulation.installation import HOST, Installation
from interpayer.system.database import connect, role_url
from interpayer.system.settings import read_settings
from interpayer.system.tls import KeyPair, issue_server
from tests.support.doors import assertion, claims, public
from tests.support.outsider import SCOPES, Outsider, parameters
from tests.support.town import Town, enroll, ledger

pytestmark = pytest.mark.xdist_group("keys-and-tokens")

ADA, BEN = (
    {"member_id": f"K-{number}", "family": family, "given": given, "birth_date": born, "sex": sex}
    for number, family, given, born, sex in (
        (2001, "Ashworth", "Ada", "1971-02-03", "female"),
        (2002, "Bellamy", "Ben", "1966-11-29", "male"),
    )
)
OLD, NEW, LATER = (ECKey.generate_key("P-384", {"kid": kid}) for kid in ("k-old", "k-new", "k-later"))


class Address:
    """Where a partner publishes its keys: what is served, and how often it was read."""

    def __init__(self, pair: KeyPair) -> None:
        self.jwks, self.reads = public(OLD), 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.reads += 1
                content = json.dumps(served.jwks).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "max-age=60")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{HOST}:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Rotating(Outsider):
    """A partner that publishes its keys by address and signs with the one that it has now."""

    def __init__(self, name: str, target: Installation, town: Town) -> None:
        super().__init__(name, target, town.authority, is_registered=False)
        self.key = OLD
        self.address = Address(issue_server(self.folder, town.authority, [HOST], name="keys"))
        document = {
            "name": name,
            "client_id": name,
            "organizations": [name],
            "environment": target.environment,
            "jwks_url": self.address.url,
            "scopes": list(SCOPES),
        }
        path: Path = self.folder / "partner.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        self.partner_id = str(target.command("partner", "add", str(path))["partner"])

    def assertion(self, **changes: Any) -> str:
        """A client assertion signed with the key of now."""
        said = claims(f"{self.target.base_url}/token", client_id=self.name, **changes)
        return assertion(said, key=self.key, header={"kid": self.key.kid})

    def renewed(self) -> httpx2.Response:
        """A new token, whatever is left of the old one."""
        answer = self.ask_token()
        if answer.status_code == 200:
            self._token = str(answer.json()["access_token"])
        return answer


@dataclass
class Scene:
    """One payer, and a partner that rotates its keys."""

    town: Town
    payer: Installation
    partner: Rotating

    def later(self, by: timedelta) -> None:
        """What was fetched was fetched so much earlier."""
        columns = ("fetched_at", "fresh_until", "asked_at", "asking_until")
        moved = ", ".join(f"{column} = {column} - %(by)s" for column in columns)
        with connect(role_url(read_settings(self.payer.environ), "owner"), autocommit=True) as conn:
            conn.execute(f"update partners.published_keys set {moved}", {"by": by})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scene(town: Town) -> Iterator[Scene]:
    payer = town.open("locksmith")
    enroll(payer, town.folder, [ADA, BEN])
    found = Scene(town, payer, Rotating("turnkey", payer, town))
    yield found
    found.partner.address.close()
    found.partner.http.close()
    town.shut("locksmith")


def test_a_partner_rotates_its_keys_in_the_middle_of_an_exchange(scene: Scene) -> None:
    partner, address = scene.partner, scene.partner.address
    matched = partner.result(partner.post("/Group/$bulk-member-match", parameters(partner.match_parts(ADA), bulk=True)))
    assert (address.reads, bool(matched["output"])) == (1, True)

    # Published ahead, beside the old one; then the new one signs, and the old one goes.
    address.jwks = public(OLD, NEW)
    scene.later(timedelta(seconds=61))
    assert partner.renewed().status_code == 200
    assert address.reads == 2, "what we had was over"
    partner.key = NEW
    assert partner.renewed().status_code == 200
    assert address.reads == 2, "the key was known before it was used"
    group = next(
        entry["resource"] for entry in partner.get("/Group").json()["entry"] if entry["resource"].get("member")
    )
    asked = partner.post(f"/Group/{group['id']}/$davinci-data-export", {"resourceType": "Parameters", "parameter": []})
    address.jwks = public(NEW)
    scene.later(timedelta(seconds=61))
    assert partner.renewed().status_code == 200
    manifest = partner.result(asked)
    assert partner.lines(manifest["output"][0]["url"]), "the exchange ends as if nothing had changed"

    partner.key = OLD
    refused = partner.renewed()
    assert refused.status_code == 401
    assert refused.json()["error_description"] == "no registered key has this kid and fits alg"
    partner.key = NEW
    told = [event["facts"] for event in ledger(scene.town, scene.payer, "partner.keys_published")]
    assert sorted(told, key=str) == sorted(
        [{"came": ["k-old"], "went": []}, {"came": ["k-new"], "went": []}, {"came": [], "went": ["k-old"]}], key=str
    )


def test_a_partner_that_does_not_publish_ahead_is_in_after_one_look(scene: Scene) -> None:
    partner, address = scene.partner, scene.partner.address
    address.jwks, partner.key, reads = public(LATER), LATER, address.reads
    assert partner.renewed().status_code == 401, "we looked less than half a minute ago"
    assert address.reads == reads
    scene.later(timedelta(seconds=31))
    assert partner.renewed().status_code == 200
    assert address.reads == reads + 1


def test_a_token_for_one_member_reads_that_member_only(scene: Scene) -> None:
    partner = scene.partner
    answers = {
        name: partner.post("/Patient/$member-match", parameters(partner.match_parts(member))).json()["parameter"]
        for name, member in (("ada", ADA), ("ben", BEN))
    }
    umb = {n: next(p["valueIdentifier"] for p in a if p["name"] == "MemberIdentifier") for n, a in answers.items()}
    ids = {n: next(p["valueReference"]["reference"] for p in a if p["name"] == "MemberId") for n, a in answers.items()}
    patient = {name: reference.rpartition("/")[2] for name, reference in ids.items()}
    for subject in (patient["ada"], f"Patient/{patient['ada']}", ids["ada"], umb["ada"]["value"]):
        partner._token = partner.ask_token(client_assertion=partner.assertion(sub=subject)).json()["access_token"]
        assert partner.get(f"/Patient/{patient['ada']}/$everything").status_code == 200
        assert partner.get(f"/Patient/{patient['ben']}/$everything").status_code == 404
        assert partner.get("/Group").status_code == 403
        assert partner.post("/Patient/$member-match", parameters(partner.match_parts(BEN))).status_code == 403
    other = Outsider("curious", scene.payer, scene.town.authority)
    refused = [other.ask_token(client_assertion=other.assertion(sub=s)) for s in (patient["ada"], "m-nobody", "UMB-0")]
    other.http.close()
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.text for answer in refused}) == 1, "whose member it is cannot be read from a refusal"


def test_our_own_keys_rotate_without_a_restart(scene: Scene) -> None:
    payer = scene.payer

    def shown() -> set[str]:
        return {key["kid"] for key in payer.public_keys()["keys"]}

    before = shown()
    made = payer.command("key", "next")
    assert shown() == before | {made["kid"]}, "the running doors publish it"
    assert payer.command("key", "activate", made["kid"], "--at-once")["state"] == "active"
    assert shown() == before | {made["kid"]}, "what the old one signed may still arrive"
