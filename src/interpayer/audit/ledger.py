"""Append to the ledger and read it back. An event is written in the transaction of the change it tells of, or not."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from interpayer.audit.bodies import opened_bodies, seal_body
from interpayer.audit.chain import header_of
from interpayer.model.event import EVENTS, JSON, Event
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

# What a member is told on request: every release of data, and what was done about a wrong one (45 CFR 164.528).
DISCLOSURES = (
    "answer.released",
    "answer.fetched",
    "answer.withdrawn",
    "recall.opened",
    "recall.contained",
    "recall.closed",
)

_APPEND = "select audit.append(%s::text[], %s::bytea[], %s::text[], %s::text[]) as seq"


class Ledger:
    """Writes events and opens sealed bodies; holds the vault and nothing else, so one object serves all threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def append(self, conn: Connection, event: Event) -> int:
        """Write one event in the caller's transaction; its place in its chain. Unknown names raise ValueError.

        The chain stays locked until the transaction ends: write the events of shared chains last.
        """
        return self._append(conn, (event,))

    def append_many(self, conn: Connection, events: Sequence[Event]) -> None:
        """Write many events, of any chains, in one round trip; within a chain they keep their order."""
        if events:
            # The order in which the function locks chains: by code point, which for UTF-8 is by byte.
            self._append(conn, sorted(events, key=lambda event: event.chain))

    def _append(self, conn: Connection, events: Sequence[Event]) -> int:
        headers: list[bytes] = []
        bodies: list[str | None] = []
        keys: list[str | None] = []
        for event in events:
            header, body, key = self._prepared(event)
            headers.append(header)
            bodies.append(body)
            keys.append(key)
        row = conn.execute(_APPEND, ([event.chain for event in events], headers, bodies, keys)).fetchone()
        assert row is not None
        return int(row["seq"])

    def _prepared(self, event: Event) -> tuple[bytes, str | None, str | None]:
        """Header, sealed body and wrapped keys of one event."""
        if event.name not in EVENTS:
            raise ValueError(f"{event.name} is not in the catalog of events")
        member = self.pseudonym(event.member_id) if event.member_id else None
        if not event.body:
            return header_of(event, member, {}), None, None
        sealed = seal_body(self._vault, event)
        header = header_of(event, member, sealed.marks)
        return header, orjson.dumps(sealed.frames).decode(), orjson.dumps(sealed.keys).decode()

    def pseudonym(self, member_id: str) -> str:
        """The name under which headers and searches know a member; means nothing outside this installation."""
        return self._vault.pseudonym("audit.member", member_id)

    def disclosures(self, conn: Connection, member_id: str) -> list[dict[str, Any]]:
        """The accounting of disclosures of one member, oldest first."""
        return disclosures(conn, self.pseudonym(member_id))

    def bodies(self, conn: Connection, event_ids: Sequence[int]) -> dict[int, dict[str, JSON]]:
        """The sealed fields of events, opened and checked; redacted, shredded and damaged fields are missing.

        Protected data: the caller decides who may look, and writes `access.looked`.
        """
        ids = list(event_ids)
        return {body.event_id: body.fields for body in opened_bodies(conn, self._vault, ids)}

    def damaged(self, conn: Connection, event_ids: Sequence[int]) -> list[int]:
        """The events of these whose body has a key that does not open it to what the header commits to."""
        ids = list(event_ids)
        return [body.event_id for body in opened_bodies(conn, self._vault, ids) if body.is_damaged]

    def redact(self, conn: Connection, event_id: int, field: str) -> bool:
        """Forget one field of one body for ever; whether it was there. Hashes and proofs stay valid."""
        row = conn.execute("select audit.redact(%s, %s) as gone", (event_id, field)).fetchone()
        return row is not None and bool(row["gone"])

    def about(self, conn: Connection, event_id: int) -> dict[str, Any] | None:
        """Whom an event is about: member (pseudonym), exchange, partner; None when there is no such event."""
        query = "select member, exchange, partner from audit.timeline where id = %s"
        return conn.execute(query, (event_id,)).fetchone()

    def shred(self, conn: Connection, member_id: str) -> int:
        """Forget every body about a member for ever; how many. Hashes and proofs stay valid."""
        row = conn.execute("select audit.shred(%s) as gone", (self.pseudonym(member_id),)).fetchone()
        return int(row["gone"]) if row is not None else 0


def events_of(conn: Connection, exchange_id: str) -> list[dict[str, Any]]:
    """Every event of one exchange, its own chain and others that name it, in the order of time."""
    return _read(
        conn.execute(
            "select * from audit.timeline where chain = %s"
            " union all select * from audit.timeline where exchange = %s and exchange <> chain order by at, id",
            (exchange_id, exchange_id),
        )
    )


def search(
    conn: Connection,
    *,
    partner: str | None = None,
    member: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[dict[str, Any]]:
    """Events that fit, oldest first; `member` is the pseudonym, `since` is within, `until` is not."""
    wanted = {"partner": partner, "member": member, "since": since, "until": until, "limit": limit}
    return _read(
        conn.execute(
            "select * from audit.timeline"
            " where (%(partner)s::text is null or partner = %(partner)s)"
            " and (%(member)s::text is null or member = %(member)s)"
            " and (%(since)s::timestamptz is null or at >= %(since)s)"
            " and (%(until)s::timestamptz is null or at < %(until)s) order by id limit %(limit)s",
            wanted,
        )
    )


def disclosures(conn: Connection, pseudonym: str) -> list[dict[str, Any]]:
    """What was disclosed about the member with this pseudonym, and every recall of it, oldest first."""
    return _read(
        conn.execute(
            "select * from audit.timeline where member = %s and name = any (%s) order by id",
            (pseudonym, list(DISCLOSURES)),
        )
    )


def latest_checkpoint(conn: Connection) -> str | None:
    """The newest signed note, for receipts; None before the first."""
    row = conn.execute("select audit.latest_checkpoint() as note").fetchone()
    return row["note"] if row is not None else None


def origin_of(conn: Connection, base_url: str) -> str:
    """The name that this ledger's checkpoints carry: the base URL of its first day, whatever the plan's is by now."""
    note = latest_checkpoint(conn)
    return note.partition("\n")[0] if note else base_url


def _read(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_event(row) for row in rows]


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """One event as plain JSON values, without its body; `words.sentence` reads it."""
    header = orjson.loads(row["header"])
    return {
        "id": row["id"],
        "chain": row["chain"],
        "seq": row["seq"],
        "at": row["at"].isoformat().replace("+00:00", "Z"),
        "name": header["name"],
        "actor_type": header["actor"]["type"],
        "actor_id": header["actor"]["id"],
        "outcome": header["outcome"],
        "reason": header.get("reason"),
        "exchange_id": header.get("exchange"),
        "partner_id": header.get("partner"),
        "member": header.get("member"),
        "policy_version": header.get("policy"),
        "attempt": header.get("attempt", 0),
        "trace_id": header.get("trace"),
        "facts": header.get("facts", {}),
        "body_fields": sorted(header.get("body", {})),
        "hash": row["hash"].hex(),
        "position": row["position"],
        "checkpoint": row["checkpoint"],
    }
