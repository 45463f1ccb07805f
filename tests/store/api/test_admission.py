"""Who may call what: every route has a role, and the answer follows the table of operations/access.py."""

import re

import pytest
from fastapi.routing import APIRoute

from interpayer.api import server
from interpayer.api.door import OPEN, Gate, acting
from interpayer.exchange.tools import Tools
from interpayer.operations.access import ACTIONS
from tests.store.api.conftest import Call
from tests.support.databases import ScratchDatabase
from tests.support.tools import ROLES


def gates(tools: Tools) -> list[Gate]:
    return [route for route in server.build(tools).router.routes if isinstance(route, Gate)]


def test_every_route_is_for_whom_the_table_says(api: Call, tools: Tools) -> None:
    checked = 0
    for gate in gates(tools):
        if gate.action == OPEN:
            continue
        path = re.sub(r"\{\w+\}", "x-none", gate.path.removeprefix("/api/v1"))
        for method in gate.methods:
            assert api(method, path, role=None).status_code == 401, path
            for role in ROLES:
                status = api(method, path, role=role).status_code
                assert (status == 403) == (role not in ACTIONS[gate.action]), (method, path, role, status)
                assert status != 500
                checked += 1
    assert checked >= 90


def test_only_health_is_open(tools: Tools) -> None:
    # And an invited partner may register: its one-time token says who it is.
    assert {gate.path for gate in gates(tools) if gate.action == OPEN} == {"/health", "/api/v1/partners/registration"}
    described = server.build(tools).openapi()["paths"]
    assert {gate.path for gate in gates(tools)} == set(described)


def test_a_route_without_a_role_does_not_start() -> None:
    with pytest.raises(ValueError, match="no role"):
        Gate("/x", lambda: None)
    with pytest.raises(ValueError, match="nobody may"):
        acting("exchange.steal")


def test_every_route_has_a_summary_a_tag_and_says_its_roles(tools: Tools) -> None:
    app = server.build(tools)
    routes = [route for route in app.router.routes if isinstance(route, APIRoute)]
    assert all(route.summary and route.tags and route.description for route in routes)
    document = app.openapi()
    assert document["paths"]["/api/v1/exchanges"]["post"]["x-roles"] == ["operator", "system"]
    assert document["paths"]["/api/v1/exchanges"]["post"]["responses"]["4XX"]["content"]["application/problem+json"]
    assert document["components"]["schemas"]["ExchangeRequest"]["examples"]


def test_a_bad_token_is_401_before_anything_is_read(api: Call) -> None:
    for given in ("", "Bearer", "Bearer  ", "Basic abc", "Bearer ip_nobody", "Bearer \xe9"):
        headers = {"Authorization": given.encode("latin-1")}
        response = api("POST", "/exchanges", role=None, content=b"{", headers=headers)
        assert (response.status_code, response.json()["reason"]) == (401, "caller.unknown"), given
        assert response.headers["www-authenticate"] == "Bearer"


def test_access_ends_at_once(api: Call, tools: Tools, database: ScratchDatabase) -> None:
    assert api("GET", "/exchanges").status_code == 200
    with database.operator.transaction() as conn:
        conn.execute("update operations.token set ended_at = now() where name = 'operator'")
    assert api("GET", "/exchanges").status_code == 401


def test_a_refused_call_is_an_event_that_names_the_route_and_not_the_address(
    api: Call, database: ScratchDatabase
) -> None:
    api("GET", "/exchanges/Marker-Name", role=None)
    api("POST", "/exchanges/Marker-Name/cancel", role="steward", json={"reason": "x"})
    api("GET", "/Marker/Name")
    with database.operator.transaction() as conn:
        rows = conn.execute(
            "select name, header from audit.timeline where name like '%.refused' order by id"
        ).fetchall()
    headers = [bytes(row["header"]).decode() for row in rows]
    assert [row["name"] for row in rows] == ["caller.refused", "caller.refused", "request.refused"]
    assert '"id":"steward"' in headers[1]
    assert "/exchanges/{exchange_id}/cancel" in headers[1]
    assert not any("Marker" in header for header in headers)


def test_the_correlation_id_comes_back_and_nothing_is_cached(api: Call) -> None:
    response = api("GET", "/exchanges", headers={"X-Correlation-Id": "theirs-0001"})
    assert response.headers["x-correlation-id"] == "theirs-0001"
    assert response.headers["cache-control"] == "no-store"
    made_up = api("GET", "/exchanges", headers={"X-Correlation-Id": "<script>"}).headers["x-correlation-id"]
    assert re.fullmatch(r"[A-Za-z0-9.-]{8,64}", made_up)
