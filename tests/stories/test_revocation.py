"""A member says no at the old plan, at every moment of an exchange: from then on no byte of theirs leaves."""

import base64
import gzip
import json
import random
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from interpayer.exchange.transitions import Move, move_one
from interpayer.model.exchange import State
from interpayer.simulation.installation import Installation
from interpayer.system.database import connect, role_url
from interpayer.system.settings import read_settings
from tests.support.histories import Human, Resource, history, write_history
from tests.support.outsider import Outsider, parameters
from tests.support.town import (
    Town,
    allow,
    ask,
    counterpart,
    enroll,
    events,
    inbox,
    ledger,
    member_id_of,
    settled,
    wait_for,
)

pytestmark = [pytest.mark.xdist_group("revocation")]

# Each test takes somebody's consent back, so each has its own people; the stayers never say no.
LEAVERS = {
    name: Human("Leaver", name, f"19{50 + place}-05-05")
    for place, name in enumerate(("Waiting", "Queued", "Running", "Ready", "Halfway", "Asked", "Revoked", "Replayed"))
}
STAYER = Human("Stayer", "Ruth", "1971-06-06")
NUMBERS = {human.given: f"K-{1000 + place}" for place, human in enumerate([*LEAVERS.values(), STAYER])}
BIG = ("Halfway", "Ruth")
DOCUMENT_BYTES = 600_000
# What may lie in the reader's own socket when the no comes; it has left us long ago.
IN_FLIGHT = 128 * 1024


@dataclass
class Plan:
    """The plan that keeps the records, a payer that asks it, and a partner whose calls are written by hand."""

    town: Town
    keeper: Installation
    asker: Installation
    hand: Outsider

    def member(self, name: str) -> str:
        """The keeper's id of somebody."""
        return member_id_of(self.town, self.keeper, NUMBERS[name])

    def withdraw(self, name: str) -> None:
        """The member says no to the keeper, by its command line."""
        self.keeper.command("consent", "withdraw", self.member(name), "--proof", "call 17")

    def match(self, *names: str) -> dict[str, Any]:
        """A bulk match for these people; the Group of those matched."""
        people = {**LEAVERS, STAYER.given: STAYER}
        parts = [self.hand.match_parts(people[name].row(NUMBERS[name])) for name in names]
        body = {"resourceType": "Parameters", "parameter": [{"name": "MemberBundle", "part": p} for p in parts]}
        manifest = self.hand.result(self.hand.post("/Group/$bulk-member-match", body))
        (url,) = [o["url"] for o in manifest["output"] if o["type"] == "Group"]
        return next(g for g in self.hand.lines(url) if g["code"]["coding"][0]["code"] == "match")

    def kick_off(self, group: dict[str, Any]) -> Any:
        """Ask for the export of a Group; the answer of the door."""
        return self.hand.post(f"/Group/{group['id']}/$davinci-data-export", parameters([]))

    def of(self, name: str) -> list[dict[str, Any]]:
        """The keeper's exchanges about somebody, newest first."""
        return [e for e in self.keeper.exchanges() if e["member"]["id"] == self.member(name)]

    def withdrawn(self, name: str) -> list[dict[str, Any]]:
        """What the keeper's ledger says about files that lost somebody."""
        found = ledger(self.town, self.keeper, "answer.withdrawn")
        pseudonym = self.town.tools(self.keeper).ledger.pseudonym(self.member(name))
        return [event for event in found if event["member"] == pseudonym]


@pytest.fixture(scope="module")
def plan(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    folder = tmp_path_factory.mktemp("revocation")
    keeper, asker = town.open_all("keeper", "asker")
    hand = Outsider("hand", keeper, town.authority)
    people = [*LEAVERS.values(), STAYER]
    enroll(keeper, folder, [human.row(NUMBERS[human.given]) for human in people])
    enroll(asker, folder, [human.row(f"Q-{NUMBERS[human.given]}") for human in people])
    records = [r for human in people for r in history(human, NUMBERS[human.given], visits=1)]
    records += [_document(name, place) for name in BIG for place in range(12)]
    keeper.command("load", "fhir", str(write_history(folder / "records", records)))
    yield Plan(town, keeper, asker, hand)
    hand.http.close()
    town.shut("keeper", "asker")


def _document(name: str, place: int) -> Resource:
    """A document that gzip cannot make much smaller."""
    noise = random.Random(f"{name}{place}").randbytes(DOCUMENT_BYTES)
    return {
        "resourceType": "DocumentReference",
        "id": f"{NUMBERS[name]}-document-{place}",
        "status": "current",
        "subject": {"reference": f"Patient/{NUMBERS[name]}"},
        "content": [{"attachment": {"contentType": "image/png", "data": base64.b64encode(noise).decode()}}],
    }


def test_while_the_exchange_waits_nothing_is_gathered_for_that_member(plan: Plan) -> None:
    group = plan.match("Waiting", "Ruth")
    assert group["quantity"] == 2
    plan.withdraw("Waiting")
    assert plan.of("Waiting")[0]["state"] == "revoked"
    manifest = plan.hand.result(plan.kick_off(group))
    assert plan.member("Waiting") not in _everything(plan, manifest)
    assert plan.member("Ruth") in _everything(plan, manifest)
    _assert_told_without_a_name(plan, manifest)


def test_while_the_export_waits_for_a_worker_the_member_is_left_out(plan: Plan) -> None:
    group = plan.match("Running", "Ruth")
    plan.keeper.kill("worker-1")
    kick_off = plan.kick_off(group)
    plan.withdraw("Running")
    plan.keeper.start("worker")
    manifest = plan.hand.result(kick_off)
    assert plan.member("Running") not in _everything(plan, manifest)
    assert plan.of("Running")[0]["state"] == "revoked"


def test_when_the_files_are_ready_they_lose_the_member_at_once_and_are_built_anew(plan: Plan) -> None:
    kick_off = plan.kick_off(plan.match("Ready", "Ruth"))
    before = plan.hand.result(kick_off)
    (url,) = [o["url"] for o in before["output"] if o["type"] == "Encounter"]
    old = plan.hand.get(url, **{"Accept-Encoding": "gzip"})
    assert plan.member("Ready") in json.dumps(plan.hand.lines(url))
    plan.withdraw("Ready")
    fresh = plan.hand.http.get(
        url, headers={**plan.hand.headers, "Range": "bytes=10-", "If-Range": old.headers["etag"]}
    )
    assert fresh.status_code == 200, "If-Range with the old ETag begins anew"
    assert fresh.headers["etag"] != old.headers["etag"]
    assert plan.member("Ready") not in "".join(json.dumps(r) for r in plan.hand.lines(url))

    def rebuilt() -> dict[str, Any] | None:
        found = plan.hand.result(kick_off)
        sums = [o.get("extension", {}).get("sha256-gzip") for o in found["output"]]
        return found if all(sums) else None

    after = wait_for(rebuilt)
    counts = [{o["type"]: o["count"] for o in manifest["output"]} for manifest in (before, after)]
    assert counts[0]["Encounter"] == counts[1]["Encounter"] + 1
    assert plan.member("Ready") not in _everything(plan, after)
    _assert_told_without_a_name(plan, after)
    told = plan.withdrawn("Ready")
    assert told and {e["reason"] for e in told} == {"delivery.member_withdrawn"}
    assert {e["exchange_id"] for e in told} == {plan.of("Ready")[0]["exchange"]}
    assert plan.of("Ready")[0]["state"] == "revoked"


def test_a_download_under_way_breaks_off_within_a_second(plan: Plan) -> None:
    manifest = plan.hand.result(plan.kick_off(plan.match("Halfway", "Ruth")))
    (url,) = [o["url"] for o in manifest["output"] if o["type"] == "DocumentReference"]
    with SlowReader(plan.hand, url) as reader:
        etag, length = reader.begin()
        reader.read(200_000)
        plan.withdraw("Halfway")
        time.sleep(1.0)
        reader.read_to_the_end()
    assert reader.got < length, "the file was cut, so that its end is not mistaken for the whole"
    assert reader.got - 200_000 <= IN_FLIGHT, f"{reader.got - 200_000} bytes came after the no"
    again = plan.hand.http.get(
        url,
        headers={**plan.hand.headers, "Range": f"bytes={reader.got}-", "If-Range": etag, "Accept-Encoding": "identity"},
    )
    assert again.status_code == 200 and again.headers["etag"] != etag
    assert plan.member("Halfway") not in again.text and plan.member("Ruth") in again.text


def test_one_consent_taken_back_stops_what_rests_on_it(plan: Plan) -> None:
    kick_off = plan.kick_off(plan.match("Revoked", "Ruth"))
    plan.hand.result(kick_off)
    listed = plan.keeper.command("consent", "list", plan.member("Revoked"))
    (consent,) = listed["consents"]
    plan.keeper.command("consent", "revoke", consent["id"], "--reason", "letter of the member")
    assert plan.member("Revoked") not in _everything(plan, plan.hand.result(kick_off))
    assert plan.of("Revoked")[0]["state"] == "revoked"


def test_the_payer_that_asked_ends_with_a_partial_answer_and_nothing_of_the_member(plan: Plan) -> None:
    exchange_id = _asked(plan, "Queued", until="receiving")
    plan.withdraw("Queued")
    plan.keeper.start("worker")
    found = settled(plan.asker, exchange_id)
    assert (found["state"], found["answer"]) == ("completed", "partial")
    assert set(found["records"]) <= {"Provenance"}
    theirs = plan.of("Queued")[-1]
    assert theirs["state"] == "revoked"
    assert "consent.revoked" in {e["name"] for e in events(plan.keeper, theirs["exchange"])}


def test_our_own_member_who_says_no_is_not_asked_for_any_more(plan: Plan) -> None:
    exchange_id = _asked(plan, "Asked", until="receiving")
    member_id = member_id_of(plan.town, plan.asker, f"Q-{NUMBERS['Asked']}")
    plan.asker.command("consent", "withdraw", member_id, "--proof", "call 18")
    assert settled(plan.asker, exchange_id)["state"] == "revoked"
    plan.keeper.start("worker")
    (theirs,) = wait_for(lambda: counterpart(plan.keeper, settled(plan.asker, exchange_id)))
    settled(plan.keeper, theirs["exchange"], states=("released", "completed"))
    time.sleep(2)
    found = settled(plan.asker, exchange_id)
    assert (found["state"], found["records"]) == ("revoked", {})
    assert wait_for(lambda: not inbox(plan.asker)), "what was fetched before the no does not stay"


def test_what_failed_is_not_done_again_for_a_member_who_said_no_since(plan: Plan) -> None:
    exchange_id = _asked(plan, "Replayed", until="receiving")
    tools = plan.town.tools(plan.asker)
    with tools.database.transaction() as conn:
        move_one(conn, tools.ledger, Move(exchange_id, State.FAILED, "system.bug"))
    member_id = member_id_of(plan.town, plan.asker, f"Q-{NUMBERS['Replayed']}")
    plan.asker.command("consent", "withdraw", member_id, "--proof", "call 19")
    status, told = plan.asker.api("POST", f"/exchanges/{exchange_id}/replay", {"reason": "the fault is repaired"})
    assert (status, told["state"]) == (202, "received")
    found = settled(plan.asker, exchange_id)
    assert (found["state"], found["reason"]) == ("blocked", "consent.revoked")
    plan.keeper.start("worker")


def test_a_file_is_one_gzip_for_every_reader(plan: Plan) -> None:
    manifest = plan.hand.result(plan.kick_off(plan.match("Ruth")))
    (url,) = [o["url"] for o in manifest["output"] if o["type"] == "Encounter"]
    with plan.hand.http.stream("GET", url, headers={**plan.hand.headers, "Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert [json.loads(line) for line in gzip.decompress(raw).splitlines()] == plan.hand.lines(url)


def test_the_ledger_of_the_keeper_verifies_after_all_that(plan: Plan) -> None:
    assert plan.keeper.command("audit", "verify")["intact"] is True


def _asked(plan: Plan, name: str, *, until: str) -> str:
    """An exchange of the asker that is matched, its export begun, while the keeper's worker is dead."""
    member_id = member_id_of(plan.town, plan.asker, f"Q-{NUMBERS[name]}")
    allow(plan.asker, member_id, "keeper")
    cards = {"keeper": NUMBERS[name], "asker": f"Q-{NUMBERS[name]}"}
    with _records_held(plan.keeper):
        exchange_id = ask(plan.asker, "keeper", LEAVERS[name].asked(cards))
        settled(plan.asker, exchange_id, states=(until,))
        # begun: who says no before that is not in the export at all, and nothing is missing from it
        wait_for(lambda: plan.of(name)[-1]["state"] in ("gathering", "assembling"))
        plan.keeper.kill("worker-1")
    return exchange_id


@contextmanager
def _records_held(one: Installation) -> Iterator[None]:
    """Nobody reads what this payer holds meanwhile, so an export cannot be faster than the test."""
    with connect(role_url(read_settings(one.environ), "owner")) as conn, conn.transaction():
        conn.execute("lock table records.pack in access exclusive mode")
        yield


def _everything(plan: Plan, manifest: dict[str, Any]) -> str:
    """Every line of every file of a job."""
    return "".join(json.dumps(r) for o in manifest["output"] for r in plan.hand.lines(o["url"]))


def _assert_told_without_a_name(plan: Plan, manifest: dict[str, Any]) -> None:
    """An OperationOutcome that something was taken out, and not whose."""
    outcomes = [r for link in manifest["error"] for r in plan.hand.lines(link["url"])]
    assert outcomes and {r["resourceType"] for r in outcomes} == {"OperationOutcome"}
    text = json.dumps(outcomes)
    assert not [word for word in ("Leaver", "K-1", "m-", "Patient/") if word in text]


class SlowReader:
    """A partner that takes a file byte by byte, with a small buffer of its own."""

    def __init__(self, partner: Outsider, url: str) -> None:
        self.partner, self.url = partner, urlsplit(url)
        self.got = 0
        self._held = b""

    def __enter__(self) -> "SlowReader":
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        plain.settimeout(10)
        plain.connect((self.url.hostname, self.url.port))
        context = ssl.create_default_context(cafile=str(self.partner.target.home / "tls" / "ca.crt"))
        context.load_cert_chain(self.partner.certificate.certificate, self.partner.certificate.key)
        self.socket = context.wrap_socket(plain, server_hostname=self.url.hostname)
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def begin(self) -> tuple[str, int]:
        """Send the request and read the head: ETag and length."""
        lines = [
            f"GET {self.url.path} HTTP/1.1",
            f"Host: {self.url.netloc}",
            f"Authorization: Bearer {self.partner.token}",
            "Accept-Encoding: gzip",
            "Connection: close",
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1024)
        raw, _, self._held = head.partition(b"\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 200"), raw
        headers = dict(line.lower().split(": ", 1) for line in raw.decode().split("\r\n")[1:])
        self.got = len(self._held)
        return headers["etag"], int(headers["content-length"])

    def read(self, count: int) -> None:
        """Read until so many bytes of the file have come."""
        while self.got < count:
            self.got += len(self.socket.recv(min(4096, count - self.got)))

    def read_to_the_end(self) -> None:
        """Read all that still comes, until the connection ends."""
        try:
            while piece := self.socket.recv(65536):
                self.got += len(piece)
        except (ConnectionError, ssl.SSLError):
            return
