"""The model file: read whole or not at all."""

import json
from importlib import resources

import pytest
import yaml

from interpayer.identity.comparison import FIELDS, HOUSEHOLD, Grade
from interpayer.identity.scoring.model import default_model, read_model

TEXT = resources.files("interpayer.identity.scoring").joinpath("model_default.yaml").read_text("utf-8")


def changed(change):
    table = yaml.safe_load(TEXT)
    change(table)
    return yaml.safe_dump(table)


def test_the_model_that_ships_has_every_field_in_its_ledger():
    model = default_model()
    assert set(model.fields) == set(FIELDS)
    assert {name for name, part in model.fields.items() if part.ledger == "household"} == set(HOUSEHOLD)


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_weighs_more_than_equal_and_nothing_less_than_different(field):
    part = default_model().fields[field]
    weights = {grade: weight.bits for grade, weight in part.weights.items() if grade is not Grade.MISSING}
    assert max(weights.values()) == weights[Grade.EQUAL] > 0 > weights[Grade.DIFFERENT] == min(weights.values())
    assert part.weights[Grade.MISSING].bits == 0


def test_the_version_follows_the_text():
    assert read_model(TEXT).version == default_model().version
    other = read_model(changed(lambda t: t["fields"]["sex"]["levels"]["equal"].update(m=0.9)))
    assert other.version != default_model().version
    assert other.version.startswith("m-")


def test_a_trained_model_may_be_json():
    assert read_model(json.dumps(yaml.safe_load(TEXT))).fields == default_model().fields


def test_a_spelling_without_a_level_counts_as_a_short_form():
    model = read_model(changed(lambda t: t["fields"]["given"]["levels"].pop("spelled")))
    weights = model.fields["given"].weights
    assert weights[Grade.SPELLED].bits == weights[Grade.KNOWN].bits > weights[Grade.DIFFERENT].bits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(format=2), "format"),
        (lambda t: t["fields"].pop("sex"), "no fields"),
        (lambda t: t["fields"].update(shoe={"ledger": "personal", "highest": 1, "levels": {}}), "unknown field"),
        (lambda t: t["fields"]["sex"].update(ledger="secret"), "unknown field or ledger"),
        (lambda t: t["fields"]["sex"]["levels"]["equal"].update(m=0), "no probability"),
        (lambda t: t["fields"]["sex"]["levels"]["equal"].update(m=1.2), "no probability"),
        (lambda t: t["fields"]["given"]["levels"]["typo"].update(spread=0.5), "no probability"),
        (lambda t: t["fields"]["sex"]["levels"].pop("different"), "needs the levels"),
        (lambda t: t["fields"]["sex"]["levels"]["equal"].update(m=0.001), "weighs more when it differs"),
        (lambda t: t["fields"]["sex"]["levels"].update(odd={"m": 0.1, "u": 0.1}), "odd"),
    ],
)
def test_what_is_unknown_or_no_probability_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        read_model(changed(change))
