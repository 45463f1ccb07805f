"""Partners in the database: found, never doubled, every change with its history, each role within its rights."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.partners.directory import Agreed
from interpayer.partners.onboarding import read_document, register
from tests.support.databases import ScratchDatabase
from tests.support.doors import CURVE_KEY, a_partner, public


def add(database: ScratchDatabase, *args: Any, **changes: Any) -> None:
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner(*args, **changes), by="ann")


def test_a_partner_is_found_by_id_client_and_payer(database: ScratchDatabase) -> None:
    add(database, "plan-b", organizations=("urn:payers|b", "urn:payers|b-medicaid"), scopes=("system/*.rs",))
    expected = a_partner("plan-b", organizations=("urn:payers|b", "urn:payers|b-medicaid"), scopes=("system/*.rs",))
    with database.door.transaction() as conn:
        assert directory.partner(conn, "p-plan-b") == expected
        assert directory.by_client_id(conn, "plan-b") == expected
        assert directory.by_organization(conn, "urn:payers|b-medicaid") == expected
        assert directory.partner(conn, "p-nobody") is None
        assert directory.by_client_id(conn, "PLAN-B") is None
        assert directory.credentials(conn, "nobody") is None
        assert directory.agreed(conn, "p-nobody") is None


@pytest.mark.parametrize(
    ("kept", "asked", "is_found"),
    [
        ("urn:payers|b", "urn:payers|b", True),
        ("urn:payers|b", "b", True),
        ("b", "urn:payers|b", True),
        ("b", "b", True),
        ("urn:payers|b", "urn:others|b", False),
        ("urn:payers|b", "urn:payers|B", False),
        ("urn:payers|b", "urn:payers|", False),
        ("urn:payers|b", "", False),
    ],
)
def test_a_payer_is_known_with_and_without_its_system(
    database: ScratchDatabase, kept: str, asked: str, is_found: bool
) -> None:
    add(database, "plan-b", organizations=(kept,))
    with database.worker.transaction() as conn:
        assert (directory.by_organization(conn, asked) is not None) is is_found


def test_a_payer_that_two_could_mean_is_nobody(database: ScratchDatabase) -> None:
    add(database, "plan-b", organizations=("urn:payers|x",))
    add(database, "plan-c", organizations=("urn:others|x",))
    with database.door.transaction() as conn:
        assert directory.by_organization(conn, "x") is None
        found = directory.by_organization(conn, "urn:others|x")
    assert found is not None
    assert found.client_id == "plan-c"


@pytest.mark.parametrize("changes", [{"client_id": "plan-b"}, {"organizations": ("urn:payers|plan-b",)}])
def test_what_belongs_to_another_is_refused_and_the_transaction_goes_on(
    database: ScratchDatabase, changes: dict[str, Any]
) -> None:
    add(database, "plan-b")
    with database.operator.transaction() as conn:
        with pytest.raises(Refusal) as caught:
            directory.add_partner(conn, replace(a_partner("plan-c"), **changes), by="ann")
        directory.add_partner(conn, a_partner("plan-d"), by="ann")
    assert caught.value.reason == "request.malformed"
    with database.operator.transaction() as conn:
        assert [partner.client_id for partner in directory.list_partners(conn)] == ["plan-b", "plan-d"]


def test_a_retired_partner_frees_its_payer_and_stays_retired(database: ScratchDatabase) -> None:
    add(database, "plan-b", organizations=("urn:payers|x",))
    with database.operator.transaction() as conn:
        directory.set_status(conn, "p-plan-b", PartnerStatus.RETIRED, by="ann", reason="merged")
        directory.add_partner(conn, a_partner("plan-c", organizations=("urn:payers|x",)), by="ann")
        with pytest.raises(Refusal) as caught:
            directory.set_status(conn, "p-plan-b", PartnerStatus.ACTIVE, by="ann", reason="again")
        found = directory.by_organization(conn, "urn:payers|x")
    assert caught.value.reason == "request.wrong_state"
    assert found is not None
    assert found.client_id == "plan-c"


def test_every_change_is_in_the_history_with_who_and_why(database: ScratchDatabase) -> None:
    add(database, "plan-b")
    with database.operator.transaction() as conn:
        before = directory.set_status(conn, "p-plan-b", PartnerStatus.SUSPENDED, by="bob", reason="key lost")
        directory.replace_keys(conn, "p-plan-b", public(CURVE_KEY), by="bob", reason="new keys")
        directory.replace_certificates(conn, "p-plan-b", ["A" * 43], by="bob", reason="new certificate")
        lines = directory.history(conn, "p-plan-b")
        known = directory.credentials(conn, "plan-b")
    assert before is PartnerStatus.ACTIVE
    assert [(line.change, line.status_from, line.status_to, line.by, line.reason) for line in lines] == [
        ("added", None, "active", "ann", None),
        ("status", "active", "suspended", "bob", "key lost"),
        ("keys", None, None, "bob", "new keys"),
        ("certificates", None, None, "bob", "new certificate"),
    ]
    assert known is not None
    assert known.partner.jwks == public(CURVE_KEY)
    assert known.agreed.certificates == ("A" * 43,)


def test_nobody_is_changed_who_is_not_there(database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        for change in (
            lambda: directory.set_status(conn, "p-x", PartnerStatus.ACTIVE, by="a", reason="b"),
            lambda: directory.replace_keys(conn, "p-x", {}, by="a", reason="b"),
            lambda: directory.replace_certificates(conn, "p-x", [], by="a", reason="b"),
        ):
            with pytest.raises(Refusal) as caught:
                change()
            assert caught.value.reason == "request.not_found"


def test_a_document_becomes_a_partner_with_what_was_agreed(database: ScratchDatabase) -> None:
    document = read_document(
        {
            "name": "Plan B",
            "client_id": "plan-b",
            "organizations": ["urn:payers|b"],
            "jwks": public(CURVE_KEY),
            "jwks_url": "https://b.example/jwks",
            "certificates": ["A" * 43],
            "assertion_style": "patient",
            "algorithm": "RS384",
            "our_client_id": "plan-a-at-b",
            "status": "testing",
        }
    )
    with database.operator.transaction() as conn:
        registered = register(conn, document, by="ann")
        known = directory.credentials_of(conn, registered.id)
    assert known is not None
    assert known.partner == registered
    assert known.agreed == Agreed("https://b.example/jwks", ("A" * 43,), "patient", "RS384", is_pinned=True)


@pytest.mark.parametrize("role", ["door", "worker"])
def test_the_doors_read_partners_and_change_nothing(database: ScratchDatabase, role: str) -> None:
    add(database, "plan-b")
    for statement in (
        b"update partners.partner set status = 'active'",
        b"insert into partners.history (partner_id, change, by) values ('p-plan-b', 'x', 'y')",
        b"delete from partners.organization",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.pool(role).transaction() as conn:
            conn.execute(statement)


def test_history_is_never_rewritten(database: ScratchDatabase) -> None:
    add(database, "plan-b")
    for statement in (b"update partners.history set by = 'somebody'", b"delete from partners.history"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.operator.transaction() as conn:
            conn.execute(statement)
