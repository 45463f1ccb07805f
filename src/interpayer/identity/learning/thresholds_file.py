"""The thresholds file that calibration writes: the base's text with the proven limit in its place (no I/O)."""

from typing import Any, NamedTuple

import yaml

from interpayer.identity.learning.calibration import Budget, Calibration
from interpayer.identity.scoring.thresholds import read_thresholds

_PARTS = {"purpose": "purposes", "rule_set": "rule_sets", "partner": "partners"}


class Scope(NamedTuple):
    """For whom a limit is meant: `everywhere`, or one purpose, rule set or partner."""

    kind: str = "everywhere"
    name: str = ""

    @property
    def words(self) -> str:
        """The scope as the file calls it."""
        return f"{self.kind} {self.name}".strip()


def write_thresholds(base_text: str, found: Calibration, budget: Budget, *, scope: Scope, labels: int) -> str:
    """A thresholds file with the proven limit for this scope, and how it was proven; ValueError when none was."""
    point = found.point
    if found.limit is None or point is None:
        raise ValueError(found.why)
    base = read_thresholds(base_text)
    table: dict[str, Any] = yaml.safe_load(base_text)
    row = table["everywhere"] if scope.kind == "everywhere" else _row(table, scope)
    row["certain"] = found.limit
    told: dict[str, Any] = {
        "for": scope.words,
        "base": base.version,
        "certain": found.limit,
        "budget": budget.share,
        "confidence": budget.confidence,
        "labels": labels,
        "released": point.released,
        "wrong": point.wrong,
        "bound": float(f"{point.bound:.3g}"),
    }
    before = [one for one in table.get("calibration") or [] if one.get("for") != scope.words]
    table["calibration"] = [*before, told]
    table["source"] = f"calibrated from {base.version}"
    text = yaml.safe_dump(table, sort_keys=False, allow_unicode=True, width=120)
    read_thresholds(text)
    return text


def calibrations(text: str) -> list[dict[str, Any]]:
    """How the limits of a thresholds file were proven, by scope; nothing for the file that ships."""
    table = yaml.safe_load(text)
    return list(table.get("calibration") or [])


def _row(table: dict[str, Any], scope: Scope) -> dict[str, Any]:
    part = table.setdefault(_PARTS[scope.kind], {}) or {}
    table[_PARTS[scope.kind]] = part
    row: dict[str, Any] = part.setdefault(scope.name, {})
    return row
