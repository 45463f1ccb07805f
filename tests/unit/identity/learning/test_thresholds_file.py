"""The thresholds file that calibration writes: the proven limit for whom it was proven, with the proof."""

from importlib import resources

import pytest

from interpayer.identity.learning.calibration import Budget, Calibration, Labelled, calibrate
from interpayer.identity.learning.thresholds_file import Scope, calibrations, write_thresholds
from interpayer.identity.scoring.thresholds import default_thresholds, read_thresholds

BASE = resources.files("interpayer.identity.scoring").joinpath("thresholds_default.yaml").read_text("utf-8")
BUDGET = Budget(0.01, lowest=16.0)
FOUND = calibrate([Labelled(16.0, is_right=True)] * 1_000, BUDGET)


EVERYWHERE = Scope()


def written(base=BASE, scope=EVERYWHERE, found=FOUND):
    return write_thresholds(base, found, BUDGET, scope=scope, labels=1_000)


def test_a_limit_for_everybody():
    table, base = read_thresholds(written()), default_thresholds()
    assert table.everywhere.certain == 16.0
    assert table.everywhere.margin == base.everywhere.margin
    assert table.version != base.version


@pytest.mark.parametrize("kind", ["purpose", "partner", "rule_set"])
def test_a_limit_for_one_scope_leaves_everybody_else_alone(kind):
    table = read_thresholds(written(scope=Scope(kind, "payer_to_payer")))
    names = {"partner": None, "purpose": "", "rule_set": ""} | {kind: "payer_to_payer"}
    limits = table.for_(names["partner"], names["purpose"], rule_set=names["rule_set"])
    assert limits.certain == 16.0
    assert table.everywhere.certain == default_thresholds().everywhere.certain
    # what the base says for this purpose besides stays
    assert table.for_(None, "payer_to_payer").needs_id


def test_the_file_says_how_its_limits_were_proven():
    text = written(base=written(), scope=Scope("partner", "plan-b"))
    told = {one["for"]: one for one in calibrations(text)}
    assert set(told) == {"everywhere", "partner plan-b"}
    assert told["everywhere"]["released"] == 1_000
    assert told["everywhere"]["wrong"] == 0
    assert told["everywhere"]["bound"] == pytest.approx(0.00299, abs=1e-4)
    again = calibrations(written(base=text, scope=Scope("partner", "plan-b")))
    assert len(again) == 2, "a scope is told once: as it is proven now"
    assert calibrations(BASE) == []


def test_no_limit_no_file():
    with pytest.raises(ValueError, match="too few"):
        written(found=Calibration(None, (), "too few labels"))
