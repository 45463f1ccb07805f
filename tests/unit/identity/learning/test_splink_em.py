"""What is learned is what Splink estimated, and what Splink estimated is what EM gives: three ways, one number."""

import random
import sys
from importlib import resources
from math import log2

import duckdb
import pyarrow
import pytest
import splink
import yaml

from interpayer.identity.comparison import Grade
from interpayer.identity.learning.calibration import Budget, Labelled, calibrate
from interpayer.identity.learning.model_file import write_model
from interpayer.identity.learning.splink_em import learn
from interpayer.identity.scoring.model import default_model, read_model
from interpayer.identity.scoring.weigh import NO_FREQUENCIES, weigh
from interpayer.identity.standardize import Standard
from interpayer.model.reason import Fault

BASE = resources.files("interpayer.identity.scoring").joinpath("model_default.yaml").read_text("utf-8")
TRUE_M = {
    "birth_date": {Grade.EQUAL: 0.93, Grade.TYPO: 0.04, Grade.DIFFERENT: 0.03},
    "given": {Grade.EQUAL: 0.8, Grade.KNOWN: 0.09, Grade.TYPO: 0.06, Grade.DIFFERENT: 0.05},
    "sex": {Grade.EQUAL: 0.97, Grade.DIFFERENT: 0.03},
    "phone": {Grade.EQUAL: 0.55, Grade.DIFFERENT: 0.45},
}
TRUE_U = {
    "birth_date": {Grade.EQUAL: 0.0001, Grade.TYPO: 0.001, Grade.DIFFERENT: 0.9989},
    "given": {Grade.EQUAL: 0.01, Grade.KNOWN: 0.004, Grade.TYPO: 0.002, Grade.DIFFERENT: 0.984},
    "sex": {Grade.EQUAL: 0.5, Grade.DIFFERENT: 0.5},
    "phone": {Grade.EQUAL: 0.0005, Grade.DIFFERENT: 0.9995},
}
FIELDS = tuple(TRUE_M)


def drawn_pairs(count, *, same=0.4, seed=3):
    """Graded pairs of a world whose m and u are known, with the truth beside them."""
    draw = random.Random(seed)
    graded, truth = [], []
    for _ in range(count):
        is_same = draw.random() < same
        world = TRUE_M if is_same else TRUE_U
        grades = {name: draw.choices(list(levels), list(levels.values()))[0] for name, levels in world.items()}
        if draw.random() < 0.15:
            grades["phone"] = Grade.MISSING
        graded.append(grades)
        truth.append(is_same)
    return graded, truth


def plain_em(graded, start, chance, *, rounds=300):
    """EM for conditionally independent fields with u fixed, written down from the textbook."""
    m = {name: {g: start.fields[name].levels[g].m for g in start.fields[name].levels} for name in FIELDS}
    same = 0.1
    for _ in range(rounds):
        shares = [_chance_of_same(grades, m, chance, same) for grades in graded]
        same = sum(shares) / len(shares)
        for name in FIELDS:
            seen = dict.fromkeys(m[name], 0.0)
            for grades, share in zip(graded, shares, strict=True):
                seen[grades[name]] = seen.get(grades[name], 0.0) + share
            seen.pop(Grade.MISSING, None)
            m[name] = {g: n / sum(seen.values()) for g, n in seen.items()}
    return m, same


def _chance_of_same(grades, m, chance, same):
    odds = same / (1 - same)
    for name, grade in grades.items():
        if grade is not Grade.MISSING:
            odds *= m[name][grade] / chance[name][grade]
    return odds / (1 + odds)


@pytest.fixture(scope="module")
def learned():
    graded, _ = drawn_pairs(4_000)
    # the key of this session is blind to ids only, which nobody here has
    return graded, learn({"member_id": graded}, default_model(), TRUE_U)


def test_splinks_numbers_are_those_of_plain_em(learned):
    graded, found = learned
    m, same = plain_em(graded, default_model(), TRUE_U)
    for name in FIELDS:
        for grade, share in m[name].items():
            if share > 1e-6:
                assert found.m[name][grade] == pytest.approx(share, abs=1e-4), (name, grade)
    session = next(s for s in found.sessions if s.key == "member_id")
    assert session.same == pytest.approx(same, abs=1e-3)
    assert session.pairs == 4_000


def test_the_truth_is_found_again(learned):
    _, found = learned
    for name, levels in TRUE_M.items():
        for grade, share in levels.items():
            assert found.m[name][grade] == pytest.approx(share, abs=0.03), (name, grade)


def test_the_model_file_has_splinks_numbers_to_the_last_digit(learned):
    _, found = learned
    table = yaml.safe_load(write_model(BASE, found, TRUE_U))
    for name in FIELDS:
        for grade, share in found.m[name].items():
            if share > 1e-4:
                assert table["fields"][name]["levels"][grade.value]["m"] == pytest.approx(share, rel=1e-8)
        for grade, share in TRUE_U[name].items():
            assert table["fields"][name]["levels"][grade.value]["u"] == pytest.approx(share, rel=1e-8)
    assert table["training"]["trainer"] == f"splink {splink.__version__}"


def test_a_key_teaches_nothing_about_what_it_holds():
    graded, _ = drawn_pairs(1_000)
    found = learn({"birth_given": graded}, default_model(), TRUE_U)
    assert {"sex", "phone"} <= set(found.m)
    base = default_model()
    for name in ("birth_date", "given"):
        for grade, level in base.fields[name].levels.items():
            assert found.m.get(name, {}).get(grade, level.m) == pytest.approx(level.m)


def test_too_few_pairs_teach_nothing():
    with pytest.raises(ValueError, match="too few"):
        learn({"member_id": drawn_pairs(150)[0]}, default_model(), TRUE_U)


def test_without_splink_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(Fault) as refused:
        learn({"member_id": drawn_pairs(300)[0]}, default_model(), TRUE_U)
    assert refused.value.reason == "system.engine_missing"
    assert "splink" in refused.value.detail


def test_pairs_of_strangers_only_teach_nothing():
    graded, _ = drawn_pairs(2_000, same=0.0)
    with pytest.raises(ValueError, match="too few"):
        learn({"member_id": graded}, default_model(), TRUE_U)


def test_weights_and_calibration_agree_with_splinks(learned):
    """The same model on the same labelled pairs: our weights are Splink's, our counts per limit are Splink's."""
    _, found = learned
    model = read_model(write_model(BASE, found, TRUE_U))
    graded, truth = drawn_pairs(1_500, same=0.5, seed=11)
    theirs, table = splinks_scores(model, graded, truth)
    ours = [sum(_plain_weight(model, grades).values()) for grades in graded]
    assert ours == pytest.approx(theirs, abs=1e-6)
    # Splink rounds a score to the nearest step before it counts
    labelled = [Labelled(round(score * 2) / 2, is_same) for score, is_same in zip(ours, truth, strict=True)]
    tried = calibrate(labelled, Budget(0.9, lowest=-20.0)).tried
    checked = 0
    for point in tried:
        row = min(table, key=lambda r: abs(r["truth_threshold"] - point.limit))
        if abs(row["truth_threshold"] - point.limit) < 0.01:
            assert (point.released, point.wrong) == (row["tp"] + row["fp"], row["fp"]), point
            checked += 1
    assert checked >= 5


def _plain_weight(model, grades):
    """What `weigh` gives each field, without the ceilings that Splink does not know."""
    weighed = weigh(Standard(), Standard(), grades, model=model, frequencies=NO_FREQUENCIES)
    for name, weight in weighed.weights.items():
        level = model.fields[name].levels[grades[name]]
        assert weight == pytest.approx(min(log2(level.m / level.u), model.fields[name].highest))
    return {
        name: log2(model.fields[name].levels[grade].m / model.fields[name].levels[grade].u)
        for name, grade in grades.items()
        if grade is not Grade.MISSING
    }


def splinks_scores(model, graded, truth):
    """Splink's own match weights (without the prior) and its own accuracy table for labelled pairs."""

    def comparison(name):
        levels = [{"sql_condition": f'"{name}_l" is null', "label_for_charts": "missing", "is_null_level": True}]
        for grade, level in model.fields[name].levels.items():
            condition = f"\"{name}_l\" = '{grade.value}'" if grade is not Grade.DIFFERENT else "ELSE"
            levels.append(
                {"sql_condition": condition, "label_for_charts": grade.value,
                 "m_probability": level.m, "u_probability": level.u}
            )  # fmt: skip
        return {"output_column_name": name, "comparison_levels": levels}

    pairs = range(len(graded))
    cells = {n: [None if g[n] is Grade.MISSING else g[n].value for g in graded] for n in FIELDS}
    left = pyarrow.table({"pair": list(pairs), "person": list(pairs), **cells})
    people = [pair if is_same else -1 - pair for pair, is_same in zip(pairs, truth, strict=True)]
    right = pyarrow.table({"pair": list(pairs), "person": people, **cells})
    api = splink.DuckDBAPI(connection=duckdb.connect(":memory:"))
    linker = splink.Linker(
        [api.register(left, dataset_display_name="a"), api.register(right, dataset_display_name="b")],
        {
            "link_type": "link_only",
            "unique_id_column_name": "pair",
            "blocking_rules_to_generate_predictions": ["l.pair = r.pair"],
            "probability_two_random_records_match": 0.5,
            "comparisons": [comparison(name) for name in FIELDS],
        },
        log_level=40,
    )
    rows = linker.inference.predict().as_record_list()
    scores = {row["pair_l"]: row["match_weight"] for row in rows}
    accuracy = linker.evaluation.accuracy_analysis_from_labels_column(
        "person",
        output_type="table",
        match_weight_round_to_nearest=0.5,
        positives_not_captured_by_blocking_rules_scored_as_zero=False,
    )
    return [scores[pair] for pair in pairs], accuracy.as_record_list()
