"""What is loaded is found again, by version and by spelling; the same twice changes nothing."""

import pytest

from interpayer.system.database import DatabaseError
from interpayer.terminology import store
from interpayer.terminology.content import CodeSystem, Concept, ConceptMap, Inclusion, Target, ValueSet
from interpayer.terminology.forms import ICD10CM
from interpayer.terminology.translate import Code, translate

OLD = CodeSystem(ICD10CM, "2025", "ICD", (Concept("E119", "Type 2"), Concept("I10")))
NEW = CodeSystem(ICD10CM, "2026", "ICD", (Concept("E11.9", "Type 2, new words"),))


def test_the_same_twice_changes_nothing_and_other_content_replaces(database):
    with database.operator.transaction() as conn:
        assert store.save(conn, OLD, by="ana") == "new"
        assert store.save(conn, OLD, by="bo") == "same"
        assert store.save(conn, CodeSystem(ICD10CM, "2025", "ICD", (Concept("I10"),)), by="bo") == "changed"
        assert [(r.version, r.entries, r.loaded_by) for r in store.releases(conn)] == [("2025", 1, "bo")]
        assert store.look_up(conn, Code(ICD10CM, "E119")) is None


def test_the_last_release_counts_unless_a_version_is_asked(database):
    with database.operator.transaction() as conn:
        for release in (OLD, NEW):
            store.save(conn, release, by="ana")
        found = store.look_up(conn, Code(ICD10CM, "E119"))
        assert found is not None
        assert (found.code.code, found.concept.display, found.version) == ("E11.9", "Type 2, new words", "2026")
        older = store.look_up(conn, Code(ICD10CM, "E11.9"), version="2025")
        assert older is not None
        assert older.concept.display == "Type 2"
        assert store.look_up(conn, Code(ICD10CM, "I10")) is None
        assert store.knows_system(conn, ICD10CM) is True
        assert store.knows_system(conn, "urn:other") is None


def test_a_map_is_read_back_with_what_has_no_target(database):
    targets = (
        Target("urn:lab", "GLU", "http://loinc.org", "2345-7", "equivalent"),
        Target("urn:lab", "GLU", "http://loinc.org", "2339-0", "inexact"),
        Target("urn:lab", "OLD", "http://loinc.org", None, "unmatched"),
        Target(ICD10CM, "E119", "urn:group", "diabetes", "wider"),
    )
    with database.operator.transaction() as conn:
        store.save(conn, ConceptMap("urn:m", "1", "Lab", targets), by="ana")
    with database.worker.transaction() as conn:
        found = store.read_map(conn, "urn:m")
        assert found is not None
        glucose = translate(Code("urn:lab", "GLU"), found)
        assert [(t.code, e) for t, e in glucose.targets] == [("2345-7", "equivalent"), ("2339-0", "inexact")]
        assert translate(Code("urn:lab", "OLD"), found).state == "unmapped"
        assert translate(Code(ICD10CM, "E11.9"), found).targets[0][0].code == "diabetes"
        assert store.read_map(conn, "urn:none") is None
        assert store.read_map(conn, "urn:m", version="2") is None
        assert [m.id for m in store.maps_between(conn, "urn:lab", "http://loinc.org")] == ["urn:m"]
        assert store.maps_between(conn, "urn:lab", "urn:group") == []


def test_a_value_set_is_read_back_in_its_order(database):
    inclusions = (Inclusion("urn:s", "a"), Inclusion(value_set="urn:w"), Inclusion("urn:t", "z", is_excluded=True))
    with database.operator.transaction() as conn:
        store.save(conn, ValueSet("urn:v", "", "V", inclusions), by="ana")
        assert store.inclusions_of(conn, "urn:v") == inclusions
        assert store.inclusions_of(conn, "urn:w") is None


def test_only_the_operator_s_side_loads(database):
    for role in ("door", "worker"):
        with pytest.raises(DatabaseError), database.pool(role).transaction() as conn:
            store.save(conn, OLD, by="nobody")
