"""Logging in, staying so, and what a browser is told about it."""

import stat
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from interpayer.console import server
from interpayer.console.sessions import SESSION
from interpayer.exchange.tools import Tools
from tests.store.console.conftest import logged_in
from tests.support.browser import Browser
from tests.support.databases import ScratchDatabase

PAGES = ("/", "/exchanges", "/exchanges/x-none", "/cases", "/cases/c-none", "/dead-letters")
FORMS = ("/exchanges/x/cancel", "/exchanges/x/replay", "/cases/c/assign", "/cases/c/decision", "/cases/c/unmasked",
         "/dead-letters/d/replay")  # fmt: skip


def test_without_a_login_every_page_leads_to_it(visitor: Browser) -> None:
    for path in PAGES:
        response = visitor.open(path)
        assert (response.status_code, response.headers["location"]) == (303, "/login"), path
    for path in FORMS:
        assert visitor.send(path, {"reason": "x"}).headers["location"] == "/login", path


def test_the_cookie_is_sealed_and_for_this_host_only(visitor: Browser, tokens: dict[str, str]) -> None:
    response = visitor.send("/login", {"token": tokens["operator"]})
    cookie = next(c for c in response.headers.get_list("set-cookie") if c.startswith(SESSION + "="))
    for attribute in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert tokens["operator"] not in cookie
    assert "operator" in visitor.open("/").text


def test_a_wrong_token_is_refused_and_recorded(visitor: Browser, database: ScratchDatabase) -> None:
    response = visitor.send("/login", {"token": "ip_Zzyzxmarker"})
    assert response.status_code == 401
    assert "Zzyzx" not in response.text
    assert visitor.open("/").status_code == 303
    with database.operator.transaction() as conn:
        rows = conn.execute("select header from audit.timeline where name = 'caller.refused'").fetchall()
    assert len(rows) == 1
    assert "Zzyzx" not in bytes(rows[0]["header"]).decode()


def test_a_login_form_from_elsewhere_is_refused(visitor: Browser, tokens: dict[str, str]) -> None:
    visitor.open("/login")
    assert visitor.send("/login", {"token": tokens["operator"]}, mark="x").status_code == 403
    visitor.client.cookies.clear()
    assert visitor.send("/login", {"token": tokens["operator"]}).status_code == 403


def test_access_that_ends_ends_the_session(operator: Browser, database: ScratchDatabase) -> None:
    assert operator.open("/").status_code == 200
    with database.operator.transaction() as conn:
        conn.execute("update operations.token set ended_at = now() where name = 'operator'")
    assert operator.open("/").headers["location"] == "/login"


def test_a_changed_or_foreign_cookie_is_nobody(
    operator: Browser, tools: Tools, tokens: dict[str, str], tmp_path: Path
) -> None:
    cookie = operator.client.cookies[SESSION]
    foreign = logged_in(server.build(tools, tmp_path / "other"), tokens["operator"]).client.cookies[SESSION]
    for bad in (cookie[:-8] + "AAAAAAA=", cookie[::-1], "x", "", foreign, cookie.swapcase()):
        operator.client.cookies.clear()
        operator.client.cookies.set(SESSION, bad, domain="console.test")
        assert operator.open("/").headers["location"] == "/login"


def test_logging_out_ends_it(operator: Browser) -> None:
    operator.open("/")
    assert operator.send("/logout", {}, mark="x").status_code == 403
    assert operator.send("/logout", {}).headers["location"] == "/login"
    assert operator.open("/").headers["location"] == "/login"


def test_the_key_is_a_file_of_its_owner_and_sessions_outlive_a_restart(
    operator: Browser, tools: Tools, tmp_path: Path
) -> None:
    key = tmp_path / "keys" / "console"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = TestClient(server.build(tools, key), base_url="https://console.test", follow_redirects=False)
    again.cookies.set(SESSION, operator.client.cookies[SESSION], domain="console.test")
    assert again.get("/").status_code == 200


def test_every_answer_is_strict_and_nothing_comes_from_elsewhere(operator: Browser, visitor: Browser) -> None:
    for browser, paths in ((operator, (*PAGES, "/style.css", "/nowhere")), (visitor, ("/login", "/"))):
        for path in paths:
            response = browser.open(path)
            policy = response.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'"), path
            assert "unsafe" not in policy
            assert response.headers["cache-control"] == "no-store", path
            for forbidden in ("<script", "http://", "https://", "style=", "javascript:", " onclick"):
                assert forbidden not in response.text, (path, forbidden)


def test_pages_are_for_roles(console: Starlette, tokens: dict[str, str]) -> None:
    allowed = {
        "operator": {"/", "/exchanges", "/cases", "/dead-letters"},
        "steward": {"/", "/exchanges", "/cases"},
        "analyst": {"/", "/exchanges"},
        "admin": {"/", "/exchanges"},
    }
    for role, expected in allowed.items():
        browser = logged_in(console, tokens[role])
        seen = {
            path for path in ("/", "/exchanges", "/cases", "/dead-letters") if browser.open(path).status_code == 200
        }
        assert seen == expected, role
        links = {path for path in ("/cases", "/dead-letters") if f'href="{path}"' in browser.open("/").text}
        assert links == expected & {"/cases", "/dead-letters"}, role
