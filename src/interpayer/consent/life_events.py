"""Death and full rights before majority: they change who may speak for a member (a table of the consent store)."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from interpayer.consent.store import remember
from interpayer.model.consent import Standing
from interpayer.system.clock import now
from interpayer.system.database import Connection

DIED: Final = "died"
EMANCIPATED: Final = "emancipated"


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """What happened (`DIED`, `EMANCIPATED`), on which day, and where the proof of it is."""

    what: str
    on: date
    proof: str


def note(conn: Connection, member_id: str, event: LifeEvent, *, by: str) -> bool:
    """Keep it; False when it is known already."""
    row = conn.execute(
        """
        insert into consent.life_event (member_id, what, on_day, by, proof) values (%s, %s, %s, %s, %s)
        on conflict (member_id, what) where taken_back_at is null do nothing returning 1
        """,
        [member_id, event.what, event.on, by, event.proof],
    ).fetchone()
    if row is not None:
        remember(conn, [(member_id, None, now(), event.what, by, event.proof)])
    return row is not None


def take_back(conn: Connection, member_id: str, *, what: str, at: datetime, by: str) -> bool:
    """It was wrong; False when nothing was recorded."""
    row = conn.execute(
        "update consent.life_event set taken_back_at = %s, taken_back_by = %s "
        "where member_id = %s and what = %s and taken_back_at is null returning 1",
        [at, by, member_id, what],
    ).fetchone()
    if row is not None:
        remember(conn, [(member_id, None, at, "taken_back", by, what)])
    return row is not None


def born(standing: Standing, birth_date: date | None) -> Standing:
    """The same, with the birth date that the identity room knows."""
    return replace(standing, born_on=birth_date)
