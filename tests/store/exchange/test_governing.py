"""A plan's own rules at work in whole exchanges: they narrow, they forbid, they break, and the ledger says which."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from interpayer.audit.ledger import events_of, search
from interpayer.exchange import store as exchange_store
from interpayer.exchange.steps import permitting
from interpayer.model.consent import Permission
from interpayer.model.exchange import State
from interpayer.operations import decisions, loading, policies
from interpayer.operations.access import Person
from interpayer.partners import store as partner_store
from interpayer.policy import store
from interpayer.policy.composing import compose, shipped
from interpayer.policy.told import facts_from_json
from interpayer.system.clock import now
from tests.support.hops import (
    ANA,
    PARTNER,
    Scene,
    at_each_file,
    at_everything,
    at_gathering,
    at_kick_off,
    at_match,
    at_release,
    at_token,
)

Hop = Callable[[Scene], bool]
CLIENT = PARTNER.client_id
ADMIN = Person("Ana Ruiz", "person", ("admin",), now(), "first admin")


def rule(action: str, effect: str = "forbid", *, notes: str = '@reason("policy.denied")', when: str = "") -> str:
    condition = f'principal.client_id == "{CLIENT}"' + (f" && {when}" if when else "")
    scope = "in" if action == "answer" else "=="
    head = f'{effect} (principal, action {scope} Action::"{action}", resource)'
    return f'@id("ours")\n{notes}\n{head}\nwhen {{ {condition} }};\n'


def govern(scene: Scene, own: Mapping[str, str]) -> None:
    """From now on every process of the house decides under this policy."""
    bundle, house = compose(own), scene.house
    with house.operator.database.transaction() as conn:
        store.publish(conn, bundle, by="tests", own=own)
    changed = {role: replace(getattr(house, role), policy=lambda: bundle) for role in ("door", "worker", "operator")}
    scene.house = replace(house, **changed)


def read(scene: Scene) -> Permission:
    with scene.worker.database.transaction() as conn:
        return permitting.to_read(scene.worker, conn, PARTNER.id, [scene.member_id])[scene.member_id]


def exchange_of(scene: Scene) -> str:
    with scene.operator.database.transaction() as conn:
        return str(exchange_store.of_members(conn, [scene.member_id], State)[0]["id"])


def test_a_rule_that_narrows_reaches_every_read_after_it(scene: Scene) -> None:
    assert at_match(scene)
    assert read(scene).limits.is_open
    notes = '@obligations("withhold:hiv,withhold_type:ExplanationOfBenefit,withhold_field:*.note")'
    govern(scene, {"ours.cedar": rule("export", "permit", notes=notes)})
    narrowed = read(scene)
    assert (narrowed.verdict.value, narrowed.reason) == ("narrowed", "policy.narrowed")
    assert narrowed.limits.types_withheld == {"ExplanationOfBenefit"}
    assert narrowed.limits.labels_withheld == {"hiv"}
    assert narrowed.limits.fields_withheld == {"*.note"}
    assert narrowed.policies == ("answer-consented", "ours")


def test_a_kind_of_record_that_a_rule_keeps_here_is_in_no_file(scene: Scene, tmp_path: Path) -> None:
    number = scene.card.member_id or ""
    mb = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]}
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"type": mb, "value": number}]}
    of = {"subject": {"reference": "Patient/p1"}, "code": {"text": "something"}}
    day = now().date().isoformat()
    condition = {"resourceType": "Condition", "id": "c1", "recordedDate": day, **of}
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p1"}}
    folder = tmp_path / "fhir"
    folder.mkdir()
    (folder / "all.ndjson").write_bytes(b"\n".join(map(orjson.dumps, (patient, condition, allergy))))
    report = loading.load(scene.operator, folder, actor=ANA)
    assert report.saved.new >= 2, report
    govern(scene, {"ours.cedar": rule("release", when='resource.type == "Condition"')})
    assert at_match(scene) and at_kick_off(scene) and at_gathering(scene) and at_release(scene) and at_each_file(scene)
    with scene.worker.database.transaction() as conn:
        from_files = {
            row["type"]
            for row in conn.execute("select type from delivery.file where job_id = %s and lines > 0", [scene.job_id])
        }
        kept = [one for one in store.last(conn, 200) if one.kind == "RecordFacts" and not one.allow]
    assert "Condition" not in from_files
    assert from_files >= {"Patient", "AllergyIntolerance"}
    assert {(one.facts["kind"]["type"], one.policies) for one in kept} == {("Condition", ("ours",))}


OVERFLOW = (
    '@id("broken")\n@reason("policy.denied")\n'
    "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(rule("answer"), "policy.denied"), (OVERFLOW, "policy.engine_error")],
    ids=["forbidden", "a rule that fails"],
)
def test_what_a_rule_forbids_or_fails_at_goes_no_further(scene: Scene, text: str, reason: str) -> None:
    assert at_match(scene) and at_token(scene) and at_kick_off(scene) and at_gathering(scene)
    before = scene.house
    govern(scene, {"ours.cedar": text})
    assert read(scene).reason == reason
    assert not any(hop(scene) for hop in (at_token, at_release, at_each_file, at_everything))
    scene.house = before
    assert read(scene).reason is None, "back to what was in force"
    assert at_token(scene)


@pytest.mark.parametrize(
    ("action", "stopped"),
    [("download", {at_each_file}), ("read", {at_token, at_everything}), ("export", {at_release, at_each_file})],
)
def test_a_rule_stops_the_hop_that_it_names_and_no_other(scene: Scene, action: str, stopped: set[Hop]) -> None:
    assert at_match(scene) and at_kick_off(scene) and at_gathering(scene)
    govern(scene, {"ours.cedar": rule(action)})
    went = {hop for hop in (at_token, at_release, at_each_file, at_everything) if hop(scene)}
    assert went == {at_token, at_release, at_each_file, at_everything} - stopped


def test_outside_the_agreed_line_of_business_nothing_goes(scene: Scene) -> None:
    assert at_match(scene)
    with scene.operator.database.transaction() as conn:
        agreed = partner_store.acts_for(conn, PARTNER.id)
        partner_store.set_acts_for(conn, PARTNER.id, [replace(one, line_of_business="medicare") for one in agreed])
        assert read(scene).reason is None, "not committed yet"
    try:
        assert read(scene).reason == "policy.line_of_business"
        assert not at_token(scene)
        with scene.house.database.owner.transaction() as conn:
            conn.execute(
                "update identity.coverage set line_of_business = 'medicare' where member_id = %s", [scene.member_id]
            )
        assert read(scene).reason is None
    finally:
        with scene.operator.database.transaction() as conn:
            partner_store.set_acts_for(conn, PARTNER.id, agreed)


def test_the_ledger_alone_explains_a_no(scene: Scene) -> None:
    govern(scene, {"ours.cedar": rule("match", notes='// Agreed in March: not before May.\n@reason("policy.denied")')})
    assert not at_match(scene)
    exchange_id = exchange_of(scene)
    with scene.operator.database.transaction() as conn:
        (told,) = decisions.explained(conn, exchange_id)
        kept = store.last(conn, 1, subject=exchange_id)
        (event,) = [e for e in events_of(conn, exchange_id) if e["name"] == "permission.refused"]
    assert (told.allow, told.reason) == (False, "policy.denied")
    assert "not before May" in told.rules["ours"]
    assert told.missing == (), "nothing that the partner could change would help"
    assert facts_from_json(told.facts).action == "match"
    assert kept[0].facts == told.facts
    assert event["facts"]["policies"] == ["ours"]
    family = scene.person.names[0].family
    assert family not in orjson.dumps(event).decode()


def test_the_ledger_alone_explains_a_yes(scene: Scene) -> None:
    assert at_match(scene)
    with scene.operator.database.transaction() as conn:
        (told,) = decisions.explained(conn, exchange_of(scene))
    assert (told.allow, told.reason, told.missing) == (True, None, ())
    assert "context.attested" in told.rules["answer-consented"]
    assert told.policy_version == shipped().version


def test_a_notice_that_a_rule_obliges_to_is_owed_once(scene: Scene) -> None:
    govern(scene, {"ours.cedar": rule("match", "permit", notes='@obligations("notify_member")')})
    assert at_match(scene)
    with scene.operator.database.transaction() as conn:
        pseudonym = scene.operator.ledger.pseudonym(scene.member_id)
        owed = [e for e in search(conn, member=pseudonym) if e["name"] == "notice.owed"]
    assert [(e["facts"]["whom"], e["facts"]["policies"]) for e in owed] == [("member", ["answer-consented", "ours"])]


def test_a_published_policy_counts_in_every_process_within_seconds(scene: Scene) -> None:
    assert at_match(scene)
    own = {"ours.cedar": rule("answer")}

    def soon(reason: str | None) -> None:
        end = time.monotonic() + 5
        while read(scene).reason != reason:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert at_token(scene) is (reason is None), "the door has it as soon as the worker, or a moment later"

    with scene.operator.database.transaction() as conn:
        policies.publish(scene.operator, conn, own, reason="a try", person=ADMIN)
    try:
        time.sleep(1)
        soon("policy.denied")
    finally:
        with scene.operator.database.transaction() as conn:
            policies.rollback(scene.operator, conn, reason="tried", person=ADMIN)
    time.sleep(1)
    soon(None)
