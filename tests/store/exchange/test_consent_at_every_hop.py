"""A consent that ends between any two hops: from then on nothing goes, and the reason has its name (C53-C56, C58).

Every hop is walked with the real steps and stores, for both roles; only the moment at which the consent ends moves.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from interpayer.consent.life_events import DIED, EMANCIPATED, LifeEvent
from interpayer.delivery.files import files
from interpayer.exchange import batch_store, following
from interpayer.exchange import store as exchange_store
from interpayer.exchange.steps import asking, batching, exporting, receiving
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.consent import Basis, Effect, LegalBasis
from interpayer.model.exchange import State
from interpayer.operations import consents, exchanges, legal_bases, restricting
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from tests.support.databases import serves
from tests.support.hops import (
    ANA,
    PARTNER,
    Scene,
    a_consent,
    at_each_file,
    at_everything,
    at_gathering,
    at_kick_off,
    at_match,
    at_release,
    at_token,
)
from tests.support.people import PAYER, a_row
from tests.support.tools import opened

# ---- how a consent ends


def expires(scene: Scene) -> None:
    scene.change("ends_at = now() - interval '1 second'")


def begins_later(scene: Scene) -> None:
    scene.change("starts_at = now() + interval '1 hour'")


def names_others(scene: Scene) -> None:
    scene.change("recipients = '{urn:payers|somebody}'")


def names_another_source(scene: Scene) -> None:
    scene.change("sources = '{urn:payers|somebody}'")


def is_revoked(scene: Scene) -> None:
    for consent in scene.consents():
        with scene.operator.database.transaction() as conn:
            consents.revoke(scene.operator, conn, consent.id, reason="letter", actor=ANA)


def is_withdrawn(scene: Scene) -> None:
    with scene.operator.database.transaction() as conn:
        consents.withdraw(scene.operator, conn, scene.member_id, proof="form 12", actor=ANA)


def is_denied(scene: Scene) -> None:
    said = replace(a_consent(), id=new_id("k"), member_id=scene.member_id, effect=Effect.DENY, received_from=None)
    denial = replace(said, sources=("*",), recipients=("*",), proof="call 7")
    with scene.operator.database.transaction() as conn:
        restricting.restrict(scene.operator, conn, denial, actor=ANA)


def member_dies(scene: Scene) -> None:
    life_event(scene, DIED)


def child_is_emancipated(scene: Scene) -> None:
    life_event(scene, EMANCIPATED)


def life_event(scene: Scene, what: str) -> None:
    with scene.operator.database.transaction() as conn:
        event = LifeEvent(what, now().date(), "certificate 3")
        restricting.note_life_event(scene.operator, conn, scene.member_id, event, actor=ANA)


def child_comes_of_age(scene: Scene) -> None:
    """The plan learns that the child was born eight years earlier."""
    born = (scene.person.birth_date or date.min).replace(year=now().year - 18, month=1, day=1)
    grown = a_row(replace(scene.person, birth_date=born), scene.card, as_of="2026-11-02")
    with scene.operator.database.transaction() as conn:
        (kept,) = upsert_enrollments(conn, scene.operator.vault, [grown])
    assert kept.member_id == scene.member_id


def authority_ends(scene: Scene) -> None:
    over = '{"role": "HPOWATT", "proof": "order", "ends_at": "2026-01-01T00:00:00+00:00"}'
    scene.change(f"performer = 'representative:HPOWATT', authority = '{over}'")


def limits_leave_nothing(scene: Scene) -> None:
    scene.change("""limits = '{"types": []}'""")


def purpose_is_another(scene: Scene) -> None:
    scene.change("purpose = 'research'")


ENDINGS: list[tuple[Callable[[Scene], None], str, str]] = [
    (expires, "member", "consent.expired"),
    (begins_later, "member", "consent.not_yet"),
    (names_others, "member", "consent.wrong_recipient"),
    (names_another_source, "member", "consent.wrong_source"),
    (is_revoked, "member", "consent.revoked"),
    (is_withdrawn, "member", "consent.revoked"),
    (is_denied, "member", "consent.revoked"),
    (member_dies, "member", "consent.deceased"),
    (authority_ends, "member", "consent.representative_unproven"),
    (limits_leave_nothing, "member", "consent.contradictory"),
    (purpose_is_another, "member", "consent.scope_exceeded"),
    (child_is_emancipated, "representative:MTH", "consent.aged_out"),
    (child_comes_of_age, "representative:FTH", "consent.aged_out"),
]


RESPONDER = (at_match, at_token, at_kick_off, at_gathering, at_release, at_each_file, at_everything)


def test_with_a_consent_that_stands_every_hop_lets_go(scene: Scene) -> None:
    assert [hop(scene) for hop in RESPONDER] == [True] * len(RESPONDER)


@pytest.mark.parametrize("place", range(1, len(RESPONDER)), ids=lambda place: RESPONDER[place].__name__)
def test_a_consent_that_ends_before_a_hop_lets_nothing_go_from_there_on(scene: Scene, place: int) -> None:
    for hop in RESPONDER[:place]:
        assert hop(scene)
    expires(scene)
    assert scene.reason() == "consent.expired"
    # what was gathered for a job in between is dropped at its release: the bytes that leave are what counts
    later = [hop(scene) for hop in RESPONDER[place:] if hop is not at_gathering]
    assert later == [False] * len(later)
    if at_each_file in RESPONDER[place:]:
        assert "released" not in scene.states()


@pytest.mark.parametrize(("end", "performer", "reason"), ENDINGS, ids=[end.__name__ for end, _, _ in ENDINGS])
def test_however_a_consent_ends_its_reason_has_its_name(
    scene: Scene, end: Callable[[Scene], None], performer: str, reason: str
) -> None:
    scene.consent = a_consent(performer)
    assert at_match(scene) and at_token(scene)
    end(scene)
    assert scene.reason() == reason
    assert (at_token(scene), at_everything(scene)) == (False, False)


# ---- the requester's hops


def asked(scene: Scene, **more: Any) -> None:
    """Our own system asks for the member's history, the member allowed it."""
    ours = replace(a_consent(), id=new_id("k"), member_id=scene.member_id, sources=PARTNER.organizations)
    body = {
        "partner": PARTNER.organizations[0],
        "member": {"id": scene.member_id},
        "basis": "opt_in",
        "attestation": {"enrolled": True, "opted_in": True},
        **more,
    }
    with scene.operator.database.transaction() as conn:
        consents.record(scene.operator, conn, replace(ours, recipients=(PAYER,)), actor=ANA)
        wish = exchanges.Wish(body, Actor("system", "feed"))
        scene.exchange_id, _ = exchanges.ask(scene.operator, conn, wish)


def at_intake(scene: Scene) -> bool:
    with scene.worker.database.transaction() as conn:
        assert asking.validate.plain(scene.worker, conn, scene.exchange_id) == "validated"
        assert asking.identify.plain(scene.worker, conn, scene.exchange_id) == "identified"
        return asking.authorize.plain(scene.worker, conn, scene.exchange_id) == "permitted"


def at_route(scene: Scene) -> bool:
    with scene.worker.database.transaction() as conn:
        return asking.choose_route.plain(scene.worker, conn, scene.exchange_id)["mode"] is not None


def at_the_batch(scene: Scene) -> bool:
    with scene.worker.database.transaction() as conn:
        if scene.states() != {"routed"}:
            return False
        scene.batch_id = asking.join_batch.plain(scene.worker, conn, scene.exchange_id)
        return batching.close.plain(scene.worker, conn, scene.batch_id) is not None


def at_sending(scene: Scene) -> bool:
    try:
        return batching.send_match.plain(scene.worker, scene.batch_id) != ""
    except RuntimeError:
        # outside a workflow no call has a key: it was about to be made
        return True


def at_the_export(scene: Scene) -> bool:
    moved_on(scene, State.SENT, State.RECEIVING)
    try:
        return batching.start_export.plain(scene.worker, scene.batch_id) != ""
    except RuntimeError:
        return True


def at_taking_in(scene: Scene) -> bool:
    with scene.worker.database.transaction() as conn:
        return receiving.verify.plain(scene.worker, conn, scene.batch_id, []) > 0


def moved_on(scene: Scene, *states: State) -> None:
    """What the partner's answers do, where the exchange is still under way."""
    for state in states:
        with scene.worker.database.transaction() as conn:
            batch_store.update_batch(conn, scene.batch_id, group_ids=["group"])
            move(conn, scene.worker.ledger, [Move(scene.exchange_id, state)])


REQUESTER = (at_intake, at_route, at_the_batch, at_sending, at_the_export, at_taking_in)


def test_with_a_consent_that_stands_we_ask_and_take_in(scene: Scene) -> None:
    asked(scene)
    assert [hop(scene) for hop in REQUESTER] == [True] * len(REQUESTER)


@pytest.mark.parametrize("place", range(len(REQUESTER)), ids=lambda place: REQUESTER[place].__name__)
def test_our_own_consent_that_ends_before_a_hop_stops_us_there(scene: Scene, place: int) -> None:
    asked(scene)
    for hop in REQUESTER[:place]:
        assert hop(scene)
    expires(scene)
    assert not REQUESTER[place](scene)
    assert scene.states() == {"blocked"}
    with scene.operator.database.transaction() as conn:
        (row,) = exchange_store.of_members(conn, [scene.member_id], State)
    assert row["reason"] == "consent.expired"


def test_done_again_it_is_decided_again(scene: Scene) -> None:
    asked(scene)
    assert at_intake(scene)
    moved_on_to_failed(scene)
    expires(scene)
    with scene.operator.database.transaction() as conn:
        exchanges.replay(scene.operator, conn, scene.exchange_id, reason="the fault is repaired", actor=ANA)
    assert not at_intake(scene)
    assert scene.states() == {"blocked"}


def moved_on_to_failed(scene: Scene) -> None:
    with scene.worker.database.transaction() as conn:
        move(conn, scene.worker.ledger, [Move(scene.exchange_id, State.FAILED, "system.bug")])


def test_a_no_reaches_exports_that_two_workers_have_begun(scene: Scene) -> None:
    assert at_match(scene) and at_kick_off(scene)
    first = scene.job_id
    assert at_kick_off(scene)
    with opened(scene.house.database, scene.house.home, role="worker") as other:
        works = [(scene.worker, first), (other, scene.job_id)]
        gathered = Barrier(3)

        def work(tools: Tools, job_id: str) -> int:
            exporting.gather.plain(tools, job_id)
            gathered.wait(10)
            gathered.wait(10)
            with tools.database.transaction() as conn:
                exporting.release.plain(tools, conn, job_id)
                return sum(file.lines for file in files(conn, job_id))

        with ThreadPoolExecutor(2) as pool:
            going = [pool.submit(work, *one) for one in works]
            gathered.wait(10)
            is_revoked(scene)
            gathered.wait(10)
            assert [one.result(10) for one in going] == [0, 0]


def test_a_partner_that_acts_for_several_gets_what_the_payer_it_spoke_for_was_allowed(scene: Scene) -> None:
    scene.spoken_for = ("urn:payers|another",)
    assert not at_match(scene)
    with scene.operator.database.transaction() as conn:
        (row,) = exchange_store.of_members(conn, [scene.member_id], State)
    assert row["reason"] == "consent.wrong_recipient"
    scene.spoken_for = PARTNER.organizations
    assert at_match(scene)


def test_a_file_that_is_read_breaks_off_when_a_grant_runs_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.0)
    soon = replace(a_consent(), ends_at=datetime.now(UTC) + timedelta(seconds=5))
    scene.consent = soon
    assert [hop(scene) for hop in (at_match, at_kick_off, at_gathering, at_release)] == [True] * 4
    with serves(PARTNER.id):
        with scene.door.database.transaction() as conn:
            read = files(conn, scene.job_id)[0]
        ask = following.still_allowed(scene.door, read)
        assert ask()
        monkeypatch.setattr(following, "now", lambda: soon.ends_at + timedelta(seconds=1))
        assert not ask()


# ---- without an opt-in


def test_without_an_opt_in_a_contract_must_stand_at_every_hop(scene: Scene) -> None:
    more = {"basis": "state_medicaid_contract", "consent_reference": "MCO-7"}
    asked(scene, **more)
    assert not at_intake(scene), "nobody recorded the contract"
    at = now()
    basis = LegalBasis(
        *(new_id("l"), Basis.STATE_MEDICAID_CONTRACT, "MCO-7", PARTNER.organizations, (PAYER,)),
        *(at - timedelta(days=2), at + timedelta(days=300), "shelf 3"),
    )
    with scene.operator.database.transaction() as conn:
        legal_bases.add(scene.operator, conn, basis, actor=ANA)
    is_withdrawn(scene)
    asked(scene, **more)
    assert at_intake(scene) and at_route(scene)
    with scene.operator.database.transaction() as conn:
        stopped = legal_bases.end(scene.operator, conn, basis.id, reason="contract over", actor=ANA)
    assert stopped.exchanges == (scene.exchange_id,)
