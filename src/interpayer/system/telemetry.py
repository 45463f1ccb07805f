"""Logs that cannot hold members' data: JSON lines on stderr, fields from a list, values short and plain.

What our own code logs passes the list of `classification.toml`. What libraries log through the standard library is
reduced to where it was said and, where it is a constant of their code, the unformatted text; an exception to its type
and its places.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson
import structlog

from interpayer.system.classification import classification

LONGEST_VALUE = 200
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_threshold = {"level": LEVELS["info"]}

Event = MutableMapping[str, Any]


class _Stderr:
    """Writes whole lines to what is stderr now."""

    def __getattr__(self, level: str) -> Callable[[bytes], None]:
        """The same for every level."""
        return self._write

    def _write(self, line: bytes) -> None:
        # Whoever reads the log went away, or its disk is full: that stops no work (policy/rules/failures.yaml).
        with suppress(OSError, ValueError):
            sys.stderr.write(line.decode() + "\n")
            sys.stderr.flush()


def get_logger() -> Any:
    """A logger: ``log.info("worker started", slot=slot)``. The first argument is a constant of the code."""
    return structlog.wrap_logger(
        _Stderr(),
        processors=[
            _drop_quiet,
            structlog.contextvars.merge_contextvars,
            _show_error,
            keep_allowed,
            _render,
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


def configure_logging(level: str = "info") -> None:
    """Set the level, reduce what libraries log, and let no uncaught exception print its text."""
    _threshold["level"] = LEVELS[level]
    logging.setLogRecordFactory(ForeignRecord)
    handler = logging.StreamHandler()
    handler.setFormatter(_ForeignFormatter())
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.INFO), force=True)
    logging.captureWarnings(True)
    # They say each request's address, which can hold an id.
    for noisy in ("httpx2", "httpcore2", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def keep_allowed(_logger: object, _method: str, event: Event) -> Event:
    """Only fields that `classification.toml` lists, with plain, short values; the others count as ``dropped``."""
    allowed = classification().logs
    kept = {key: _plain(value) for key, value in event.items() if key in allowed and _is_plain(value)}
    if len(kept) < len(event):
        kept["dropped"] = len(event) - len(kept)
    return kept


def places_of(error: BaseException) -> list[str]:
    """Where an exception passed, innermost last: files, lines and functions, never values or texts."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


class ForeignRecord(logging.LogRecord):
    """A record of the standard library's logging that has lost everything that could be a value."""

    def __init__(self, name: str, level: int, pathname: str, lineno: int, msg: object, *rest: Any, **more: Any) -> None:
        super().__init__(name, level, pathname, lineno, msg, *rest, **more)
        # A text with arguments is a constant of their code; one without may have been formatted already.
        self.msg = str(msg)[:LONGEST_VALUE] if self.args else "(text withheld)"
        self.args = ()
        error = self.exc_info[1] if self.exc_info else None
        self.error = type(error).__name__ if error is not None else None
        self.places = places_of(error) if error is not None else None
        self.exc_info, self.exc_text, self.stack_info = None, None, None


class _ForeignFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said_at = f"{record.module}.py:{record.lineno} {record.funcName}"
        line = {
            "event": str(record.msg),
            "level": record.levelname.lower(),
            "at": datetime.fromtimestamp(record.created, UTC),
            "logger": record.name,
            "places": [said_at, *(getattr(record, "places", None) or [])],
            "error": getattr(record, "error", None),
        }
        return orjson.dumps({key: value for key, value in line.items() if value is not None}).decode()


def _drop_quiet(_logger: object, method: str, event: Event) -> Event:
    if LEVELS.get(method, LEVELS["error"]) < _threshold["level"]:
        raise structlog.DropEvent
    return {**event, "level": "error" if method == "exception" else method, "at": datetime.now(UTC)}


def _show_error(_logger: object, method: str, event: Event) -> Event:
    given = event.pop("exc_info", None) or (method == "exception")
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    return event if error is None else {**event, "error": type(error).__name__, "places": places_of(error)}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= 20 and all(isinstance(item, str | int) for item in value)
    return value is None or isinstance(value, str | int | float | datetime)


def _plain(value: object) -> object:
    return value[:LONGEST_VALUE] if isinstance(value, str) else value


def _render(_logger: object, _method: str, event: Event) -> bytes:
    return orjson.dumps(dict(event), option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)


def _log_uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    log.critical("uncaught exception", exc_info=error)


log = get_logger()
