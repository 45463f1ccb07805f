"""The model file that training writes: what was learned, what stayed, and what cannot be people."""

from importlib import resources

import pytest
import yaml

from interpayer.identity.comparison import Grade
from interpayer.identity.learning.model_file import write_model
from interpayer.identity.learning.splink_em import Learned, SessionReport
from interpayer.identity.scoring.model import default_model, read_model

BASE = resources.files("interpayer.identity.scoring").joinpath("model_default.yaml").read_text("utf-8")


def taught(**m):
    return Learned(m, (SessionReport("member_id", 900, 0.9, 5, is_used=True),), "splink 5")


def test_what_was_learned_replaces_and_everything_else_stays():
    text = write_model(BASE, taught(sex={Grade.EQUAL: 0.9, Grade.DIFFERENT: 0.1}), {"sex": {Grade.EQUAL: 0.51}})
    model, base = read_model(text), default_model()
    assert model.fields["sex"].levels[Grade.EQUAL].m == 0.9
    assert model.fields["sex"].levels[Grade.EQUAL].u == 0.51
    assert model.fields["sex"].levels[Grade.DIFFERENT].u == base.fields["sex"].levels[Grade.DIFFERENT].u
    assert model.fields["given"].levels == base.fields["given"].levels
    assert {name: f.highest for name, f in model.fields.items()} == {n: f.highest for n, f in base.fields.items()}
    assert (model.household_cap, model.household_share) == (base.household_cap, base.household_share)


def test_the_same_lesson_gives_the_same_version_and_another_another():
    one = write_model(BASE, taught(sex={Grade.EQUAL: 0.9}), {})
    assert read_model(one).version == read_model(write_model(BASE, taught(sex={Grade.EQUAL: 0.9}), {})).version
    assert read_model(one).version != read_model(write_model(BASE, taught(sex={Grade.EQUAL: 0.8}), {})).version
    assert yaml.safe_load(one)["training"]["base"] == default_model().version


def test_a_level_that_was_never_seen_is_rare_and_not_impossible():
    model = read_model(write_model(BASE, taught(phone={Grade.EQUAL: 1.0, Grade.DIFFERENT: 0.0}), {}))
    assert model.fields["phone"].levels[Grade.DIFFERENT].m == 1e-4


def test_a_field_that_speaks_the_wrong_way_stays_as_it_was():
    """Agreement that is likelier between strangers is no lesson about people."""
    text = write_model(BASE, taught(sex={Grade.EQUAL: 0.2, Grade.DIFFERENT: 0.8}), {})
    assert read_model(text).fields["sex"].levels == default_model().fields["sex"].levels
    assert yaml.safe_load(text)["training"]["kept_from_base"] == ["sex"]


def test_a_lesson_about_families_is_refused():
    """EM can find the class of people under one roof; then names and birth dates speak against."""
    family = {"birth_date": {Grade.EQUAL: 1e-6}, "given": {Grade.EQUAL: 1e-6}}
    with pytest.raises(ValueError, match="families"):
        write_model(BASE, taught(**family), {})
