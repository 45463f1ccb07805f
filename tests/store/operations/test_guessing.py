"""Operators see who seems to guess; a named person may say that it was none; old tries are forgotten in time."""

from datetime import timedelta

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import guess_store
from interpayer.identity.guess_store import Alarm, Key
from interpayer.identity.guessing import Level, Tally
from interpayer.model.reason import Refusal
from interpayer.operations import guessing, health
from interpayer.partners import conduct, conduct_store, directory
from interpayer.partners.conduct import Pattern
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner

PARTNER = a_partner()


def seen(database: ScratchDatabase, level: Level, *, partner_id: str = PARTNER.id, pattern: str = "person") -> None:
    alarm = Alarm(partner_id, pattern, "hash", level, 6, "x-1", now())
    with database.door.transaction() as conn:
        assert guess_store.raise_alarms(conn, [alarm], since=now() - timedelta(days=30))


def test_operators_see_patterns_and_nobody_in_them(tools: Tools, database: ScratchDatabase) -> None:
    with tools.database.transaction() as conn:
        assert guessing.alarms(tools, conn) == []
    seen(database, Level.NOTICED)
    seen(database, Level.SLOWED)
    seen(database, Level.REFUSED, partner_id="p-other", pattern="near")
    with tools.database.transaction() as conn:
        shown = guessing.alarms(tools, conn)
        assert [(a["partner_id"], a["pattern"], a["level"]) for a in shown] == [
            ("p-other", "near", "refused"),
            (PARTNER.id, "person", "slowed"),
            (PARTNER.id, "person", "noticed"),
        ]
        assert set(shown[0]) == {"partner_id", "pattern", "level", "tries", "exchange_id", "raised_at"}
    assert health.look(tools).suspected_partners == 2


def test_who_was_only_noticed_rings_no_bell(tools: Tools, database: ScratchDatabase) -> None:
    seen(database, Level.NOTICED)
    assert health.look(tools).suspected_partners == 0


def test_a_pardon_is_a_named_persons_word_and_on_the_ledger(
    tools: Tools, database: ScratchDatabase, person: Actor
) -> None:
    with tools.database.transaction() as conn:
        directory.add_partner(conn, PARTNER, None, by="tests")
    seen(database, Level.REFUSED)
    with tools.database.transaction() as conn:
        guessing.pardon(tools, conn, PARTNER.client_id, reason="a feed with old card numbers", actor=person)
        assert guessing.alarms(tools, conn) == []
        (event,) = [e for e in search(conn, partner=PARTNER.id) if e["name"] == "guessing.pardoned"]
    assert (event["actor_id"], event["facts"]["why"]) == (person.id, "a feed with old card numbers")
    assert health.look(tools).suspected_partners == 0


def test_who_scrapes_stands_beside_who_guesses_and_one_word_pardons_both(
    tools: Tools, database: ScratchDatabase, person: Actor
) -> None:
    at = now()
    with tools.database.transaction() as conn:
        directory.add_partner(conn, PARTNER, None, by="tests")
    seen(database, Level.SLOWED)
    with database.door.transaction() as conn:
        conduct_store.add_missed(conn, PARTNER.id, "mark", is_counting=True, at=at)
        found = [Pattern("counting", conduct.Level.REFUSED, 30)]
        assert conduct_store.raise_alarms(conn, PARTNER.id, found, since=at - timedelta(days=1), at=at) == found
    with tools.database.transaction() as conn:
        shown = {(alarm["pattern"], alarm["level"], alarm["tries"]) for alarm in guessing.alarms(tools, conn)}
        assert shown == {("person", "slowed", 6), ("counting", "refused", 30)}
    assert health.look(tools).suspected_partners
    with tools.database.transaction() as conn:
        guessing.pardon(tools, conn, PARTNER.client_id, reason="their tester ran wild", actor=person)
        assert guessing.alarms(tools, conn) == []
    assert health.look(tools).suspected_partners == 0


@pytest.mark.parametrize(
    ("actor", "name", "reason", "told"),
    [
        (Actor("system", "feed"), PARTNER.id, "because", "caller.not_permitted"),
        (Actor("person", "Ann"), PARTNER.id, "  ", "request.malformed"),
        (Actor("person", "Ann"), "nobody", "because", "request.not_found"),
    ],
)
def test_a_pardon_needs_a_person_a_reason_and_a_partner(
    tools: Tools, actor: Actor, name: str, reason: str, told: str
) -> None:
    with tools.database.transaction() as conn:
        directory.add_partner(conn, PARTNER, None, by="tests")
    with tools.database.transaction() as conn, pytest.raises(Refusal) as refused:
        guessing.pardon(tools, conn, name, reason=reason, actor=actor)
    assert refused.value.reason == told


def test_what_nobody_repeats_is_forgotten_after_the_policys_time(application: Application) -> None:
    tools = application.tools("worker")
    old = now() - timedelta(days=tools.policy().guessing.remembered_days + 1)
    with tools.database.transaction() as conn:
        guess_store.remember(conn, PARTNER.id, [Key("person", "a", "v")], at=old)
        guess_store.remember(conn, PARTNER.id, [Key("person", "a", "w")], at=now())
        guess_store.count(conn, PARTNER.id, Tally(1), at=old)
        assert guessing.forget(tools, conn) == 2
        assert guessing.forget(tools, conn) == 0
