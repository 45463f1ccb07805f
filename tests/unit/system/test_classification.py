"""The classification: checked when it is read, asked by the doors and the log."""

import pytest

from interpayer.system.classification import (
    FILE,
    LOGGED,
    ClassificationInvalid,
    Unclassed,
    classification,
    read_classification,
    require_classed,
)

TEXT = FILE.read_text(encoding="utf-8")


def test_a_route_without_a_class_is_refused_with_the_line_to_add() -> None:
    require_classed("partners", ["POST /token"])
    with pytest.raises(Unclassed, match=r'add to \[routes\.partners\].*"GET /fhir/Secrets" = '):
        require_classed("partners", ["POST /token", "GET /fhir/Secrets"])
    with pytest.raises(Unclassed):
        require_classed("a door that nobody knows", ["GET /"])


def test_a_name_means_the_same_everywhere_but_where_it_is_said() -> None:
    read = classification()
    assert read.of_field("birth_date") == read.of_field("birth_date", place="identity.member") == "identity"
    assert read.of_field("sha256", place="delivery.file") == "operational"
    assert read.of_field("sha256", place="operations.token") == "secret"
    assert read.of_field("changed_at") == "operational"
    assert read.of_field("anything", place="engine.workflow_status") == "operational"
    assert read.of_field("a_word_that_nobody_classed") is None
    assert read.of_table("records.record") == "record"
    assert read.of_table("nowhere.table") is None


def test_what_a_call_brings_in_can_be_more_than_it_shows() -> None:
    routes = classification().routes["partners"]
    assert (routes["POST /token"].shows, routes["POST /token"].takes) == ("secret", "secret")
    bulk = routes["POST /fhir/Group/$bulk-member-match"]
    assert (bulk.shows, bulk.takes, bulk.audience, bulk.retention) == ("operational", "health", "partner", "working")
    assert bulk.as_extension() == {"x-sensitivity": "operational", "x-audience": "partner", "x-retention": "working"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"GET /fhir/metadata" = "public anyone none"', '"GET /fhir/metadata" = "public anyone"', "is no class"),
        ('"GET /fhir/metadata" = "public anyone none"', '"GET /fhir/metadata" = "open anyone none"', "is no class"),
        ('takes secret"\n"GET', 'brings secret"\n"GET', "is no class"),
        ('"family",', '"family", "outcome",', "it can be one"),
        ('"trace_id", "outcome"', '"trace_id", "birth_date", "outcome"', "birth_date is classed as identity"),
        ('"trace_id", "outcome"', '"trace_id", "unheard_of", "outcome"', "unheard_of is classed as nothing"),
        ('"gateway.*" = "minutes"', '"gateway.*" = "a while"', "is no retention"),
        ('"log.host" = "operational"', '"log.host" = "harmless"', "is no sensitivity"),
        ('operator = ["public"', 'operator = ["everything"', "everything is no sensitivity"),
        ("[fields]\n", '[fields]\nnasty = ["x"]\n', "nasty is no sensitivity"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(old: str, new: str, says: str) -> None:
    assert TEXT.count(old) >= 1
    with pytest.raises(ClassificationInvalid, match=says):
        read_classification(TEXT.replace(old, new, 1))


def test_what_may_be_logged_is_operational() -> None:
    read = classification()
    assert {read.of_field(name, place="log") for name in read.logs} <= LOGGED
    assert len(read.logs) > 30
