"""Data to standard output, the rest to standard error, and codes a script can tell apart."""

import json
from datetime import UTC, date, datetime

import pytest
import typer

from interpayer.cli import output
from interpayer.model.reason import REASONS, Fault, FaultKind, Refusal
from interpayer.system.database import DatabaseGone

ROWS = [{"id": "x-1", "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "ids": ["a", "b"], "more": True}]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("request.not_found", 5),
        ("identity.not_enrolled", 5),
        ("identity.ambiguous", 6),
        ("consent.revoked", 4),
        ("policy.denied", 4),
        ("caller.not_permitted", 4),
        ("system.restored", 4),
        ("request.malformed", 2),
        ("partner.timeout", 75),
        ("route.breaker_open", 75),
        ("request.wrong_state", 1),
        ("no.such_reason", 1),
    ],
)
def test_a_reason_has_its_exit_code(reason: str, code: int) -> None:
    assert output.exit_code(reason) == code


def test_every_reason_has_a_known_exit_code() -> None:
    assert {output.exit_code(reason) for reason in REASONS} <= {1, 2, 4, 5, 6, 75}


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (Refusal("consent.expired", "since June"), 4, "since June"),
        (Fault(FaultKind.RETRYABLE, "partner.timeout"), 75, "partner.timeout"),
        (DatabaseGone("no socket"), 75, "interpayer up"),
        (FileNotFoundError(2, "No such file", "feed.csv"), 2, "feed.csv"),
    ],
)
def test_what_goes_wrong_is_told_on_standard_error(
    error: Exception, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, output.failures():
        raise error
    told = capsys.readouterr()
    assert ended.value.exit_code == code
    assert told.out == ""
    assert word in told.err
    assert told.err.startswith("Error: ")


def test_an_unexpected_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), output.failures():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("table", "id\tat\tids\nx-1\t2026-01-02 03:04:05Z\ta, b\n"),
        ("csv", 'id,at,ids\nx-1,2026-01-02 03:04:05Z,"a, b"\n'),
        ("ndjson", '{"id": "x-1", "at": "2026-01-02T03:04:05Z", "ids": ["a", "b"], "more": true}\n'),
    ],
)
def test_a_list_has_its_formats(form: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.tell_rows("things/1", "things", ROWS, columns=("id", "at", "ids"), form=form)
    assert capsys.readouterr().out == told


def test_json_names_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    output.tell_rows("things/1", "things", ROWS, columns=("id",), form="json")
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["things"][0]["at"]) == ("things/1", "2026-01-02T03:04:05Z")


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(typer.Exit) as ended:
        output.tell_rows("things/1", "things", ROWS, columns=("id",), form="xml")
    assert ended.value.exit_code == output.USAGE


def test_quiet_says_nothing_but_results_and_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output.MANNERS, "quiet", True)
    output.say("hello")
    output.tell_result("made/1", {"id": "x-1"}, as_json=False)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("x-1\n", "")


def test_what_a_partner_sent_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    output.tell_fields({"name": "plan\x1b[2J\x07a", "day": date(2026, 1, 2), "nothing": None})
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x07" not in told
    assert told == "name: plan [2J a\nday: 2026-01-02\n"


def test_no_progress_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("rows") as shown:
        shown.at(5)
    assert capsys.readouterr().err == ""
