"""Real tools over a scratch database, people with tokens, and an exchange that waits for a case."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interpayer.app.build import build
from interpayer.exchange.steps import asking
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.operations import access, cases, exchanges
from tests.support.databases import ScratchDatabase
from tests.support.people import PAYER, a_coverage, a_person, a_row

ROLES = ("operator", "steward", "analyst", "admin", "system")
FAMILY = "Horton<script>alert(1)</script>"
BORN = "1953-02-17"


@contextmanager
def opened(database: ScratchDatabase, home: Path, *, role: str = "operator", **settings: str) -> Iterator[Tools]:
    """The tools of one login role, as `app.build` makes them; keys and objects lie in ``home``."""
    home.mkdir(exist_ok=True)
    organizations = home / "organizations.yaml"
    organizations.write_text(f"legal_entities:\n  - {{id: ours, name: Our Plan, identifiers: ['{PAYER}']}}\n")
    given = {"organizations": str(organizations), **settings}
    application = build(database.settings(home, **given))
    try:
        yield application.tools(role)
    finally:
        application.close()


def add_people(tools: Tools) -> dict[str, str]:
    """One person per role and a `system`, each named after it: their tokens."""
    with tools.database.transaction() as conn:
        _, admin = access.add_person(tools, conn, "admin", roles=["admin"], actor=None)
        tokens = {"admin": admin}
        for role in set(ROLES) - {"admin"}:
            _, tokens[role] = access.add_person(tools, conn, role, roles=[role], actor=Actor("person", "admin"))
    return tokens


def add_members(tools: Tools, *, family: str = FAMILY) -> list[str]:
    """Two members of one name, birth date and last four digits, at different addresses: their ids."""
    places = [("W100001", ("1 Oak Street", "53259")), ("W200002", ("99 Elm Road", "10001"))]
    people = [a_person("Susan", family=family, born=BORN, address=place, ssn4="8305") for _, place in places]
    cards = [a_coverage(number, subscriber_id=number) for number, _ in places]
    twins = [a_row(person, card, row=n) for n, (person, card) in enumerate(zip(people, cards, strict=True))]
    with tools.database.transaction() as conn:
        outcomes = upsert_enrollments(conn, tools.vault, twins)
    return [outcome.member_id for outcome in outcomes if outcome.member_id]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A case, the exchange that waits for it, and who may be meant."""

    case_id: str
    exchange_id: str
    member_ids: list[str]


def a_doubt(tools: Tools, *, family: str = FAMILY) -> Doubt:
    """Our own system asks for somebody of whom we know two: the exchange is in review."""
    members = add_members(tools, family=family)
    body = {
        "partner": "urn:payers|old",
        "member": {
            "names": [{"family": family, "given": ["Susan"]}],
            "birth_date": BORN,
            "external_identifiers": [{"type": "ssn_last4", "value": "8305"}],
        },
        "basis": "opt_in",
        "attestation": {"enrolled": True, "opted_in": True},
    }
    with tools.database.transaction() as conn:
        exchange_id, _ = exchanges.ask(tools, conn, exchanges.Wish(body, Actor("system", "feed")))
        assert asking.validate.plain(tools, conn, exchange_id) == "validated"
        assert asking.identify.plain(tools, conn, exchange_id) == "in_review"
        (case,) = cases.listed(conn, state="open")
    return Doubt(case.id, exchange_id, members)
