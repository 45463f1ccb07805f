"""A partner is invited, hands in its registration once, passes the gate, changes its keys, and ends."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from joserfc.jwk import ECKey

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.agreement import Certificate
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partner_acting, partner_credentials, partner_life, partner_testing, partners
from interpayer.operations.partner_credentials import NewCredentials
from interpayer.partners import directory
from interpayer.partners.gate import ITEMS, NEVER_WAIVED
from interpayer.routing import registry
from interpayer.system.clock import now
from tests.store.operations.test_partners import a_document
from tests.support.databases import ScratchDatabase

OURS = {"name": "Alder", "organizations": ["payer-a"], "scopes": ["system/*.rs"], "environment": "test"}
CONTACT = {"role": "incident", "name": "Desk", "email": "desk@alder.example"}


def keys(kid: str) -> dict[str, Any]:
    return {"keys": [ECKey.generate_key("P-384", {"kid": kid}).as_dict(private=False)]}


def theirs(**changes: Any) -> dict[str, Any]:
    return {
        "client_id": "https://alder.example",
        "jwks": keys("k1"),
        "certificates": ["A" * 43],
        "endpoints": [{"fhir_base": "https://alder.example/fhir"}],
        "contacts": [CONTACT],
        "contract": {"retention_days": 90, "errors": "operation_outcome", "escalation": "the board"},
        **changes,
    }


def passing(_base: str) -> list[tuple[str, str, str]]:
    return [("metadata", "passed", ""), ("extras", "advice", "could be better")]


def failing(_base: str) -> list[tuple[str, str, str]]:
    return [("metadata", "failed", "no CapabilityStatement at /metadata")]


def test_an_invited_partner_registers_itself_passes_the_gate_and_is_active(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        invited = partner_life.invite(tools, conn, OURS, actor=person)
    assert invited.partner.status is PartnerStatus.INVITED
    with tools.database.transaction() as conn:
        made = partner_life.accept(tools, conn, invited.token, document=theirs())
    assert (made.id, made.status, made.client_id) == (
        invited.partner.id,
        PartnerStatus.TESTING,
        "https://alder.example",
    )
    assert made.organizations == ("payer-a",)
    assert made.scopes == ("system/*.rs",)
    with tools.database.transaction() as conn, pytest.raises(Refusal) as refused:
        partner_life.accept(tools, conn, invited.token, document=theirs())
    assert refused.value.reason == "caller.unknown"
    tried = partner_testing.run(tools, made.id, look=passing, with_token=False, actor=person)
    assert [one.item for one in tried.open_items] == ["samples"]
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal) as refused:
            partner_life.activate(tools, conn, made.id, reason="now", actor=person)
        assert "samples" in refused.value.detail
        for good, content in ((True, MANIFEST), (False, b'{"output": 3}')):
            sample = partner_testing.NewSample("manifest", good, f"{good}.json", content)
            assert partner_testing.add_sample(tools, conn, made.id, sample=sample, actor=person).is_right
        active = partner_life.activate(tools, conn, made.id, reason="passed", actor=person)
    assert active.status is PartnerStatus.ACTIVE
    with tools.database.transaction() as conn:
        events = search(conn, partner=made.id)
    assert [event["facts"]["change"] for event in events if event["facts"]["change"] == "status"] == ["status"] * 2
    assert MANIFEST.decode() not in str(events)


MANIFEST = b'{"transactionTime": "2026-11-21T00:00:00Z", "requiresAccessToken": true, "output": []}'


@pytest.mark.parametrize(
    "element",
    [
        {"organizations": ["payer-z"]},
        {"scopes": ["system/*.cruds"]},
        {"environment": "production"},
        {"attested_by_contract": True},
        {"limits": {"connections": 100000}},
        {"status": "active"},
        {"name": "Somebody else"},
    ],
    ids=lambda element: next(iter(element)),
)
def test_an_invited_partner_cannot_say_what_is_ours_to_say(
    tools: Tools, person: Actor, element: dict[str, Any]
) -> None:
    with tools.database.transaction() as conn:
        invited = partner_life.invite(tools, conn, OURS, actor=person)
    with pytest.raises(Refusal) as refused, tools.database.transaction() as conn:
        partner_life.accept(tools, conn, invited.token, document=theirs(**element))
    assert refused.value.reason == "request.malformed"
    with tools.database.transaction() as conn:
        # The refusal undid the whole transaction, so the token is still good for a corrected document.
        assert partner_life.accept(tools, conn, invited.token, document=theirs()).status is PartnerStatus.TESTING


def test_an_invitation_ends(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        first = partner_life.invite(tools, conn, OURS, actor=person)
        again = partner_life.invite_again(tools, conn, first.partner.id, actor=person)
        for token in (first.token, "invitation-nothing", ""):
            with pytest.raises(Refusal):
                partner_life.accept(tools, conn, token, document=theirs())
        partner_life.set_status(
            tools, conn, first.partner.id, status=PartnerStatus.SUSPENDED, reason="no more", actor=person
        )
    with pytest.raises(Refusal), tools.database.transaction() as conn:
        partner_life.accept(tools, conn, again.token, document=theirs())


def test_a_failed_check_closes_the_gate_and_nobody_vouches_for_what_must_not_be(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        added = partners.add(tools, conn, a_document(status="testing"), actor=person)
    tried = partner_testing.run(tools, added.partner.id, look=failing, with_token=False, actor=person)
    assert "trial" in [one.item for one in tried.open_items]
    with tools.database.transaction() as conn:
        for item in (*NEVER_WAIVED, "luck"):
            with pytest.raises(Refusal, match=r"request\.malformed"):
                partner_life.activate(tools, conn, added.partner.id, reason="now", vouched=[item], actor=person)
        vouched = [item for item in ITEMS if item not in NEVER_WAIVED]
        made = partner_life.activate(
            tools, conn, added.partner.id, reason="known for years", vouched=vouched, actor=person
        )
        told = search(conn, partner=made.id)
    assert made.status is PartnerStatus.ACTIVE
    assert told[-1]["facts"]["vouched"] == vouched


def test_a_partner_of_the_other_environment_is_never_tried_nor_activated(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        added = partners.add(tools, conn, a_document(status="testing", environment="production"), actor=person)
    with pytest.raises(Refusal, match=r"caller\.wrong_environment"):
        partner_testing.run(tools, added.partner.id, look=passing, with_token=False, actor=person)
    vouched = [item for item in ITEMS if item not in NEVER_WAIVED]
    with pytest.raises(Refusal) as refused, tools.database.transaction() as conn:
        partner_life.activate(tools, conn, added.partner.id, reason="now", vouched=vouched, actor=person)
    assert "environment" in refused.value.detail


def test_new_keys_and_certificates_overlap_with_the_old(tools: Tools, person: Actor, database: ScratchDatabase) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(certificates=["A" * 43]), actor=person).partner
        new = NewCredentials(keys("k2"), certificates=[Certificate("B" * 43)], overlap=timedelta(days=3))
        view = partner_credentials.rotate(tools, conn, made.id, new=new, reason="yearly", actor=person)
    assert partners.told(view.partner)["key_ids"] == ["k2", "k1"]
    assert view.agreed.certificates == ("A" * 43, "B" * 43)
    assert set(view.leaving_keys) == {"k1"}
    with database.owner.transaction() as conn:
        conn.execute("update partners.leaving_key set leaves_at = now() - interval '1 second'")
        conn.execute("update partners.certificate set leaves_at = now() - interval '1 second' where leaves_at > now()")
    with database.door.transaction() as conn:
        known = directory.credentials(conn, "alder-valley")
    assert known is not None
    assert [key["kid"] for key in known.partner.jwks["keys"]] == ["k2"]  # type: ignore[attr-defined]
    assert known.agreed.certificates == ("B" * 43,)


def test_when_every_certificate_has_run_out_nobody_gets_in_by_any(
    tools: Tools, person: Actor, database: ScratchDatabase
) -> None:
    with tools.database.transaction() as conn:
        partners.add(tools, conn, a_document(certificates=["A" * 43]), actor=person)
    with database.owner.transaction() as conn:
        conn.execute("update partners.certificate set expires_at = now() - interval '1 second'")
    with database.door.transaction() as conn:
        known = directory.credentials(conn, "alder-valley")
    assert known is not None
    assert known.agreed.certificates == ()
    assert known.agreed.is_pinned


def test_a_stolen_key_ends_at_once_and_an_id_is_not_used_for_two(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        with pytest.raises(Refusal) as refused:
            partner_credentials.rotate(tools, conn, made.id, new=NewCredentials(keys("k1")), reason="new", actor=person)
        assert "id of an old one" in refused.value.detail
        at_once = NewCredentials(keys("k1"), overlap=timedelta(0))
        view = partner_credentials.rotate(tools, conn, made.id, new=at_once, reason="stolen", actor=person)
        assert partners.told(view.partner)["key_ids"] == ["k1"]
        assert view.partner.jwks != made.jwks
        with pytest.raises(Refusal):
            partner_credentials.rotate(tools, conn, made.id, new=NewCredentials(), reason="new", actor=person)


def test_keys_that_move_to_an_address_leave_the_registration(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        new = NewCredentials(jwks_url="https://alder.example/jwks", overlap=timedelta(0))
        view = partner_credentials.rotate(tools, conn, made.id, new=new, reason="published", actor=person)
    assert view.agreed.jwks_url == "https://alder.example/jwks"
    assert view.partner.jwks == {"keys": []}


def test_a_payer_changes_its_vendor_on_a_day(tools: Tools, person: Actor) -> None:
    today = now().date()
    with tools.database.transaction() as conn:
        first = partners.add(tools, conn, a_document(), actor=person).partner
        second = partners.add(
            tools, conn, a_document(client_id="vendor-2", organizations=["payer-y"]), actor=person
        ).partner
        with pytest.raises(Refusal, match=r"request\.malformed"), conn.transaction():
            _act(tools, conn, second.id, {"identifier": "payer-a"}, person)
        _act(tools, conn, first.id, {"identifier": "payer-a", "since": str(today), "until": str(today)}, person)
        tomorrow = {"identifier": "payer-a", "since": str(today + timedelta(days=1)), "proof": "contract 9"}
        _act(tools, conn, second.id, tomorrow, person)
        partners.add_endpoint(
            tools, conn, second.id, endpoint={"fhir_base": "https://vendor-2.example/fhir"}, actor=person
        )
        on = [_who(conn, today), _who(conn, today + timedelta(days=1))]
        routes = [
            {one.partner_id for one in registry.endpoints_of(conn, "payer-a", on=day)}
            for day in (today, today + timedelta(days=1))
        ]
        assert partners.find(conn, second.id).organizations == ("payer-y",)
    assert on == [first.id, second.id]
    assert routes == [{first.id}, {second.id}]


def _act(tools: Tools, conn: psycopg.Connection[Any], name: str, document: dict[str, Any], actor: Actor) -> None:
    partner_acting.acts_for(tools, conn, name, document=document, reason="contract", actor=actor)


def _who(conn: psycopg.Connection[Any], day: date) -> str | None:
    found = directory.by_organization(conn, "payer-a", on=day)
    return found.id if found else None


def test_an_agreement_changes_by_element_and_the_rest_stays(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(contacts=[CONTACT]), actor=person).partner
        limits = {"limits": {"rates": {"match": {"per_minute": 5, "burst": 2}}}, "contract": {"retention_days": 7}}
        partner_life.change(tools, conn, made.id, document=limits, reason="agreed", actor=person)
        partner_life.change(
            tools, conn, made.id, document={"contract": {"escalation": "desk"}}, reason="agreed", actor=person
        )
        view = partners.shown(tools, conn, made.id)
        for closed in ("jwks", "certificates", "endpoints", "status", "environment"):
            with pytest.raises(Refusal):
                partner_life.change(tools, conn, made.id, document={closed: None}, reason="so", actor=person)
    assert view.partner == made
    assert view.agreed.limits.rate("match") is not None
    assert (view.agreed.contract.retention_days, view.agreed.contract.escalation) == (7, "desk")
    assert [one.name for one in view.contacts] == ["Desk"]


def test_a_payer_named_again_keeps_its_first_day_and_its_proof(tools: Tools, person: Actor) -> None:
    long_ago = {"identifier": "payer-a", "since": "2020-01-01", "proof": "contract 1"}
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(organizations=[long_ago]), actor=person).partner
        both = {"organizations": ["payer-a", "payer-c"]}
        partner_life.change(tools, conn, made.id, document=both, reason="contract 2", actor=person)
        first, second = partners.shown(tools, conn, made.id).acts_for
    assert (first.since, first.proof) == (date(2020, 1, 1), "contract 1")
    assert (second.since, second.proof) == (now().date(), None)


def test_a_retired_partner_ends_with_its_endpoints_and_frees_its_payer(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        partner_life.set_status(tools, conn, made.id, status=PartnerStatus.RETIRED, reason="merged", actor=person)
        view = partners.shown(tools, conn, made.id)
        partners.add(tools, conn, a_document(client_id="alder-2"), actor=person)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            partner_life.activate(tools, conn, made.id, reason="again", actor=person)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            partner_life.change(tools, conn, made.id, document={"scopes": []}, reason="again", actor=person)
    assert {endpoint.status for endpoint in view.endpoints} == {"retired"}
    assert view.open_items == ()


def test_a_sample_is_sealed_read_again_and_a_wrong_reading_shows(
    tools: Tools, person: Actor, database: ScratchDatabase
) -> None:
    marker = b'{"resourceType": "Parameters", "parameter": [{"name": "Zebulon Marker"}]}'
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        sample = partner_testing.NewSample("member-match", True, "good.json", marker)
        result = partner_testing.add_sample(tools, conn, made.id, sample=sample, actor=person)
        assert not result.is_right
        assert "Zebulon" not in result.words
        with pytest.raises(Refusal):
            partner_testing.add_sample(tools, conn, made.id, sample=sample, actor=person)
        [again] = partner_testing.check_samples(tools, conn, made.id)
        assert again == result
    with database.owner.transaction() as conn:
        row = conn.execute("select sealed from partners.sample").fetchone()
    assert row is not None
    assert b"Zebulon" not in bytes(row["sealed"])


def test_a_lesson_is_kept_until_something_carries_it(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        made = partners.add(tools, conn, a_document(), actor=person).partner
        lesson = partner_testing.learn(
            tools, conn, made.id, topic="files", words="their last file comes late", actor=person
        )
        assert partners.shown(tools, conn, made.id).lessons[0].closed_at is None
        partner_testing.carried(tools, conn, lesson, actor=person)
        assert partners.shown(tools, conn, made.id).lessons[0].closed_by == person.id
        with pytest.raises(Refusal):
            partner_testing.carried(tools, conn, lesson, actor=person)
        with pytest.raises(Refusal):
            partner_testing.learn(tools, conn, made.id, topic="gossip", words="x", actor=person)
