"""Logs: no value that is not on the list, no text of a foreign library, no text of an exception."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from interpayer.system.classification import classification
from interpayer.system.telemetry import keep_allowed, log

ROOT = Path(__file__).parents[3]
MARKER = "Markerson"

SCRIPT = f"""
import logging, threading, warnings
from interpayer.system.telemetry import configure_logging, log
configure_logging("info")
name = "{MARKER}"
log.debug("too quiet")
log.info("kept", slot="a-1", count=3)
log.info("dropped", member_name=name, nested={{"name": name}}, reason=[{{"name": name}}])
log.warning("long", reason="x" * 500)
try:
    raise KeyError(name)
except KeyError:
    log.exception("a failure")
try:
    try:
        raise ValueError(name)
    except ValueError as error:
        raise RuntimeError(f"about {{name}}") from error
except RuntimeError as error:
    log.error("another failure", exc_info=error)
    logging.getLogger("dbos").error(f"step failed for {{name}}: {{error}}", exc_info=error)
logging.getLogger("dbos").warning("step of %s failed", name, extra={{"person": name}}, stack_info=True)
logging.getLogger("uvicorn.error").exception("no exception %s", name)
logging.getLogger("uvicorn.access").info("GET /fhir/Patient?name=%s", name)
logging.getLogger("httpx2").info("HTTP Request: GET %s", name)
warnings.warn(f"about {{name}}")
thread = threading.Thread(target=lambda: [][name])
thread.start()
thread.join()
raise SystemError(name)
"""


def run(script: str) -> list[dict]:
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout == ""
    assert MARKER not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_nothing_written_holds_a_name() -> None:
    lines = run(SCRIPT)
    by_event = {line["event"]: line for line in lines}
    assert "too quiet" not in by_event
    assert by_event["kept"] | {"at": ""} == {"event": "kept", "level": "info", "slot": "a-1", "count": 3, "at": ""}
    assert by_event["dropped"]["dropped"] == 3
    assert len(by_event["long"]["reason"]) == 200
    assert by_event["a failure"]["error"] == "KeyError"
    assert by_event["another failure"]["places"] == ["<string>:18 <module>"]
    assert by_event["step of %s failed"]["logger"] == "dbos"
    withheld = [line for line in lines if line["event"] == "(text withheld)"]
    assert {(line["logger"], line.get("error")) for line in withheld} >= {("dbos", "RuntimeError")}
    uncaught = [line["error"] for line in lines if line["event"] == "uncaught exception"]
    assert uncaught == ["TypeError", "SystemError"]
    assert not any("GET" in line["event"] for line in lines)


def test_before_it_is_configured_the_list_holds_too() -> None:
    (line,) = run(f"from interpayer.system.telemetry import log; log.info('x', who='{MARKER}')")
    assert line["dropped"] == 1


def test_a_log_that_cannot_be_written_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    class Full:
        def write(self, text: str) -> int:
            tried.append(text)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    log.error("a failure", reason="system.storage")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    log.error("another failure")
    assert "system.storage" in tried[0]


def test_the_list_holds_no_word_for_a_person() -> None:
    assert not {
        word for word in classification().logs if word.startswith(("member", "name", "birth", "patient", "body", "url"))
    }
    assert keep_allowed(None, "info", {"event": "e", "member_id": "m-1"}) == {"event": "e", "dropped": 1}


def test_every_event_text_in_the_source_is_a_constant() -> None:
    wrong = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
            if not call or not isinstance(node.func.value, ast.Name) or node.func.value.id not in {"log", "logger"}:
                continue
            if not isinstance(node.args[0], ast.Constant):
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []
