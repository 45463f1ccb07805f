"""`interpayer doctor`: is this installation well, and what to do where it is not."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from cryptography import x509

from interpayer.app.udap import way_of
from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import Session, session_of
from interpayer.exchange.tools import Tools
from interpayer.operations import access, health, holds, letters, memberships, partner_watch, partners, signing
from interpayer.partners import key_store
from interpayer.partners.udap.store import registrations
from interpayer.policy.composing import shipped
from interpayer.policy.in_force import in_force
from interpayer.system.certificates.anchors import AnchorsInvalid, read_anchors
from interpayer.system.certificates.keeping import lists_in
from interpayer.system.clock import now
from interpayer.system.database import DatabaseError, DatabaseGone, connect, role_url
from interpayer.system.keyring import KeyFileUnsafe, versions
from interpayer.system.migrate import pending
from interpayer.system.settings import Settings, SettingsInvalid

app = typer.Typer()

WELL, WARNING, ILL = "well", "warning", "ill"
LEAST_DISK_SHARE, LEAST_DISK_BYTES = 0.05, 1 << 30
LEAST_LIST_HOURS = 6
LEAST_DAYS = 30
MOST_SKEW_S = 1.0
CONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, in words, and what helps."""

    name: str
    state: str
    words: str
    next_step: str = ""


@app.command()
def doctor(
    context: typer.Context,
    calls: Annotated[bool, typer.Option("--partners/--no-partners", help="Try to reach the partners.")] = True,
    as_json: AsJson = False,
) -> None:
    """Look at settings, keys, disk, database, migrations, clock, certificates, policy, workers, holds and partners.

    Needs no login; says nothing about members. Exit 1 when something is ill.
    """
    session = session_of(context)
    findings = list(_look(session, calls=calls))
    if as_json:
        output.tell_json("doctor/1", {"findings": findings})
    else:
        for finding in findings:
            step = f"  Next: {finding.next_step}" if finding.next_step and finding.state != WELL else ""
            print(f"{finding.state:8} {finding.name}: {finding.words}{step}")
    raise typer.Exit(output.FAILED if any(finding.state == ILL for finding in findings) else output.DONE)


def _look(session: Session, *, calls: bool) -> Iterator[Finding]:
    try:
        settings = session.settings
    except SettingsInvalid as error:
        yield Finding("settings", ILL, str(error), "correct the setting named")
        return
    yield Finding("settings", WELL, f"home {settings.home}, {settings.environment}")
    yield from (_key(settings), _disk(settings), _organizations(settings), *_certificates(settings), _policy(settings))
    yield from (*_trusted(settings), *_revocation_lists(settings), *_communities(settings))
    database = _database(settings)
    yield database
    if database.state != ILL:
        yield from _inside(session.tools, calls=calls)


def _key(settings: Settings) -> Finding:
    try:
        known = versions(settings.kek)
    except KeyFileUnsafe as error:
        return Finding("key", ILL, str(error), f"chmod 600 {settings.kek}*")
    if not known:
        return Finding("key", WARNING, f"{settings.kek} is made at the first start", "keep a copy of it elsewhere")
    active = next((one for one in known if one.state == "active"), None)
    if active is None:
        return Finding("key", ILL, "the version that wraps now is not here", "bring its file from another machine")
    older = f"; older versions are kept for backups: {len(known) - 1}" if len(known) > 1 else ""
    return Finding("key", WELL, f"version {active.number} wraps, readable by its owner only{older}")


def _disk(settings: Settings) -> Finding:
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    usage = shutil.disk_usage(place)
    words = f"{usage.free / (1 << 30):.1f} GiB free of {usage.total / (1 << 30):.1f}"
    if usage.free < min(LEAST_DISK_BYTES, usage.total * LEAST_DISK_SHARE):
        return Finding("disk", ILL, words, "make room: a full disk stops exports and the ledger")
    return Finding("disk", WELL, words)


def _organizations(settings: Settings) -> Finding:
    if settings.organizations is None:
        step = f"write {settings.home / 'organizations.yaml'}"
        return Finding("organizations", WARNING, "no file: partners know us as `payer`", step)
    return Finding("organizations", WELL, str(settings.organizations))


def _certificates(settings: Settings) -> Iterator[Finding]:
    if settings.tls_certificate is None:
        yield Finding(
            "certificate", ILL, "none: the doors would speak plain http", "interpayer up makes one to try out"
        )
        return
    named = {"certificate": settings.tls_certificate, "client authority": settings.client_ca}
    for name, path in named.items():
        if path is None:
            yield Finding(name, WARNING, "none: partners cannot show a certificate", "set INTERPAYER_CLIENT_CA")
        else:
            yield _certificate(name, path)
    shown = settings.home / "tls" / "client.crt"
    if shown.exists():
        yield _certificate("our client certificate", shown)
    else:
        words = "none: partners that want one refuse our calls"
        yield Finding("our client certificate", WARNING, words, f"put one at {shown}, its key beside it")


def _certificate(name: str, path: Path) -> Finding:
    try:
        # Of several, say all authorities that may vouch for partners, the one that ends first.
        found = x509.load_pem_x509_certificates(path.read_bytes())
        ends_at = min(one.not_valid_after_utc for one in found)
    except (OSError, ValueError) as error:
        return Finding(name, ILL, f"{path} cannot be read: {type(error).__name__}", "put a PEM certificate there")
    days = (ends_at - now()).days
    state = ILL if days < 0 else WARNING if days < LEAST_DAYS else WELL
    return Finding(name, state, f"{days} days left ({path})", "renew it")


def _trusted(settings: Settings) -> Iterator[Finding]:
    """Exceptions for authorities of partners that end soon, and a file of authorities that cannot be used."""
    if settings.client_ca is None:
        return
    try:
        anchors = read_anchors(settings.client_ca)
    except AnchorsInvalid as error:
        yield Finding("client authorities", ILL, str(error), "correct it: the doors keep what they read before")
        return
    for excused in anchors.excused.values():
        days = (excused.until - now().date()).days
        state = ILL if days < 0 else WARNING if days < LEAST_DAYS else WELL
        yield Finding("excused authority", state, f"{days} days left: {excused.why}", "have the authority replaced")


def _revocation_lists(settings: Settings) -> Iterator[Finding]:
    """Lists in the folder: one that is over has every partner of its authority refused."""
    for name, ends_at in lists_in(settings.revocation_lists):
        if ends_at is None:
            yield Finding("revocation list", ILL, f"{name} cannot be read", "put a list there, or take it away")
            continue
        hours = int((ends_at - now()).total_seconds() // 3600)
        state = ILL if hours < 0 else WARNING if hours < LEAST_LIST_HOURS else WELL
        yield Finding("revocation list", state, f"{hours} hours left ({name})", "fetch the next one")


def _communities(settings: Settings) -> Iterator[Finding]:
    """The UDAP trust communities, where there are any."""
    base = f"{settings.base_url}/fhir"
    for row in memberships.standing(way_of(settings, shipped), fhir_base=base):
        state = ILL if row["state"] == "closed" else WARNING if row["why"] else WELL
        words = f"{row['state']}: {row['why']}" if row["why"] else str(row["state"])
        yield Finding(f"community {row['name']}", state, words, "interpayer udap check")


def _policy(settings: Settings) -> Finding:
    try:
        with connect(role_url(settings, "operator")) as conn:
            found = in_force(conn)
    except (DatabaseGone, DatabaseError):
        return Finding("policy", WARNING, f"version {shipped().version} ships; what is in force is not known")
    if found.broken is not None:
        step = "interpayer policy rollback --reason ..., or publish files that load"
        return Finding("policy", ILL, f"{found.version} does not load, so every answer is no: {found.broken}", step)
    return Finding("policy", WELL, f"version {found.version}")


def _database(settings: Settings) -> Finding:
    try:
        with connect(role_url(settings, "operator")) as conn:
            row = conn.execute("select clock_timestamp() as at").fetchone()
            missing = pending(conn)
            major = conn.info.server_version // 10000
    except DatabaseGone as error:
        return Finding("database", ILL, str(error), "interpayer up, or interpayer db run")
    if missing:
        return Finding("database", ILL, f"{len(missing)} migrations are missing", "interpayer db migrate")
    at: datetime = row["at"] if row else now()
    skew_s = abs((at - now()).total_seconds())
    if skew_s > MOST_SKEW_S:
        return Finding("database", WARNING, f"its clock is {skew_s:.1f} s away from ours", "look at NTP on both")
    return Finding("database", WELL, f"PostgreSQL {major}, schema up to date, clock {skew_s * 1000:.0f} ms away")


def _inside(tools: Tools, *, calls: bool) -> Iterator[Finding]:
    """What only a running installation can tell."""
    found = health.look(tools)
    with tools.database.transaction() as conn:
        admins = [person for person in access.listed(conn) if person.revoked_at is None and "admin" in person.roles]
        held, dead = holds.listed(conn), len(letters.listed(conn, limit=1000))
        endings = partner_watch.endings(conn, within_days=LEAST_DAYS)
        away = key_store.failing(conn)
        waiting = sum(one.status == "invited" for one in registrations(conn))
        aged = [key.kid for key in signing.listed(conn) if signing.is_old(key)]
        endpoints = [e for p in partners.listed(conn) for e in partners.shown(tools, conn, p.id).endpoints]
    yield _expect("people", bool(admins), f"{len(admins)} admins", 'interpayer access add "NAME" --role admin --login')
    yield _expect("workers", found.workers > 0, f"{found.workers} at work", "interpayer worker, or interpayer up")
    unsealed_s = found.unsealed_age_s or 0.0
    is_sealed = unsealed_s <= health.LONGEST_UNSEALED_S
    yield _expect("ledger", is_sealed, f"oldest event without a seal: {unsealed_s:.0f} s", "a worker seals it")
    kinds = ", ".join(str(hold["kind"]) for hold in held)
    step = "interpayer load enrollments, then interpayer consent resync"
    yield _expect("releases", not held, f"HELD: {kinds}" if held else "not held", step)
    step = "interpayer partner guessing; then interpayer partner suspend or interpayer partner pardon"
    suspected = found.suspected_partners
    yield _expect("guessing", suspected == 0, f"{suspected} partners slowed or refused lately", step)
    yield _expect("dead letters", dead == 0, f"{dead} open", "interpayer dead-letter list")
    yield from map(_ends, endings)
    step = "tell its contact; kept keys are used for a day"
    yield _expect("partners' keys", not away, f"{len(away)} addresses of keys do not answer", step)
    yield _expect("own keys", not aged, f"{len(aged)} in use for more than a year", "interpayer key next")
    yield _expect("registrations", not waiting, f"{waiting} partners registered and wait", "interpayer udap list")
    for endpoint in endpoints if calls else ():
        yield _reachable(endpoint.fhir_base)


def _ends(ending: partner_watch.Ending) -> Finding:
    name, words = f"partner {ending.partner.name}", f"{ending.what} ends in {ending.days} days ({ending.at:%Y-%m-%d})"
    if ending.days < 0:
        words = f"{ending.what} ended on {ending.at:%Y-%m-%d}"
    return Finding(name, WARNING, words, f"interpayer partner rotate, or change, {ending.partner.id}")


def _reachable(fhir_base: str) -> Finding:
    parts = urlsplit(fhir_base)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=CONNECT_S):
            return Finding(f"partner {fhir_base}", WELL, "takes connections")
    except OSError as error:
        return Finding(f"partner {fhir_base}", WARNING, type(error).__name__, "exchanges wait for it; tell its contact")


def _expect(name: str, is_well: bool, words: str, next_step: str) -> Finding:
    return Finding(name, WELL if is_well else WARNING, words, next_step)
