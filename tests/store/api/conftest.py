"""The plan's own door over a scratch database, and one caller per role."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from interpayer.api import server
from interpayer.exchange.tools import Tools
from tests.support.databases import ScratchDatabase
from tests.support.tools import add_people, opened

Call = Callable[..., httpx2.Response]


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home") as made:
        yield made


@pytest.fixture
def tokens(tools: Tools) -> dict[str, str]:
    return add_people(tools)


@pytest.fixture
def api(tools: Tools, tokens: dict[str, str]) -> Iterator[Call]:
    """Call as somebody of a role; `role=None` comes without a token."""
    with TestClient(server.build(tools)) as client:

        def call(method: str, path: str, *, role: str | None = "operator", **more: Any) -> httpx2.Response:
            headers = dict(more.pop("headers", {}))
            if role is not None:
                headers["Authorization"] = f"Bearer {tokens[role]}"
            return client.request(method, f"/api/v1{path}", headers=headers, **more)

        yield call
