"""Partners at the plan's own door: what people see of them, and how an invited one hands in its registration."""

from typing import Any

from joserfc.jwk import ECKey

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.operations import partner_life
from interpayer.operations.partner_life import Invited

OURS = {"name": "Alder", "organizations": ["payer-a"], "scopes": ["system/*.rs"]}
PATH = "/partners/registration"


def invite(tools: Tools) -> Invited:
    with tools.database.transaction() as conn:
        return partner_life.invite(tools, conn, OURS, actor=Actor("person", "Ana Ruiz"))


def body(token: str, **changes: Any) -> dict[str, Any]:
    key = ECKey.generate_key("P-384", {"kid": "k1"}).as_dict(private=False)
    return {"invitation": token, "document": {"client_id": "alder", "jwks": {"keys": [key]}, **changes}}


def test_an_invited_partner_registers_once_by_its_token_alone(api: Any, tools: Tools) -> None:
    token = invite(tools).token
    made = api("POST", PATH, role=None, json=body(token))
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "testing"
    again = api("POST", PATH, role=None, json=body(token))
    assert (again.status_code, again.json()["reason"]) == (401, "caller.unknown")
    shown = api("GET", f"/partners/{made.json()['partner']}").json()
    assert shown["partner"]["organizations"] == ["payer-a"]
    assert "samples" in {item["item"] for item in shown["gate"]["open"]}
    assert token not in str(shown)


def test_what_an_invited_partner_sends_is_checked_and_its_token_kept(api: Any, tools: Tools) -> None:
    token = invite(tools).token
    for wrong in (body(token, scopes=["system/*.cruds"]), body(token, jwks={"keys": []}), {"invitation": token}):
        answer = api("POST", PATH, role=None, json=wrong)
        assert answer.status_code in {400, 422}, answer.text
        assert token not in answer.text
    assert api("POST", PATH, role=None, json=body("invitation-" + "x" * 43)).status_code == 401
    assert api("POST", PATH, role=None, json=body(token)).status_code == 201


def test_tries_without_an_invitation_are_held_to_a_rate_and_a_size(api: Any) -> None:
    large = body("invitation-" + "x" * 43, contact="c" * 70_000)
    assert api("POST", PATH, role=None, json=large).status_code == 413
    answers = [api("POST", PATH, role=None, json=body("invitation-" + "x" * 43)) for _ in range(12)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429
    assert answers[-1].json()["reason"] == "caller.too_many"
