"""Both doors under generated calls, right ones and wrong ones: no answer is a fault of ours, each no has its shape.

A few hundred calls here; `make fuzz-doors` makes 20,000 (FUZZ_CALLS).
"""

import base64
import os
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from interpayer.api import server as api
from interpayer.app import doors as real
from interpayer.app.build import Application, build
from interpayer.gateway import export, member_match
from interpayer.gateway import server as gateway
from interpayer.gateway.forwarded import read_proxies
from interpayer.gateway.peers import Peers
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.partners import directory
from interpayer.policy.figures import ConnectionNumbers, RateNumbers, ScrapingNumbers
from interpayer.system.certificates.anchors import read_anchors
from interpayer.system.certificates.watched import Watched
from tests.support.databases import ScratchDatabase
from tests.support.doors import Grounds, a_partner, assertion, claims
from tests.support.fuzzing import described, fuzz
from tests.support.tools import add_people

CALLS = int(os.environ.get("FUZZ_CALLS", "300"))
PROXY = "127.0.0.1"
NEVER = (10**9, 10**9 + 1, 10**9 + 2)
DOCUMENTS = ("/fhir/metadata", "/.well-known/smart-configuration", "/.well-known/jwks.json")


@pytest.fixture
def application(database: ScratchDatabase, tmp_path: Path) -> Iterator[Application]:
    home = tmp_path / "home"
    home.mkdir()
    entity = "legal_entities:\n  - {id: ours, name: Our Plan, identifiers: ['payer-a']}\n"
    (home / "organizations.yaml").write_text(entity)
    made = build(database.settings(home, organizations=str(home / "organizations.yaml"), environment="test"))
    yield made
    made.close()


def test_no_generated_call_of_a_partner_is_a_fault_of_ours(
    application: Application, database: ScratchDatabase, tmp_path: Path
) -> None:
    grounds = Grounds(tmp_path / "grounds")
    tools = application.tools("door")
    operations = [*member_match.operations(tools), *export.operations(tools)]
    app = gateway.build(_door(application, grounds), operations)
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-b"), by="tests")
    leaf = ssl.PEM_cert_to_DER_cert(grounds.clients["plan-b"].certificate.read_text())
    shown = {"Client-Cert": f":{base64.b64encode(leaf).decode()}:"}
    document = described(operations, DOCUMENTS)
    with TestClient(app, base_url="https://127.0.0.1", client=(PROXY, 1), raise_server_exceptions=False) as client:
        bearer = {"Authorization": f"Bearer {_token(client, shown, application)}"}

        def call(method: str, url: str, headers: dict[str, str], **more: Any) -> None:
            # a forged header in one of four: the others get as far as they can
            known = shown if len(url) % 4 else {}
            answer = client.request(method, url, headers={**headers, **known, **bearer}, **more)
            assert answer.status_code < 500, (method, url, answer.text)
            if answer.status_code >= 400:
                _check_refusal(url, answer)

        made = fuzz(document, call, calls=CALLS // 2)
    assert made >= CALLS // 4
    print(f"partners' door: {made} calls")


def test_no_generated_call_of_the_plan_is_a_fault_of_ours(application: Application) -> None:
    tools = application.tools("operator")
    tokens = add_people(tools)
    with TestClient(api.build(tools), base_url="https://127.0.0.1", raise_server_exceptions=False) as client:
        document = client.get("/api/v1/openapi.json").json()
        roles = sorted(tokens)

        def call(method: str, url: str, headers: dict[str, str], **more: Any) -> None:
            role = roles[len(str(more)) % len(roles)]
            who = {"Authorization": f"Bearer {tokens[role]}"}
            answer = client.request(method, url, headers={**headers, **who}, **more)
            assert answer.status_code < 500, (method, url, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", (method, url)
                assert answer.json()["status"] == answer.status_code

        made = fuzz(document, call, calls=CALLS // 2)
    assert made >= CALLS // 4
    print(f"the plan's own door: {made} calls")


def _door(application: Application, grounds: Grounds) -> Any:
    """The real door, behind a listed proxy, with limits that a fuzzer does not reach."""
    door = real.door_of(application)
    bundle = door.policy()
    numbers = replace(
        bundle.numbers,
        rates={name: RateNumbers(1e6, 1_000_000, 1) for name in bundle.rates},
        connections=ConnectionNumbers(10_000, 10_000),
        scraping=ScrapingNumbers(NEVER, NEVER, NEVER, 10**9, 24, 24, 1),
    )
    lifted = replace(bundle, numbers=numbers)
    anchors = Watched(lambda: read_anchors(grounds.ca.certificate), [], kind="test")
    return replace(door, policy=lambda: lifted, peers=Peers(anchors, None, read_proxies([PROXY])))


def _token(client: TestClient, shown: dict[str, str], application: Application) -> str:
    form = {
        "grant_type": "client_credentials",
        "scope": " ".join(a_partner().scopes),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(claims(f"{application.settings.base_url}/token")),
    }
    answer = client.post("/token", data=form, headers=shown)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def _check_refusal(url: str, answer: httpx2.Response) -> None:
    """OAuth's shape at its endpoints, an OperationOutcome everywhere else."""
    body = answer.json()
    path = url.removeprefix("https://127.0.0.1")
    if path in {"/token", "/register"} and "error" in body:
        assert set(body) == {"error", "error_description"}
    else:
        assert body["resourceType"] == "OperationOutcome", (url, body)
        assert body["issue"][0]["details"]["coding"][0]["code"] != "system.bug"
