"""A call is one transaction: committed before the answer is sent, or nothing of it stays."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from interpayer.api import exchanges as routes
from interpayer.api import server
from interpayer.exchange.tools import Tools
from interpayer.system.database import Connection, Database, DatabaseGone
from tests.support.databases import ScratchDatabase


class Breaking(Database):
    """A pool whose transactions break at their commit from the second one of a call on (the first says who calls)."""

    def __init__(self, url: str, error: Exception) -> None:
        super().__init__(url, size=2)
        self.error, self.count = error, 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self.count += 1
        with super().transaction() as conn:
            yield conn
            if self.count == 2:
                raise self.error


def rows(database: ScratchDatabase) -> int:
    with database.owner.transaction() as conn:
        row = conn.execute("select count(*) as n from exchange.exchange").fetchone()
    return int(row["n"]) if row else -1


def headers(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['operator']}", "Idempotency-Key": "key-1"}


def test_who_reads_202_finds_the_row(tools: Tools, tokens: dict[str, str], database: ScratchDatabase) -> None:
    app, seen = server.build(tools), []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append((message["status"], rows(database)))
            await send(message)

        await app(scope, receive, told)

    client = TestClient(watched)
    assert client.post("/api/v1/exchanges", json={}, headers=headers(tokens)).status_code == 202
    assert seen == [(202, 1)]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [(DatabaseGone("gone"), 503, "system.storage"), (RuntimeError("Zzyzxmarker"), 500, "system.bug")],
)
def test_a_commit_that_fails_is_not_answered_with_202(
    tools: Tools, tokens: dict[str, str], database: ScratchDatabase, error: Exception, status: int, reason: str
) -> None:
    breaking = Breaking(database.url("operator"), error)
    response = TestClient(server.build(replace(tools, database=breaking))).post(
        "/api/v1/exchanges", json={}, headers=headers(tokens)
    )
    breaking.close()
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert "Zzyzx" not in response.text
    assert ("retry-after" in response.headers) == (status == 503)
    assert rows(database) == 0


def test_an_error_after_the_first_write_leaves_nothing(
    tools: Tools, tokens: dict[str, str], database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Zzyzxmarker")

    monkeypatch.setattr(routes.answers, "load", broken)
    response = TestClient(server.build(tools)).post("/api/v1/exchanges", json={}, headers=headers(tokens))
    assert (response.status_code, response.json()["reason"]) == (500, "system.bug")
    assert rows(database) == 0
    assert "Zzyzx" not in response.text + "".join(capfd.readouterr())


def test_many_callers_at_once_are_all_answered(tools: Tools, tokens: dict[str, str], database: ScratchDatabase) -> None:
    with TestClient(server.build(tools)) as client, ThreadPoolExecutor(60) as crowd:

        def ask(number: int) -> int:
            own = headers(tokens) | {"Idempotency-Key": f"key-{number % 30}"}
            return client.post("/api/v1/exchanges", json={}, headers=own).status_code

        assert set(crowd.map(ask, range(60))) == {202}
    assert rows(database) == 30
