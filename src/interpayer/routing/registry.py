"""The registry of endpoints and their breakers. The caller owns the transaction; every change bumps the version."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from interpayer.model.agreement import ActsFor
from interpayer.model.partner import Endpoint
from interpayer.model.reason import Refusal
from interpayer.routing.choose import Breaker
from interpayer.system.clock import now
from interpayer.system.database import Connection

STATUSES = ("active", "suspended", "quarantined", "retired")


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When an endpoint rests (failures in a row), for how long, and how long a probe may take."""

    failures: int = 5
    open_s: float = 30
    open_most_s: float = 900
    probe_s: float = 60


def add_endpoint(conn: Connection, endpoint: Endpoint, organizations: Sequence[str | ActsFor]) -> str:
    """Add or replace an endpoint and the payers it answers for, on the days on which its partner acts for them.

    Returns its id. A payer named by its identifier alone is answered for on every day.
    """
    conn.execute(
        """
        insert into routing.endpoint (endpoint_id, partner_id, fhir_base, capabilities, version, environment, status,
                                      requires_mtls, maximum_members)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (endpoint_id) do update
           set partner_id = excluded.partner_id, fhir_base = excluded.fhir_base, capabilities = excluded.capabilities,
               version = excluded.version, environment = excluded.environment, status = excluded.status,
               requires_mtls = excluded.requires_mtls, maximum_members = excluded.maximum_members, changed_at = now()
        """,
        [endpoint.id, endpoint.partner_id, endpoint.fhir_base, list(endpoint.capabilities), endpoint.version,
         endpoint.environment, endpoint.status, endpoint.requires_mtls, endpoint.maximum_members],
    )  # fmt: skip
    conn.execute("delete from routing.answers_for where endpoint_id = %s", [endpoint.id])
    for one in organizations:
        name, since, until = (one, None, None) if isinstance(one, str) else (one.identifier, one.since, one.until)
        conn.execute(
            "insert into routing.answers_for (endpoint_id, identifier, value, since, until)"
            " values (%s, %s, %s, %s, %s)",
            [endpoint.id, name, name.rpartition("|")[2], since, until],
        )
    for starts_at, ends_at in endpoint.maintenance:
        add_maintenance(conn, endpoint.id, starts_at=starts_at, ends_at=ends_at)
    _bump(conn)
    return endpoint.id


def endpoints_of(conn: Connection, organization: str, *, on: date | None = None) -> list[Endpoint]:
    """The endpoints that answer for this payer on a day, today when none is named; no retired ones.

    The payer is `system|value`, or a bare value of any system.
    """
    rows = conn.execute(
        """
        select e.* from routing.endpoint e
         where e.status <> 'retired'
           and exists (select from routing.answers_for a where a.endpoint_id = e.endpoint_id
                          and (a.identifier = %(name)s
                               or (a.value = %(value)s and (a.identifier = a.value or %(name)s = %(value)s)))
                          and coalesce(a.since <= %(on)s, true) and coalesce(a.until >= %(on)s, true))
         order by e.endpoint_id
        """,
        {"name": organization, "value": organization.rpartition("|")[2], "on": on or now().date()},
    ).fetchall()
    return _endpoints(conn, rows)


def endpoints_of_partner(conn: Connection, partner_id: str) -> list[Endpoint]:
    """All endpoints of a partner."""
    query = "select * from routing.endpoint where partner_id = %s order by endpoint_id"
    return _endpoints(conn, conn.execute(query, [partner_id]).fetchall())


def endpoint(conn: Connection, endpoint_id: str) -> Endpoint | None:
    """One endpoint; None when unknown."""
    query = "select * from routing.endpoint where endpoint_id = %s"
    return next(iter(_endpoints(conn, conn.execute(query, [endpoint_id]).fetchall())), None)


def list_endpoints(conn: Connection) -> list[Endpoint]:
    """Every endpoint of the registry."""
    return _endpoints(conn, conn.execute("select * from routing.endpoint order by endpoint_id").fetchall())


def set_status(conn: Connection, endpoint_id: str, status: str) -> None:
    """Take an endpoint out of use, or back; `Refusal` when unknown."""
    if status not in STATUSES:
        raise Refusal("request.malformed", "status")
    query = "update routing.endpoint set status = %s, changed_at = now() where endpoint_id = %s returning 1"
    if conn.execute(query, [status, endpoint_id]).fetchone() is None:
        raise Refusal("request.not_found")
    _bump(conn)


def add_maintenance(conn: Connection, endpoint_id: str, *, starts_at: datetime, ends_at: datetime) -> None:
    """Say when an endpoint will not answer; calls wait until it is over."""
    conn.execute(
        "insert into routing.maintenance (endpoint_id, starts_at, ends_at) values (%s, %s, %s) "
        "on conflict (endpoint_id, starts_at) do update set ends_at = excluded.ends_at",
        [endpoint_id, starts_at, ends_at],
    )
    _bump(conn)


def registry_version(conn: Connection) -> str:
    """What a routing decision names as the registry it saw."""
    row = conn.execute("select value from routing.revision").fetchone()
    return f"registry-{row['value']}" if row else "registry-0"


def breaker_states(conn: Connection, endpoint_ids: Collection[str]) -> dict[str, Breaker]:
    """How these endpoints fare; one that was never called in vain is absent."""
    rows = conn.execute("select * from routing.breaker where endpoint_id = any(%s)", [list(endpoint_ids)])
    return {row["endpoint_id"]: Breaker(row["state"], row["probe_until"] or row["open_until"]) for row in rows}


def may_call(conn: Connection, endpoint_id: str, *, at: datetime, limits: BreakerLimits | None = None) -> bool:
    """Whether a call may go now. When the rest is over exactly one caller gets a yes: the probe."""
    row = conn.execute(
        "select state, open_until, probe_until from routing.breaker where endpoint_id = %s for update", [endpoint_id]
    ).fetchone()
    if row is None or row["state"] == "closed":
        return True
    # A probe whose process died must not keep the endpoint shut for ever: its turn ends, and the next caller probes.
    until = row["probe_until"] if row["state"] == "half_open" else row["open_until"]
    if until is not None and at < until:
        return False
    probe_until = at + timedelta(seconds=(limits or BreakerLimits()).probe_s)
    conn.execute(
        "update routing.breaker set state = 'half_open', probe_until = %s, changed_at = now() where endpoint_id = %s",
        [probe_until, endpoint_id],
    )
    return True


def record_call(
    conn: Connection, endpoint_id: str, *, ok: bool, at: datetime, limits: BreakerLimits | None = None
) -> Breaker:
    """Count a call. Failures in a row open the breaker, a failed probe opens it for longer, a success closes it."""
    if ok:
        conn.execute(
            """
            update routing.breaker set state = 'closed', failures = 0, openings = 0, open_until = null,
                   probe_until = null, changed_at = now()
             where endpoint_id = %s and (state <> 'closed' or failures > 0)
            """,
            [endpoint_id],
        )
        return Breaker("closed")
    bounds = limits or BreakerLimits()
    conn.execute("insert into routing.breaker (endpoint_id) values (%s) on conflict do nothing", [endpoint_id])
    row = conn.execute("select * from routing.breaker where endpoint_id = %s for update", [endpoint_id]).fetchone()
    if row is None:
        raise Refusal("request.not_found")
    after = _after_failure(row, at, bounds)
    conn.execute(
        """
        update routing.breaker set state = %s, failures = %s, openings = %s, open_until = %s, probe_until = null,
               changed_at = now() where endpoint_id = %s
        """,
        [*after, endpoint_id],
    )
    return Breaker(after[0], after[3])


def _after_failure(
    row: Mapping[str, Any], at: datetime, limits: BreakerLimits
) -> tuple[str, int, int, datetime | None]:
    failures = row["failures"] + 1
    if row["state"] == "open":
        # A call that left before the breaker opened: it tells nothing new.
        return "open", failures, row["openings"], row["open_until"]
    if row["state"] == "closed" and failures < limits.failures:
        return "closed", failures, row["openings"], None
    rest_s = min(limits.open_s * 2 ** min(row["openings"], 20), limits.open_most_s)
    return "open", failures, row["openings"] + 1, at + timedelta(seconds=rest_s)


def _endpoints(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Endpoint]:
    windows: dict[str, list[tuple[datetime, datetime]]] = {row["endpoint_id"]: [] for row in rows}
    for window in conn.execute(
        "select * from routing.maintenance where endpoint_id = any(%s) order by starts_at", [list(windows)]
    ):
        windows[window["endpoint_id"]].append((window["starts_at"], window["ends_at"]))
    return [_endpoint(row, tuple(windows[row["endpoint_id"]])) for row in rows]


def _endpoint(row: Mapping[str, Any], maintenance: tuple[tuple[datetime, datetime], ...]) -> Endpoint:
    return Endpoint(
        id=row["endpoint_id"],
        partner_id=row["partner_id"],
        fhir_base=row["fhir_base"],
        capabilities=tuple(row["capabilities"]),
        version=row["version"],
        environment=row["environment"],
        status=row["status"],
        requires_mtls=row["requires_mtls"],
        maximum_members=row["maximum_members"],
        maintenance=maintenance,
    )


def _bump(conn: Connection) -> None:
    conn.execute("update routing.revision set value = value + 1, changed_at = now()")
