"""Templates to pages: everything is escaped, a missing value is an error of ours, nothing is fetched from elsewhere."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from interpayer.console import wording
from interpayer.model.reason import REASONS

TEMPLATES = Path(__file__).parent / "templates"
_STATUS = {
    "request.not_found": 404,
    "request.wrong_state": 409,
    "request.too_large": 413,
    "request.unsupported_media": 415,
    "caller.unknown": 401,
    "caller.not_permitted": 403,
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "moment": _moment,
        "meaning": lambda code: REASONS[code].meaning if code in REASONS else "",
        "remedy": lambda code: REASONS[code].remedy if code in REASONS else "",
        "state": wording.state,
        "level": wording.level,
        "shown": wording.shown,
    }
    return environment


def page(template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """One page."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(**content), status_code=status)


def problem_page(reason: str, detail: str = "", *, status: int | None = None) -> HTMLResponse:
    """A page that says what a reason means and what helps."""
    return page("problem.html", status=status or _STATUS.get(reason, 422), reason=reason, detail=detail)


def _moment(at: datetime | str | None) -> str:
    if at is None:
        return "–"
    text = at.isoformat() if isinstance(at, datetime) else at
    return f"{text[:16].replace('T', ' ')} UTC"


_ENVIRONMENT = _environment()
