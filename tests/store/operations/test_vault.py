"""Rotation of the wrapping key while everything runs: every wrapped key in every table, cut short and gone on with."""

import json
from pathlib import Path

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.delivery import store as delivery_store
from interpayer.delivery.store import NewJob
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.operations import vault
from interpayer.records.keys import known_keys, member_keys
from interpayer.system import keyring
from interpayer.system.keyring import prepare_version, version_of, versions
from interpayer.system.keys import load_or_create_kek

MEMBERS = [f"m-{number}" for number in range(5)]
BODIES = [{"name": f"Name {number}", "born": "1980"} for number in range(5)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "CHECK_S", 0.0)
    monkeypatch.setattr(vault, "SETTLED_S", 0.0)
    monkeypatch.setattr(vault, "MOST", 2)


@pytest.fixture
def kek(application: Application) -> Path:
    return application.settings.kek


def fill(application: Application) -> tuple[dict[str, bytes], str]:
    """Keys of members, bodies on the ledger, a job: all wrapped by the version that wraps now; keys and job id."""
    tools = application.tools("worker")
    with tools.database.transaction() as conn:
        keys = member_keys(conn, tools.vault, MEMBERS)
        for body in BODIES:
            tools.ledger.append(conn, Event("member.matched", "x-1", "process", "t", body=body))
        return keys, delivery_store.create_job(conn, tools.vault, NewJob("export", "p-c", b"asked", "https://x"))


def wrapped_by(database) -> dict[str, set[int]]:
    """Which versions wrap what, by place."""
    with database.owner.transaction() as conn:
        members = conn.execute("select wrapped from records.member_key").fetchall()
        jobs = conn.execute("select data_key as wrapped from delivery.job").fetchall()
        bodies = conn.execute(
            "select decode(value #>> '{}', 'base64') as wrapped from audit.body_key, jsonb_each(keys)"
        ).fetchall()
    places = {"members": members, "jobs": jobs, "bodies": bodies}
    return {name: {version_of(row["wrapped"]) for row in rows} for name, rows in places.items()}


def opens(tools: Tools, keys: dict[str, bytes], job_id: str) -> bool:
    with tools.database.transaction() as conn:
        ids = [e["id"] for e in search(conn) if e["name"] == "member.matched"]
        bodies = list(tools.ledger.bodies(conn, ids).values())
        same = known_keys(conn, tools.vault, MEMBERS) == keys
        return same and bodies == BODIES and delivery_store.job_request(conn, tools.vault, job_id) == b"asked"


def rotate(tools: Tools, kek: Path, person: Actor) -> None:
    prepare_version(kek)
    with tools.database.transaction() as conn:
        vault.activate(tools, conn, kek, actor=person)
    list(vault.rewrap(tools))


def test_everything_is_wrapped_anew_and_the_old_version_can_go(
    application: Application, tools: Tools, person: Actor, kek: Path, database
) -> None:
    keys, job_id = fill(application)
    assert wrapped_by(database) == {"members": {1}, "jobs": {1}, "bodies": {1}}
    rotate(tools, kek, person)
    assert wrapped_by(database) == {"members": {2}, "jobs": {2}, "bodies": {2}}
    assert opens(tools, keys, job_id)
    with tools.database.transaction() as conn:
        told = vault.status(conn, kek)
        assert (told["old_versions_needed"], len(told["places"])) == (False, 4)
        vault.retire(tools, conn, kek, 1, actor=person)
        events = [(e["name"], e["facts"]["version"]) for e in search(conn) if e["chain"] == "vault"]
    assert [(one.number, one.state) for one in versions(kek)] == [(2, "active")]
    assert events == [("vault.activated", 2), ("vault.retired", 1)]
    assert opens(tools, keys, job_id)
    anew = load_or_create_kek(kek)
    with tools.database.transaction() as conn:
        assert known_keys(conn, anew, MEMBERS) == keys


def test_cut_short_it_goes_on_where_it_was(
    application: Application, tools: Tools, person: Actor, kek: Path, database
) -> None:
    keys, job_id = fill(application)
    prepare_version(kek)
    with tools.database.transaction() as conn:
        vault.activate(tools, conn, kek, actor=person)
    steps = vault.rewrap(tools)
    first = next(steps)
    steps.close()
    assert (first.seen, first.is_done) == (2, False)
    assert wrapped_by(database)["members"] == {1, 2}
    assert opens(tools, keys, job_id)
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        vault.retire(tools, conn, kek, 1, actor=person)
    rest = list(vault.rewrap(tools))
    assert rest[0].seen == 2
    assert wrapped_by(database) == {"members": {2}, "jobs": {2}, "bodies": {2}}


def test_what_a_slow_process_wrapped_by_the_old_version_is_found_by_the_second_look(
    application: Application, tools: Tools, person: Actor, kek: Path, database
) -> None:
    fill(application)
    old = load_or_create_kek(kek)
    late = old.new_data_key()[1]
    prepare_version(kek)
    with tools.database.transaction() as conn:
        vault.activate(tools, conn, kek, actor=person)
    looks = vault.rewrap(tools)
    for done in looks:
        if done.place == "records.member_key" and done.is_done:
            break
    with database.owner.transaction() as conn:
        conn.execute("insert into records.member_key (member_id, wrapped) values ('a-late-one', %s)", (late,))
    list(looks)
    assert wrapped_by(database)["members"] == {2}


def test_a_field_that_is_redacted_meanwhile_does_not_come_back(
    tools: Tools, application: Application, database
) -> None:
    fill(application)
    with tools.database.transaction() as conn:
        event_id = next(e["id"] for e in search(conn) if e["name"] == "member.matched")
        former = conn.execute("select keys from audit.body_keys(%s)", ([event_id],)).fetchone()["keys"]
        tools.ledger.redact(conn, event_id, "name")
        done = conn.execute(
            "select audit.rewrap(%s, array[%s::text::jsonb], array[%s::text::jsonb]) as n",
            ([event_id], json.dumps(former), json.dumps(former)),
        ).fetchone()
        assert done == {"n": 0}
        assert tools.ledger.bodies(conn, [event_id]) == {event_id: {"born": "1980"}}


@pytest.mark.parametrize(("number", "code"), [(1, "request.wrong_state"), (7, "request.not_found")])
def test_a_version_that_wraps_or_is_not_here_does_not_go(
    tools: Tools, person: Actor, kek: Path, number: int, code: str
) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal) as refused:
        vault.retire(tools, conn, kek, number, actor=person)
    assert refused.value.reason == code


def test_without_a_next_version_nothing_is_activated(tools: Tools, person: Actor, kek: Path) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        vault.activate(tools, conn, kek, actor=person)
