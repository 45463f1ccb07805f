"""What is known of members beside the consent in question, for many at once (tables of the consent store)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

from interpayer.consent.rows import consent_from_row
from interpayer.model.consent import UNKNOWN_STANDING, Consent, Standing
from interpayer.system.database import Connection


def standings(conn: Connection, member_ids: Collection[str]) -> dict[str, Standing]:
    """For each of these members: the no at this plan, life events, every statement that was not taken back."""
    wanted = list(member_ids)
    withdrawn, said = withdrawn_at(conn, wanted), _statements(conn, wanted)
    events = conn.execute(
        "select member_id, what, on_day from consent.life_event where member_id = any(%s) and taken_back_at is null",
        [wanted],
    )
    days: dict[str, dict[str, date]] = defaultdict(dict)
    for row in events:
        days[row["member_id"]][row["what"]] = row["on_day"]
    return {
        member_id: replace(
            UNKNOWN_STANDING,
            withdrawn_at=withdrawn.get(member_id),
            died_on=days[member_id].get("died"),
            emancipated_on=days[member_id].get("emancipated"),
            statements=tuple(said.get(member_id, ())),
        )
        for member_id in wanted
    }


def withdrawn_at(conn: Connection, member_ids: Collection[str]) -> dict[str, datetime]:
    """Since when each of these members says no at this plan; the others are absent."""
    rows = conn.execute(
        "select member_id, at from consent.withdrawal where member_id = any(%s) and lifted_at is null",
        [list(member_ids)],
    )
    return {row["member_id"]: row["at"] for row in rows}


def _statements(conn: Connection, member_ids: list[str]) -> dict[str, list[Consent]]:
    rows = conn.execute(
        "select * from consent.known where member_id = any(%s) and revoked_at is null order by given_at, consent_id",
        [member_ids],
    )
    found: dict[str, list[Consent]] = defaultdict(list)
    for row in rows:
        found[row["member_id"]].append(consent_from_row(row))
    return found
