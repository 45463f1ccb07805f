"""Session cookies: sealed, limited in time, and forms bound to them."""

from datetime import timedelta

import pytest

from interpayer.console import sessions
from interpayer.console.sessions import LONGEST_S, Sessions
from interpayer.system.clock import now
from interpayer.system.keys import Vault

OURS = Sessions(Vault(b"k" * 32, "test"))


def test_a_token_comes_back_out_of_its_own_cookie_only() -> None:
    cookie = OURS.begin("ip_secret")
    assert OURS.token(cookie) == "ip_secret"
    assert "secret" not in cookie
    assert Sessions(Vault(b"o" * 32, "other")).token(cookie) is None
    assert OURS.begin("ip_secret") != cookie


@pytest.mark.parametrize("bad", ["", "x", "é", "====", "AAAA", "A" * 500])
def test_what_is_no_cookie_is_nobody(bad: str) -> None:
    assert OURS.token(bad) is None


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie, later = OURS.begin("ip_secret"), now() + timedelta(seconds=LONGEST_S + 1)
    monkeypatch.setattr(sessions, "now", lambda: later)
    assert OURS.token(cookie) is None


def test_a_mark_belongs_to_one_cookie() -> None:
    one, other = OURS.begin("ip_a"), OURS.begin("ip_a")
    assert OURS.is_ours(one, OURS.mark(one))
    for mark in ("", "x", "é", OURS.mark(other)):
        assert not OURS.is_ours(one, mark)
    assert not OURS.is_ours("", OURS.mark(""))
