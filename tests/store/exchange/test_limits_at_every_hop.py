"""What a consent leaves out, hop by hop: what goes, what stays, and files that were written under less.

The hops are those of `test_consent_at_every_hop`; here the consent stands all the while and only leaves out more.
"""

from datetime import UTC, datetime

import orjson
import pytest

from interpayer.adapters.fhir_files import parse
from interpayer.delivery.download import plan_download, stream
from interpayer.delivery.files import files
from interpayer.delivery.parts import open_parts
from interpayer.exchange import batch_store
from interpayer.exchange.steps.deciding import caller_of
from interpayer.exchange.steps.everything import Everything, everything_for
from interpayer.exchange.steps.limiting import narrowed, outgrown
from interpayer.model.consent import Limits, Permission, Verdict
from interpayer.normalization.intake import Arrival, Known, canonicalize, outline
from interpayer.records.loading import begin_load, save_records
from tests.support.databases import serves
from tests.support.hops import (
    PARTNER,
    Scene,
    at_each_file,
    at_everything,
    at_gathering,
    at_kick_off,
    at_match,
    at_release,
)
from tests.support.records import raw_of

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SUGAR, DRINK = "E11.9", "F10.20"
NO_DRINK = """limits = '{"labels_withheld": ["substance_use"]}'"""


@pytest.fixture
def told(scene: Scene) -> Scene:
    """The member with an ordinary and a sensitive finding; the latter was marked by whoever sent it."""
    tools = scene.worker
    marked = {"security": [{"system": "urn:theirs", "code": "x"}]}
    with tools.database.transaction() as conn:
        at = begin_load(conn)
        theirs = Arrival(
            "https://theirs.example/fhir", tools.fhir_base, False, tools.vault.record_id, at, sets=tools.sets
        )
        for number, code in enumerate((SUGAR, DRINK)):
            coding = {"coding": [{"system": ICD10, "code": code}]}
            raw = raw_of({"resourceType": "Condition", "id": f"{scene.member_id}-{number}", "code": coding,
                          "meta": marked, "subject": {"reference": "Patient/p1"}})  # fmt: skip
            resource = parse(raw)
            assert resource is not None
            made = canonicalize(outline(resource, raw, theirs), theirs, Known({"p1": scene.member_id}))
            assert isinstance(made, list)
            save_records(conn, tools.codec, made)
    return scene


def in_files(scene: Scene) -> str:
    """Every line of the job's files, as the partner would read it."""
    with scene.worker.database.transaction() as conn:
        parts = open_parts(conn, scene.worker.objects, scene.worker.vault, job_id=scene.job_id)
        plans = [plan for file in files(conn, scene.job_id) if (plan := plan_download(conn, file.id))]
        return b"".join(
            piece for p in plans for piece in stream(parts, p, gzip=False, still_allowed=lambda: True)
        ).decode()


def everything(scene: Scene) -> str:
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        caller = caller_of(conn, PARTNER.id)
        lines = everything_for(scene.door, conn, caller, member_id=scene.member_id, wanted=Everything())
        return b"\n".join(lines).decode()


def test_labels_of_a_sender_are_kept_and_ours_are_said_when_it_goes_on(told: Scene) -> None:
    assert at_match(told)
    found = [orjson.loads(line) for line in everything(told).splitlines()]
    security = {
        r["code"]["coding"][0]["code"]: r["meta"]["security"] for r in found if r["resourceType"] == "Condition"
    }
    assert [coding["code"] for coding in security[SUGAR]] == ["x"]
    assert [coding["code"] for coding in security[DRINK]] == ["x", "R", "SUD", "42CFRPart2"]


def test_what_a_consent_leaves_out_is_in_no_answer(told: Scene) -> None:
    told.consent = None
    assert at_match(told)
    told.change(NO_DRINK)
    assert at_kick_off(told) and at_gathering(told) and at_release(told) and at_each_file(told)
    assert SUGAR in in_files(told) and DRINK not in in_files(told)
    assert SUGAR in everything(told) and DRINK not in everything(told)
    with told.worker.database.transaction() as conn:
        written = batch_store.limits_written(conn, told.job_id)
    assert written == {told.member_id: Limits(labels_withheld=frozenset({"substance_use"}))}


@pytest.mark.parametrize("before", ["release", "download"])
def test_a_file_never_outlives_the_limits_it_was_written_under(told: Scene, before: str) -> None:
    assert at_match(told) and at_kick_off(told) and at_gathering(told)
    assert DRINK in in_files(told)
    if before == "download":
        assert at_release(told)
    told.change(NO_DRINK)
    if before == "release":
        assert not at_release(told)
    assert not at_each_file(told)
    assert told.member_id not in in_files(told) and DRINK not in in_files(told)
    assert "blocked" in told.states()
    # what may still go goes with the next call
    assert at_everything(told) and SUGAR in everything(told) and DRINK not in everything(told)


def test_leaving_out_less_than_before_takes_nothing_away(told: Scene) -> None:
    assert at_match(told)
    told.change(NO_DRINK)
    assert at_kick_off(told) and at_gathering(told) and at_release(told)
    told.change("limits = '{}'")
    assert at_each_file(told) and SUGAR in in_files(told) and DRINK not in in_files(told)


def test_while_a_record_was_not_looked_at_a_consent_that_needs_labels_is_refused(told: Scene) -> None:
    with told.house.database.owner.transaction() as conn:
        conn.execute("update records.record set labels_version = 'labels@old' where member_id = %s", (told.member_id,))
    assert at_match(told) and at_everything(told)
    told.change(NO_DRINK)
    assert told.reason() == "consent.cannot_segment" and not at_everything(told)


def test_obligations_of_a_policy_leave_out_more() -> None:
    before = Limits(types=frozenset({"Condition"}), since=datetime(2026, 1, 1, tzinfo=UTC).date())
    obliged = ("withhold:hiv", "withhold_type:Coverage", "withhold_field:*.note", "notify_member")
    after = narrowed(before, obliged)
    assert after == Limits(
        labels_withheld=frozenset({"hiv"}),
        types=before.types,
        types_withheld=frozenset({"Coverage"}),
        fields_withheld=frozenset({"*.note"}),
        since=before.since,
    )
    assert narrowed(before, ("notify_member",)) == before
    assert narrowed(before, ("redact_sensitive",)).labels_withheld == frozenset({"*"})


def test_outgrown_are_those_whose_lines_were_written_under_less() -> None:
    hiv, none = Limits(labels_withheld=frozenset({"hiv"})), Limits()

    def now_allowed(limits: Limits) -> Permission:
        return Permission(Verdict.GRANTED, None, "k-1", "p-1", limits=limits)

    decisions = {"more": now_allowed(hiv), "less": now_allowed(none), "same": now_allowed(hiv), "new": now_allowed(hiv)}
    assert outgrown({"more": none, "less": hiv, "same": hiv, "gone": none}, decisions) == {"more"}
