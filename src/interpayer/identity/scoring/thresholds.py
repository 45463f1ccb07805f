"""How much evidence is enough: limits per purpose, rule set and partner, in a versioned file."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force for one call, in bits; see thresholds_default.yaml for each one's meaning."""

    certain: float
    personal: float
    review: float
    margin: float
    joining: float
    alone: float
    alone_review: float
    altered: float
    needs_id: bool
    four_eyes: float
    version: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The whole file: what holds everywhere, and what differs for whom. `version` is the hash of its text."""

    version: str
    everywhere: Limits
    purposes: Mapping[str, Mapping[str, Any]]
    rule_sets: Mapping[str, Mapping[str, Any]]
    partners: Mapping[str, Mapping[str, Any]]
    source: str = ""

    def for_(self, partner: str | None = None, purpose: str = "", *, rule_set: str = "") -> Limits:
        """The limits for one partner and purpose; what is not named holds as everywhere."""
        changes = {
            **self.purposes.get(purpose, {}),
            **self.rule_sets.get(rule_set, {}),
            **self.partners.get(partner or "", {}),
        }
        return replace(self.everywhere, **changes, purpose=purpose)

    def as_document(self) -> dict[str, Any]:
        """The policy as it is published: the limits everywhere and the differences, with the version."""
        return asdict(self)


def read_thresholds(text: str) -> Thresholds:
    """A thresholds file; an unknown word or a limit that is no number is a ValueError, never silently a default."""
    table = yaml.safe_load(text)
    if not isinstance(table, dict) or table.get("format") != 1:
        raise ValueError("thresholds: unknown format")
    if unknown := set(table) - {"format", "source", "everywhere", "purposes", "rule_sets", "partners", "calibration"}:
        raise ValueError(f"thresholds: unknown words {sorted(unknown)}")
    version = "t-" + hashlib.sha256(text.encode()).hexdigest()[:16]
    everywhere = _read_limits(table["everywhere"])
    if missing := _WORDS - set(everywhere):
        raise ValueError(f"thresholds: nothing said of {sorted(missing)}")
    by_name = {part: _read_parts(table.get(part)) for part in ("purposes", "rule_sets", "partners")}
    return Thresholds(
        version, Limits(**everywhere, version=version), **by_name, source=str(table.get("source", ""))
    )  # fmt: skip


@cache
def default_thresholds() -> Thresholds:
    """The limits that ship."""
    here = resources.files("interpayer.identity.scoring")
    return read_thresholds(here.joinpath("thresholds_default.yaml").read_text("utf-8"))


_WORDS = frozenset(f.name for f in fields(Limits)) - {"version", "purpose"}


def _read_parts(table: Mapping[str, Mapping[str, Any]] | None) -> dict[str, dict[str, Any]]:
    return {str(name): _read_limits(row) for name, row in (table or {}).items()}


def _read_limits(row: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(row) - _WORDS:
        raise ValueError(f"thresholds: unknown words {sorted(unknown)}")
    return {name: _read_value(name, value) for name, value in row.items()}


def _read_value(name: str, value: object) -> float | bool:
    if name == "needs_id":
        if not isinstance(value, bool):
            raise ValueError("thresholds: needs_id is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"thresholds: {name} is no number")
    return float(value)
