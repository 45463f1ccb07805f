"""Splink as trainer: EM over the grades that our own comparison gave, so that what is learned is what is decided by.

Splink compares columns by SQL. It is given one row per pair with the grades as columns, and levels that read them: the
comparison stays ours in every letter, the estimation is Splink's (identity.md, section 6.3).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from interpayer.identity.comparison import Grade
from interpayer.identity.learning.sessions import SESSIONS, Grades, Session
from interpayer.identity.scoring.model import Model
from interpayer.model.reason import Fault, FaultKind

# A session with fewer pairs, or with fewer pairs of one person among them, teaches nothing.
FEWEST_PAIRS = 200
FEWEST_SAME = 50
_START = 0.1
_ITERATIONS = 40
_CONVERGENCE = 1e-5
_PAIR = "l.pair = r.pair"

Chance = Mapping[str, Mapping[Grade, float]]


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One session: its key, how many pairs it saw, the share of one person's among them, and whether it counts."""

    key: str
    pairs: int
    same: float | None = None
    iterations: int = 0
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """m per field and level as Splink estimated them; a level that was never seen has none."""

    m: Mapping[str, Mapping[Grade, float]]
    sessions: tuple[SessionReport, ...]
    trainer: str


def learn(graded: Mapping[str, Sequence[Grades]], model: Model, chance: Chance) -> Learned:
    """Estimate m from graded pairs by session; u stays as counted. ValueError when no session teaches anything."""
    reports = {s.key: SessionReport(s.key, len(graded.get(s.key, ()))) for s in SESSIONS}
    sessions = [s for s in SESSIONS if reports[s.key].pairs >= FEWEST_PAIRS]
    found: Mapping[str, Mapping[Grade, float]] = {}
    while sessions:
        found, told = _fit(sessions, graded, model, chance)
        reports |= {report.key: report for report in told}
        # Splink averages over its sessions: one that saw too few of one person's records must not be among them.
        kept = [s for s in sessions if reports[s.key].is_used]
        if len(kept) == len(sessions):
            break
        sessions = kept
    if not sessions:
        raise ValueError("the records hold too few pairs of one person to learn from")
    return Learned(found, tuple(reports.values()), f"splink {import_module('splink').__version__}")


def _fit(
    sessions: Sequence[Session], graded: Mapping[str, Sequence[Grades]], model: Model, chance: Chance
) -> tuple[Mapping[str, Mapping[Grade, float]], list[SessionReport]]:
    linker = _linker(sessions, graded, _settings(model, chance))
    reports = []
    for session in sessions:
        pairs = len(graded[session.key])
        try:
            training = linker.training.estimate_parameters_using_expectation_maximisation(
                _blocking(session), estimate_without_term_frequencies=True, fix_u_probabilities=True
            )
        except ValueError:
            # Splink gives up where a probability runs into zero: the pairs are of one kind only.
            reports.append(SessionReport(session.key, pairs))
            continue
        same = float(training.core_model_settings.probability_two_random_records_match)
        rounds = len(training._core_model_settings_history) - 1
        is_used = pairs * same >= FEWEST_SAME
        reports.append(SessionReport(session.key, pairs, round(same, 4), rounds, is_used))
    return trained_m(linker.misc.save_model_to_json()), reports


def trained_m(document: Mapping[str, Any]) -> dict[str, dict[Grade, float]]:
    """m per field and grade out of Splink's own model document."""
    found: dict[str, dict[Grade, float]] = {}
    for comparison in document["comparisons"]:
        for level in comparison["comparison_levels"]:
            m = level.get("m_probability")
            if not level.get("is_null_level") and isinstance(m, float):
                found.setdefault(comparison["output_column_name"], {})[Grade(level["label_for_charts"])] = m
    return found


def _linker(sessions: Sequence[Session], graded: Mapping[str, Sequence[Grades]], settings: dict[str, Any]) -> Any:
    # Heavy and seldom needed: loaded when somebody trains.
    try:
        duckdb, pyarrow, splink = (import_module(name) for name in ("duckdb", "pyarrow", "splink"))
    except ModuleNotFoundError as error:
        raise Fault(FaultKind.CONDITIONAL, "system.engine_missing", detail=f"needs {error.name}") from error
    fields = [comparison["output_column_name"] for comparison in settings["comparisons"]]
    left: dict[str, list[Any]] = {"pair": [], "session": [], **{name: [] for name in fields}}
    for session in sessions:
        for grades in graded[session.key]:
            left["pair"].append(len(left["pair"]))
            left["session"].append(session.key)
            for name in fields:
                grade = grades.get(name, Grade.MISSING)
                left[name].append(None if grade is Grade.MISSING else grade.value)
    schema = pyarrow.schema([("pair", pyarrow.int64()), *((name, pyarrow.string()) for name in ("session", *fields))])
    empty = [None] * len(left["pair"])
    right = {**left, **dict.fromkeys(fields, empty)}
    api = splink.DuckDBAPI(connection=duckdb.connect(":memory:"))
    tables = [
        api.register(pyarrow.table(columns, schema=schema), dataset_display_name=name)
        for name, columns in (("a_pairs", left), ("b_pairs", right))
    ]
    return splink.Linker(tables, settings, log_level=logging.ERROR)


def _settings(model: Model, chance: Chance) -> dict[str, Any]:
    return {
        "link_type": "link_only",
        "unique_id_column_name": "pair",
        "blocking_rules_to_generate_predictions": [_PAIR],
        "probability_two_random_records_match": _START,
        "max_iterations": _ITERATIONS,
        "em_convergence": _CONVERGENCE,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "comparisons": [_comparison(name, model, chance.get(name, {})) for name in model.fields],
    }


def _comparison(name: str, model: Model, chance: Mapping[Grade, float]) -> dict[str, Any]:
    # What the model has no level for is different, as in `weigh`: that level comes last and takes the rest.
    grades = sorted(model.fields[name].levels, key=lambda grade: grade is Grade.DIFFERENT)
    levels: list[dict[str, Any]] = [
        {"sql_condition": f'"{name}_l" is null', "label_for_charts": Grade.MISSING.value, "is_null_level": True}
    ]
    for grade in grades:
        level = model.fields[name].levels[grade]
        levels.append(
            {
                "sql_condition": "ELSE" if grade is grades[-1] else f"\"{name}_l\" = '{grade.value}'",
                "label_for_charts": grade.value,
                "m_probability": level.m,
                "u_probability": chance.get(grade, level.u),
            }
        )
    return {"output_column_name": name, "comparison_levels": levels}


def _blocking(session: Session) -> str:
    # Splink leaves out of a session whatever its rule names: that is how it learns what the key is blind to.
    blind = " ".join(f'and coalesce(l."{name}", r."{name}", \'\') is not null' for name in sorted(session.blind_to))
    return f"{_PAIR} and l.session = '{session.key}' and r.session = '{session.key}' {blind}"
