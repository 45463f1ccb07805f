"""Looking for words in everything that an installation wrote: files, tables with their bytes, answers, outputs."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interpayer.simulation.installation import Installation
from interpayer.system.database import connect, role_url, split_password
from interpayer.system.programs import environment_for, find_client_programs
from interpayer.system.settings import read_settings

_HEX = re.compile(rb"\\x([0-9a-f]{2,})")
_NEAR = 60


@dataclass
class Search:
    """What is looked for, any case, and every place where it was found or looked for."""

    words: Sequence[str]
    places: list[str] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._any = re.compile("|".join(re.escape(word) for word in self.words).encode(), re.IGNORECASE)

    def look(self, place: str, content: bytes | str) -> None:
        """Search a text, and the bytes that stand in it as hex."""
        raw = content.encode() if isinstance(content, str) else content
        self.places.append(place)
        self._find(place, raw)
        for found in _HEX.finditer(raw):
            digits = found[1]
            self._find(f"{place} (bytes)", bytes.fromhex(digits[: len(digits) // 2 * 2].decode()))

    def _find(self, place: str, raw: bytes) -> None:
        for found in self._any.finditer(raw):
            near = raw[max(0, found.start() - _NEAR) : found.end() + _NEAR]
            self.hits.append(f"{place}: {near.decode(errors='replace')}")


def files_of(one: Installation) -> Iterator[tuple[str, bytes]]:
    """Every file below the home: logs, objects, keys, checkpoints, and the database's own files as they lie."""
    for path in sorted(one.home.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(one.home.parent)), _content(path)


def tables_of(one: Installation) -> Iterator[tuple[str, bytes]]:
    """Every table of every schema as text, the engine's among them; bytes stand there as hex."""
    url = role_url(read_settings(one.environ), "owner")
    with connect(url) as conn:
        version = conn.info.server_version
    programs = find_client_programs(version)
    address, secret = split_password(url)
    environment = environment_for(programs) | ({"PGPASSWORD": secret} if secret else {})
    command = [str(programs / "pg_dump"), "--data-only", "--no-password", "-d", address]
    dump = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    for part in re.split(rb"(?m)^COPY ", dump)[1:]:
        yield f"{one.name} {part.partition(b' ')[0].decode()}", part


def said(one: Installation, *arguments: str) -> bytes:
    """Everything that a command prints, on both channels, as a person reads it."""
    done = subprocess.run(
        [sys.executable, "-m", "interpayer", *arguments],
        env={**one.environ, "COLUMNS": "400"},
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.stdout + done.stderr


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # the database may remove its own files meanwhile
        return b""
