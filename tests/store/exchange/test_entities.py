"""One installation, two legal entities: the card says whom a request is about, and the consent must name that one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interpayer.app.build import read_entities
from interpayer.consent.writing import write_consent
from interpayer.exchange.entities import entity_of_member, entity_of_person, serving
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps.deciding import Request, caller_of
from interpayer.exchange.steps.matching import match_one
from interpayer.exchange.tools import Tools
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.reading import write_coverage, write_patient
from interpayer.model.consent import Consent, Scope
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.system.settings import SettingsInvalid
from tests.support.databases import ScratchDatabase, serves
from tests.support.doors import a_partner
from tests.support.people import PAYER, a_coverage, a_person, a_row
from tests.support.tools import opened

OTHER = "urn:payers|birch-medicaid"
PARTNER = a_partner(attested_by_contract=True)
FILE = f"""
legal_entities:
  - {{id: ours, name: Our Plan, identifiers: ['{PAYER}']}}
  - {{id: medicaid, name: Our Medicaid Plan, identifiers: ['{OTHER}'], test_namespaces: ['https://tests.example']}}
"""


@pytest.fixture
def door(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    organizations = tmp_path / "entities.yaml"
    organizations.write_text(FILE)
    with opened(database, tmp_path / "home", role="door", organizations=str(organizations)) as tools:
        with database.operator.transaction() as conn:
            directory.add_partner(conn, PARTNER, None, by="tests")
        yield tools


def enroll(database: ScratchDatabase, tools: Tools, payer: str, number: str) -> str:
    with database.operator.transaction() as conn:
        card = a_coverage(number, subscriber_id=number, payer=payer)
        (kept,) = upsert_enrollments(conn, tools.vault, [a_row(a_person("Robin", family="Marsden"), card)])
    assert kept.member_id, kept.reason
    return kept.member_id


def ask(door: Tools, *, card: str, number: str, source: str) -> tuple[str, str | None]:
    at = datetime.now(UTC)
    consent = Consent(
        id="k-1", member_id=None, scope=Scope.SENSITIVE, sources=(source,), recipients=PARTNER.organizations,
        starts_at=at - timedelta(days=2), ends_at=at + timedelta(days=300), performer="member", proof="form-12",
    )  # fmt: skip
    bundle = MemberBundle(
        write_patient(a_person("Robin", family="Marsden"), "m"),
        write_coverage(
            a_coverage(number, subscriber_id=number, payer=card), coverage_id="c", patient_id="m", payer_name="x"
        ),
        None,
        write_consent(consent, consent_id="k", patient_ref="Patient/m"),
    )
    with serves(PARTNER.id), door.database.transaction() as conn:
        found = match_one(door, conn, Request(caller_of(conn, PARTNER.id), at, "test-correlation"), bundle)
    return found.kind, found.member_id


def test_the_card_says_which_of_our_plans_is_asked(database: ScratchDatabase, door: Tools) -> None:
    first, second = enroll(database, door, PAYER, "W600001"), enroll(database, door, OTHER, "B700002")
    assert ask(door, card=PAYER, number="W600001", source=PAYER) == ("match", first)
    assert ask(door, card=OTHER, number="B700002", source=OTHER) == ("match", second)
    with door.database.transaction() as conn:
        assert [entity_of_member(door, conn, m).id for m in (first, second, None, "m-x")] == [
            "ours",
            "medicaid",
            "ours",
            "ours",
        ]


def test_a_consent_to_one_of_our_plans_opens_no_other(database: ScratchDatabase, door: Tools) -> None:
    enroll(database, door, OTHER, "B700002")
    assert ask(door, card=OTHER, number="B700002", source=PAYER)[0] == "consentconstraint"


def test_a_member_of_one_plan_is_not_found_by_the_card_of_another(database: ScratchDatabase, door: Tools) -> None:
    enroll(database, door, OTHER, "B700002")
    assert ask(door, card=PAYER, number="B700002", source=PAYER)[0] == "nomatch"
    assert ask(door, card="urn:payers|nobody", number="B700002", source=PAYER)[0] == "nomatch"


def test_a_feed_is_loaded_for_one_of_our_plans(database: ScratchDatabase, door: Tools, tmp_path: Path) -> None:
    with opened(database, tmp_path / "home", organizations=str(tmp_path / "entities.yaml")) as operator:
        medicaid = serving(operator, "birch-medicaid")
        assert (medicaid.entity.id, [one.id for one in medicaid.other_entities]) == ("medicaid", ["ours"])
        assert serving(operator, None) is operator
        with pytest.raises(Refusal):
            serving(operator, "nobody")
        assert operator.rehearsal.namespaces == ("https://tests.example",)
        held = a_person(identifiers=(Identifier(IdKind.MEMBER, "B700002", OTHER),))
        assert entity_of_person(operator, held).id == "medicaid"
        assert entity_of_person(operator, a_person()).id == "ours"


def test_two_plans_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "entities.yaml"
    file.write_text(FILE.replace(OTHER, PAYER))
    with pytest.raises(SettingsInvalid, match="same id or identifier"):
        read_entities(file)
    assert [one.id for one in read_entities(None)] == ["payer"]
