"""The model file that training writes: the base model's text with what was learned in its place (no I/O)."""

from collections.abc import Mapping
from typing import Any

import yaml

from interpayer.identity.comparison import Grade
from interpayer.identity.learning.splink_em import Chance, Learned
from interpayer.identity.scoring.model import read_model

# Nothing is impossible: a slip that the records did not show may be in the next request.
LEAST = 1e-4
# Most people's records have their own birth date and first name; a class of pairs that has not is no class of people.
_OWN: Mapping[str, float] = {"birth_date": 0.5, "given": 0.5}


def write_model(base_text: str, learned: Learned, chance: Chance) -> str:
    """A model file of the same shape as the base, with the trained m and the counted u; ValueError when what was
    learned cannot be people: an equal value that speaks against, or a different one that speaks for.
    """
    table = yaml.safe_load(base_text)
    base = read_model(base_text)
    kept: list[str] = []
    for name, row in table["fields"].items():
        m, u = learned.m.get(name, {}), chance.get(name, {})
        levels = _levels(row["levels"], m, u)
        if not _is_sound(levels, least=_OWN.get(name, 0.0)):
            kept.append(name)
            continue
        row["levels"] = levels
    if set(_OWN) & set(kept):
        raise ValueError("what the records taught speaks of families or chance, not of people; nothing was learned")
    table["source"] = f"trained by {learned.trainer} from {base.version}"
    table["training"] = {
        "base": base.version,
        "trainer": learned.trainer,
        "kept_from_base": kept,
        "sessions": [
            {"key": s.key, "pairs": s.pairs, "same": s.same, "iterations": s.iterations, "used": s.is_used}
            for s in learned.sessions
        ],
    }
    text = yaml.safe_dump(table, sort_keys=False, allow_unicode=True, width=120)
    read_model(text)
    return text


def _levels(
    rows: Mapping[str, Mapping[str, Any]], m: Mapping[Grade, float], u: Mapping[Grade, float]
) -> dict[str, dict[str, Any]]:
    # A field without a session, and a level that was never seen, stay as the base has them.
    return {
        grade: {
            **row,
            "m": _rounded(max(m[Grade(grade)], LEAST)) if Grade(grade) in m else row["m"],
            "u": _rounded(u[Grade(grade)]) if Grade(grade) in u else row["u"],
        }
        for grade, row in rows.items()
    }


def _is_sound(levels: Mapping[str, Mapping[str, Any]], *, least: float) -> bool:
    equal, different = levels.get("equal"), levels.get("different")
    speaks = equal is None or equal["m"] > max(equal["u"], least)
    return speaks and (different is None or different["m"] < different["u"])


def _rounded(probability: float) -> float:
    return float(f"{probability:.9g}")
