"""Bad input at the plan's own door: a clear problem, an event, nothing kept, no value of the caller anywhere."""

import json
from typing import Any

import pytest

from tests.store.api.conftest import Call
from tests.support.databases import ScratchDatabase

MARKER = "Zzyzxmarker"
KEY = {"Idempotency-Key": "key-1", "Content-Type": "application/json"}


def member(**fields: Any) -> bytes:
    return json.dumps({"member": fields}).encode()


CASES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "malformed JSON": (b'{"partner": "' + MARKER.encode(), KEY, 422, "request.malformed"),
    "not an object": (f'["{MARKER}"]'.encode(), KEY, 422, "request.malformed"),
    "no body": (b"", KEY, 422, "request.malformed"),
    "NaN": (b'{"priority": NaN}', KEY, 422, "request.malformed"),
    "NUL": (b'{"partner": "' + MARKER.encode() + b'\\u0000"}', KEY, 422, "request.malformed"),
    "lone surrogate": (b'{"partner": "\\ud800"}', KEY, 422, "request.malformed"),
    "not UTF-8": (b'{"partner": "\xff"}', KEY, 422, "request.malformed"),
    "too deep": (b"[" * 100_000, KEY, 422, "request.malformed"),
    "wrong type": (json.dumps({"partner": {MARKER: 1}}).encode(), KEY, 422, "request.malformed"),
    "unknown field": (json.dumps({"ssn": MARKER}).encode(), KEY, 422, "request.malformed"),
    "unknown field with a value for a name": (
        json.dumps({f"{MARKER} 1980": 1}).encode(),
        KEY,
        422,
        "request.malformed",
    ),
    "unknown field within": (member(names=[{"family": "A", "nick": MARKER}]), KEY, 422, "request.malformed"),
    "birth date is no date": (member(birth_date=MARKER), KEY, 422, "request.malformed"),
    "birth date of nobody": (member(birth_date="0001-01-01"), KEY, 422, "request.malformed"),
    "control character": (member(names=[{"family": f"{MARKER}\x1b"}]), KEY, 422, "request.malformed"),
    "name without end": (member(names=[{"family": MARKER * 100}]), KEY, 422, "request.malformed"),
    "unknown kind of id": (
        member(external_identifiers=[{"type": MARKER, "value": "1"}]),
        KEY,
        422,
        "request.malformed",
    ),
    "too many names": (member(names=[{"family": MARKER}] * 21), KEY, 422, "request.malformed"),
    "unknown basis": (json.dumps({"basis": MARKER}).encode(), KEY, 422, "request.malformed"),
    "time without zone": (b'{"give_up_at": "2027-01-01T00:00:00"}', KEY, 422, "request.malformed"),
    "time before time": (b'{"give_up_at": "0001-01-01T00:00:00+14:00"}', KEY, 422, "request.malformed"),
    "no key": (b"{}", {"Content-Type": "application/json"}, 422, "request.malformed"),
    "key with spaces": (b"{}", {**KEY, "Idempotency-Key": "a b"}, 422, "request.malformed"),
    "key without end": (b"{}", {**KEY, "Idempotency-Key": "k" * 201}, 422, "request.malformed"),
    "wrong media type": (b"{}", {**KEY, "Content-Type": "text/plain"}, 415, "request.unsupported_media"),
    "no media type": (b"{}", {"Idempotency-Key": "key-1"}, 415, "request.unsupported_media"),
    "FHIR": (b"{}", {**KEY, "Content-Type": "application/fhir+json"}, 415, "request.unsupported_media"),
    "compressed": (b"{}", {**KEY, "Content-Encoding": "gzip"}, 415, "request.unsupported_media"),
    "oversized": (b" " * (1024 * 1024 + 1), KEY, 413, "request.too_large"),
}


def test_bad_input_is_a_problem_without_values(
    api: Call, database: ScratchDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    told = []
    for name, (content, headers, status, reason) in CASES.items():
        response = api("POST", "/exchanges", content=content, headers=headers)
        assert (response.status_code, response.json()["reason"]) == (status, reason), f"{name}: {response.text}"
        assert response.headers["content-type"] == "application/problem+json", name
        assert response.json()["status"] == status
        assert MARKER not in response.text, name
        told.append(reason)
    with database.operator.transaction() as conn:
        events = conn.execute("select header from audit.timeline where name = 'request.refused' order by id").fetchall()
        assert conn.execute("select count(*) as n from exchange.exchange").fetchone() == {"n": 0}
        assert conn.execute("select count(*) as n from exchange.idempotency").fetchone() == {"n": 0}
    assert [json.loads(bytes(event["header"]))["reason"] for event in events] == told
    assert MARKER not in "".join(bytes(event["header"]).decode() for event in events) + "".join(capfd.readouterr())


def test_what_to_correct_is_named(api: Call) -> None:
    body = {"member": {"birth_date": "soon", "names": [{"given": ["A"]}]}, "nickname": "x"}
    response = api("POST", "/exchanges", json=body, headers={"Idempotency-Key": "key-1"})
    assert {(e["element"], e["rule"]) for e in response.json()["elements"]} == {
        ("body.member.birth_date", "date_from_datetime_parsing"),
        ("body.member.names.0.family", "missing"),
        ("body.nickname", "extra_forbidden"),
    }


def test_a_chunked_body_is_counted_too(api: Call) -> None:
    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    assert api("POST", "/exchanges", content=chunks(), headers=KEY).status_code == 413


ADDRESSES = [
    ("/exchanges?colour=red", 400),
    ("/exchanges?limit=1&limit=2", 400),
    ("/exchanges?limit=0", 422),
    ("/exchanges?limit=201", 422),
    ("/exchanges?state=lost", 422),
    ("/exchanges?since=yesterday", 422),
    ("/exchanges?partner=%00", 422),
    ("/cases?state=lost", 422),
    ("/exchanges/%00", 404),
    ("/exchanges/a%20b", 404),
    ("/exchanges/" + "x" * 65, 404),
    ("/cases/x-none?purpose=perhaps", 422),
    ("/partners?after=1", 400),
    ("/nowhere", 404),
]


def test_bad_addresses_and_parameters(api: Call) -> None:
    for path, status in ADDRESSES:
        response = api("GET", path)
        assert response.status_code == status, f"{path}: {response.text}"
        assert response.headers["content-type"] == "application/problem+json", path


def test_a_wrong_method_is_405(api: Call) -> None:
    response = api("DELETE", "/exchanges/x-none")
    assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")
