"""Backup and restore: a dump of the whole database, and a manifest of the keys that it needs, never the keys.

A restored database says so itself: one transaction brings back the data and puts a hold on releases, so there is no
moment at which it could hand out what was withdrawn after the backup.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from interpayer.system.clock import now
from interpayer.system.database import connect, literal, role_url, split_password
from interpayer.system.keyring import versions
from interpayer.system.keys import load_or_create_kek
from interpayer.system.programs import environment_for, find_client_programs
from interpayer.system.roles import make_roles
from interpayer.system.settings import Settings

DUMP, MANIFEST = "database.dump", "manifest.json"
FORMAT = 1
HOLD = "restore"
CHUNK = 1 << 20
# Said at the head of every dump by programs from 17 on, whatever server it was of.
NEWER_THAN_16 = b"SET transaction_timeout = 0;\n"


class BackupUnusable(Exception):
    """The backup cannot be made or restored; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says about itself."""

    format: int
    made_at: str
    server_version: int
    migrations: list[str]
    kek_id: str
    key_files: Mapping[str, str]
    dump_bytes: int
    dump_sha256: str


def backup(settings: Settings, folder: Path, *, say: Callable[[str], None] = lambda _: None) -> Manifest:
    """Dump the running database into a new or empty folder (0700); the keys must be kept elsewhere."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise BackupUnusable(f"{folder} is not empty")
    url = role_url(settings, "owner")
    with connect(url) as conn:
        version = conn.info.server_version
        applied = conn.execute("select name from system.migration order by number").fetchall()
    unfinished = folder / f"{DUMP}.part"
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    options = ["--format=custom", "--verbose", "--no-password", "--file", str(unfinished)]
    _run("pg_dump", options, url=url, version=version, say=say)
    manifest = Manifest(
        format=FORMAT,
        made_at=now().isoformat(),
        server_version=version,
        migrations=[row["name"] for row in applied],
        kek_id=_kek_id(settings),
        key_files=_fingerprints(settings),
        dump_bytes=unfinished.stat().st_size,
        dump_sha256=_sha256(unfinished),
    )
    unfinished.rename(folder / DUMP)
    # Last: a folder without a manifest is no backup.
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def restore(settings: Settings, folder: Path, *, say: Callable[[str], None] = lambda _: None) -> Manifest:
    """Fill the empty database of these settings from a backup, with a hold on every release.

    Refused when the database is not empty, the dump is damaged, or the KEK here is not the one that sealed it.
    """
    manifest = read_manifest(folder)
    say("checking the backup")
    if _sha256(folder / DUMP) != manifest.dump_sha256:
        raise BackupUnusable(f"{folder / DUMP} is damaged: its checksum is not that of the manifest")
    if manifest.kek_id not in (one.id for one in versions(settings.kek)):
        raise BackupUnusable(f"{settings.kek} must hold the KEK of this backup, the one with the id {manifest.kek_id}")
    url = role_url(settings, "owner")
    with connect(url, autocommit=True) as conn:
        version = conn.info.server_version
        known = conn.execute("select to_regnamespace('system') is not null as x").fetchone()
        if known is not None and known["x"]:
            raise BackupUnusable("the database is not empty; a backup is restored into a fresh one")
        if version // 10000 < manifest.server_version // 10000:
            raise BackupUnusable(f"the backup is of PostgreSQL {manifest.server_version // 10000}, this one is older")
        make_roles(conn)
    _refill(settings, folder / DUMP, hold=_hold(manifest), version=version, say=say)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup folder."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise BackupUnusable(f"{folder} holds no finished backup") from None
    if manifest.format != FORMAT:
        raise BackupUnusable(f"this backup has format {manifest.format}; known here is {FORMAT}")
    return manifest


def missing_keys(settings: Settings, manifest: Manifest) -> list[str]:
    """The key files that the backed-up installation had and this one has not, or not the same."""
    here = _fingerprints(settings)
    return sorted(name for name, print_ in manifest.key_files.items() if here.get(name) != print_)


def _hold(manifest: Manifest) -> str:
    reason = literal(f"restored from the backup of {manifest.made_at}; load consents, revocations and recalls again")
    # A backup can itself hold the hold of an earlier restore: it begins anew, or what was loaded before would clear it.
    anew = (
        "on conflict (kind) where cleared_at is null do update set since = clock_timestamp(), reason = excluded.reason"
    )
    return f"\ninsert into operations.hold (kind, reason) values ({literal(HOLD)}, {reason}) {anew};\n"


def _refill(settings: Settings, dump: Path, *, hold: str, version: int, say: Callable[[str], None]) -> None:
    """The dump as SQL into one transaction of psql, then the hold; psql commits only when its input ends well."""
    programs = find_client_programs(version)
    url, secret = split_password(role_url(settings, "owner"))
    environment = environment_for(programs) | ({"PGPASSWORD": secret} if secret else {})
    read = [str(programs / "pg_restore"), "--file=-", "--exit-on-error", str(dump)]
    write = [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-w", "-f", "-", url]
    with (
        subprocess.Popen(read, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader,
        subprocess.Popen(
            write, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as writer,
    ):
        assert reader.stdout is not None
        assert writer.stdin is not None
        with suppress(BrokenPipeError):
            _pump(reader.stdout, writer.stdin, leave_out=NEWER_THAN_16 if version < 170000 else b"", say=say)
            if reader.wait() == 0:
                writer.stdin.write(hold.encode())
            else:
                writer.kill()
            writer.stdin.close()
        reader.stdout.close()
        problem = _rest(writer.stderr) or _rest(reader.stderr)
        if writer.wait() != 0:
            raise BackupUnusable(f"the restore failed and changed nothing: {_first_error(problem)}")


def _rest(pipe: IO[bytes] | None) -> bytes:
    return pipe.read() if pipe is not None else b""


def _pump(source: IO[bytes], sink: IO[bytes], *, leave_out: bytes, say: Callable[[str], None]) -> None:
    moved, told = 0, 0
    while block := source.read(CHUNK):
        sink.write(block.replace(leave_out, b"", 1) if leave_out and not moved else block)
        moved += len(block)
        if moved - told >= 64 * CHUNK:
            told = moved
            say(f"restored {moved // CHUNK} MB")


def _run(program: str, options: list[str], *, url: str, version: int, say: Callable[[str], None]) -> None:
    programs = find_client_programs(version)
    address, secret = split_password(url)
    environment = environment_for(programs) | ({"PGPASSWORD": secret} if secret else {})
    command = [str(programs / program), *options, "-d", address]
    lines: list[str] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            lines.append(line)
            if "contents of table" in line:
                say(line.partition("contents of ")[2].strip())
    if running.returncode != 0:
        raise BackupUnusable(f"{program} failed: {_first_error(''.join(lines[-20:]).encode())}")


def _first_error(output: bytes) -> str:
    """What went wrong, without the lines that can hold values (detail, context, the statement)."""
    lines = [line for line in output.decode(errors="replace").splitlines() if "error:" in line.lower()]
    return lines[0].strip() if lines else "see the server's log"


def _kek_id(settings: Settings) -> str:
    return load_or_create_kek(settings.kek).kek_id


def _fingerprints(settings: Settings) -> dict[str, str]:
    folder = settings.home / "keys"
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return {
        str(path.relative_to(folder)): hashlib.sha256(b"interpayer key file" + path.read_bytes()).hexdigest()[:16]
        for path in files
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
