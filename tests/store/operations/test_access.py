"""People with tokens: shown once, stored hashed, named on the ledger, never the last admin gone."""

import pytest

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.operations import access


@pytest.fixture
def admin(tools: Tools) -> access.Person:
    with tools.database.transaction() as conn:
        return access.add_person(tools, conn, "Ana Ruiz", roles=["admin"], actor=None)[0]


def test_the_first_admin_needs_nobody_and_the_second_person_does(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"caller\.not_permitted"):
        access.add_person(tools, conn, "Bo Lind", roles=["admin"], actor=None)


def test_the_first_person_must_be_an_admin(tools: Tools) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"caller\.not_permitted"):
        access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=None)


def test_a_token_names_its_person_and_is_not_stored(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        made, token = access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=admin.actor)
        assert access.person_of(conn, token) == made
        assert access.person_of(conn, token[:-1]) is None
        assert access.person_of(conn, "") is None
        stored = conn.execute("select encode(sha256, 'escape') as kept from operations.token").fetchall()
    assert all(token not in row["kept"] for row in stored)


def test_a_name_is_never_used_again(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=admin.actor)
        access.revoke(tools, conn, "bo  lind", reason="left", actor=admin.actor)
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        access.add_person(tools, conn, "BO LIND", roles=["operator"], actor=admin.actor)


def test_revoking_ends_the_tokens_at_once(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        _, token = access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=admin.actor)
    with tools.database.transaction() as conn:
        access.revoke(tools, conn, "Bo Lind", reason="left", actor=admin.actor)
        assert access.person_of(conn, token) is None


def test_a_new_token_ends_the_old_one(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        made, old = access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=admin.actor)
        new = access.renew_token(tools, conn, "Bo Lind", actor=admin.actor)
        assert access.person_of(conn, old) is None
        assert access.person_of(conn, new) == made


def test_the_last_admin_stays(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            access.revoke(tools, conn, "Ana Ruiz", reason="left", actor=admin.actor)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            access.change_roles(tools, conn, "Ana Ruiz", roles=["operator"], actor=admin.actor)
        access.add_person(tools, conn, "Bo Lind", roles=["admin"], actor=admin.actor)
        changed = access.change_roles(tools, conn, "Ana Ruiz", roles=["operator"], actor=admin.actor)
    assert changed.roles == ("operator",)


def test_every_change_is_on_the_ledger_with_who_did_it(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        access.add_person(tools, conn, "Bo Lind", roles=["operator"], actor=admin.actor)
        access.revoke(tools, conn, "Bo Lind", reason="left", actor=admin.actor)
    with tools.database.transaction() as conn:
        told = [(row["name"], row["actor_id"]) for row in search(conn) if row["chain"] == "access"]
    assert sorted(told) == [
        ("access.granted", "Ana Ruiz"),
        ("access.granted", "first admin"),
        ("access.revoked", "Ana Ruiz"),
    ]


def test_a_system_has_one_role_and_is_no_person(tools: Tools, admin: access.Person) -> None:
    with tools.database.transaction() as conn:
        made, _ = access.add_person(tools, conn, "enrollment-hub", roles=["system"], actor=admin.actor)
        with pytest.raises(Refusal, match=r"request\.malformed"):
            access.add_person(tools, conn, "other-hub", roles=["system", "operator"], actor=admin.actor)
    assert made.actor.type == "system"
