"""Test data never reach production: none is loaded there, no person is made of it, and no database is both."""

from dataclasses import replace
from pathlib import Path

import pytest

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.normalization.rehearsal import ACT_REASON, TEST_DATA
from interpayer.operations import environment, loading
from interpayer.system.settings import SettingsInvalid
from tests.store.operations.test_loading import Write, a_condition, a_member, a_patient, write

__all__ = ["write"]
MADE_UP = {"meta": {"security": [{"system": ACT_REASON, "code": "HTEST"}]}}


def a_folder(write: Write) -> Path:
    stranger = a_patient("M-2002", "pat-2") | MADE_UP
    return write(
        a_patient(), a_condition(), stranger, a_condition("pat-2", "con-2"), a_condition(condition_id="con-3") | MADE_UP
    )


def test_production_takes_no_test_data_and_makes_nobody_of_them(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    report = loading.load(replace(tools, environment="production"), a_folder(write), actor=person, as_members=True)
    assert (report.saved.new, report.members_made, report.unmarked) == (2, 0, 0)
    # The unmarked condition of the person who is made up belongs to nobody here.
    assert report.quarantined == {TEST_DATA: 2, "record.foreign_member": 1}


def test_a_test_installation_takes_them_and_says_what_is_not_marked(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    report = loading.load(tools, a_folder(write), actor=person, as_members=True)
    assert (report.saved.new, report.members_made, report.unmarked) == (5, 1, 3)
    assert not report.quarantined


def test_a_database_belongs_to_one_environment(tools: Tools) -> None:
    environment.claim(tools)
    environment.claim(tools)
    with pytest.raises(SettingsInvalid) as refused:
        environment.claim(replace(tools, environment="production"))
    assert "belongs to the test environment" in str(refused.value)
