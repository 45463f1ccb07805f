"""One member of a payer, one partner that asks for it, and every hop at which a no must stop what goes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interpayer.consent import store as consent_store
from interpayer.consent.writing import write_consent
from interpayer.delivery.files import files
from interpayer.exchange import batch_store, following
from interpayer.exchange import store as exchange_store
from interpayer.exchange.kickoff import ExportWish, start_export_job
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps import exporting, permitting
from interpayer.exchange.steps.deciding import Request, caller_of
from interpayer.exchange.steps.everything import Everything, everything_for
from interpayer.exchange.steps.matching import match_one
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.gateway.subject import granted_member
from interpayer.identity.reading import write_coverage, write_patient
from interpayer.model.consent import Consent, Scope
from interpayer.model.exchange import State
from interpayer.model.member import Coverage, Demographics
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from tests.support.databases import ScratchDatabase, serves
from tests.support.doors import a_partner
from tests.support.people import PAYER

PARTNER = replace(a_partner(), attested_by_contract=True)
ANA = Actor("person", "Ana Ruiz")


@dataclass
class House:
    """A payer, the tools of each of its processes, and one partner on the other side."""

    database: ScratchDatabase
    door: Tools
    worker: Tools
    operator: Tools
    home: Path
    people: int = 0


@dataclass
class Scene:
    """The house with a member whom no other test knows."""

    house: House
    member_id: str
    person: Demographics
    card: Coverage
    consent: Consent | None = None
    spoken_for: tuple[str, ...] = PARTNER.organizations
    job_id: str = ""
    exchange_id: str = ""
    batch_id: str = ""

    @property
    def door(self) -> Tools:
        return self.house.door

    @property
    def worker(self) -> Tools:
        return self.house.worker

    @property
    def operator(self) -> Tools:
        return self.house.operator

    def change(self, what: str) -> None:
        """Let the member's consents be others, as time or a mistake makes them."""
        with self.house.database.owner.transaction() as conn:
            conn.execute(f"update consent.consent set {what} where member_id = %s".encode(), [self.member_id])

    def consents(self) -> list[Consent]:
        with self.operator.database.transaction() as conn:
            return consent_store.consents_of(conn, [self.member_id]).get(self.member_id, [])

    def reason(self) -> str | None:
        """Why the partner gets nothing now, as we know it."""
        with self.worker.database.transaction() as conn:
            return permitting.to_read(self.worker, conn, PARTNER.id, [self.member_id])[self.member_id].reason

    def states(self) -> set[str]:
        with self.operator.database.transaction() as conn:
            rows = exchange_store.of_members(conn, [self.member_id], State)
        return {row["state"] for row in rows}


def a_consent(performer: str = "member") -> Consent:
    at = datetime.now(UTC)
    return Consent(
        id="k-1", member_id=None, scope=Scope.SENSITIVE, sources=(PAYER,), recipients=PARTNER.organizations,
        starts_at=at - timedelta(days=2), ends_at=at + timedelta(days=300), performer=performer, proof="form-12",
    )  # fmt: skip


# ---- the responder's hops; each says whether something of the member went on


def at_match(scene: Scene) -> bool:
    bundle = MemberBundle(
        write_patient(scene.person, "m"),
        write_coverage(scene.card, coverage_id="c", patient_id="m", payer_name=PAYER),
        None,
        write_consent(scene.consent or a_consent(), consent_id="k", patient_ref="Patient/m"),
    )
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        caller = replace(caller_of(conn, PARTNER.id), organizations=scene.spoken_for)
        request = Request(caller, now(), "test-correlation")
        return match_one(scene.door, conn, request, bundle).kind == "match"


def at_token(scene: Scene) -> bool:
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        return granted_member(scene.door, conn, PARTNER.id, f"Patient/{scene.member_id}") == scene.member_id


def at_kick_off(scene: Scene) -> bool:
    with scene.operator.database.transaction() as conn:
        row, *_ = exchange_store.of_members(conn, [scene.member_id], State)
        group = batch_store.MatchGroup(
            *(new_id("b"), new_id("j"), PARTNER.id, "match", now(), b"", ((scene.member_id, row["id"]),)), size=1
        )
        batch_store.save_groups(conn, [group])
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        request = Request(caller_of(conn, PARTNER.id), now(), "test-correlation")
        scene.job_id = start_export_job(scene.door, conn, request, ExportWish(group.id, "https://ours.example/export"))
    with scene.worker.database.transaction() as conn:
        return exporting.authorize.plain(scene.worker, conn, scene.job_id) == 1


def at_gathering(scene: Scene) -> bool:
    return exporting.gather.plain(scene.worker, scene.job_id) > 0


def at_release(scene: Scene) -> bool:
    with scene.worker.database.transaction() as conn:
        exporting.release.plain(scene.worker, conn, scene.job_id)
        return any(file.lines for file in files(conn, scene.job_id))


def at_each_file(scene: Scene) -> bool:
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        for file in files(conn, scene.job_id):
            following.may_fetch(scene.door, conn, file)
        return any(file.lines for file in files(conn, scene.job_id))


def at_everything(scene: Scene) -> bool:
    with serves(PARTNER.id), scene.door.database.transaction() as conn:
        caller = caller_of(conn, PARTNER.id)
        try:
            return everything_for(scene.door, conn, caller, member_id=scene.member_id, wanted=Everything()) != []
        except Refusal as refusal:
            assert refusal.reason == "request.not_found"
            return False
