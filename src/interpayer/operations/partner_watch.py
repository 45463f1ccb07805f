"""What ends by itself at a partner: certificates, contract, whom it acts for. Said ahead, each step once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from interpayer.exchange.tools import Tools
from interpayer.model.event import Event
from interpayer.model.partner import Partner, PartnerStatus
from interpayer.partners import directory, store
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Said so many days ahead, and once more when it is over.
STEPS = (60, 30, 14, 7, 1, 0)


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends, and in how many whole days (below 0: it is over)."""

    partner: Partner
    what: str
    at: datetime
    days: int


def warn(tools: Tools, conn: Connection) -> int:
    """An event for everything that came a step nearer to its end since the last look; how many."""
    count = 0
    for ending in endings(conn):
        step = min((step for step in STEPS if ending.days <= step), default=None)
        if step is None or not store.note_warning(conn, ending.partner.id, f"{ending.what} {ending.at:%F}", days=step):
            continue
        count += 1
        tools.ledger.append(
            conn,
            Event(
                *("partner.expiring", f"partner:{ending.partner.id}", "process", "interpayer"),
                outcome="late" if ending.days < 0 else "ok",
                partner_id=ending.partner.id,
                facts={"what": ending.what, "ends_at": ending.at.isoformat(), "days": ending.days},
            ),
        )
    return count


def endings(conn: Connection, *, within_days: int = STEPS[0]) -> list[Ending]:
    """What ends soon or has ended, of every partner that is not retired, the nearest first."""
    at = now()
    found = [
        Ending(partner, what, ends_at, (ends_at - at).days)
        for partner in directory.list_partners(conn)
        if partner.status is not PartnerStatus.RETIRED
        for what, ends_at in _of(conn, partner)
    ]
    return sorted((one for one in found if one.days <= within_days), key=lambda one: one.at)


def _of(conn: Connection, partner: Partner) -> Iterator[tuple[str, datetime]]:
    for one in store.certificates(conn, partner.id):
        # One that has been replaced may run out in peace.
        if one.expires_at is not None and one.leaves_at is None:
            yield f"certificate {one.thumbprint[:8]}", one.expires_at
    for acts in store.acts_for(conn, partner.id):
        if acts.until is not None and acts.since <= now().date():
            yield f"acting for {acts.identifier}", _end_of(acts.until)
    agreed = directory.agreed(conn, partner.id)
    if agreed is not None and agreed.contract.ends_on is not None:
        yield "contract", _end_of(agreed.contract.ends_on)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, tzinfo=now().tzinfo)
