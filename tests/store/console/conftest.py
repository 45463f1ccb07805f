"""The console over a scratch database, in the browser of one person per role."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from interpayer.console import server
from interpayer.exchange.tools import Tools
from tests.support.browser import Browser
from tests.support.databases import ScratchDatabase
from tests.support.tools import add_people, opened


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home") as made:
        yield made


@pytest.fixture
def tokens(tools: Tools) -> dict[str, str]:
    return add_people(tools)


@pytest.fixture
def console(tools: Tools, tmp_path: Path) -> Starlette:
    return server.build(tools, tmp_path / "keys" / "console")


@pytest.fixture
def visitor(console: Starlette) -> Browser:
    """A browser in which nobody is logged in."""
    return Browser(TestClient(console, base_url="https://console.test", follow_redirects=False))


@pytest.fixture
def steward(console: Starlette, tokens: dict[str, str]) -> Browser:
    return logged_in(console, tokens["steward"])


@pytest.fixture
def operator(console: Starlette, tokens: dict[str, str]) -> Browser:
    return logged_in(console, tokens["operator"])


def logged_in(console: Starlette, token: str) -> Browser:
    browser = Browser(TestClient(console, base_url="https://console.test", follow_redirects=False))
    response: httpx2.Response = browser.send("/login", {"token": token})
    assert response.headers["location"] == "/"
    return browser
