"""Given on to the plan's own systems: files in a folder of theirs, or a notice to an address of theirs.

Files hold members' data in clear, because the folder is the plan's own: it is made for its owner alone (0700). A notice
holds ids and counts only; who gets it fetches the records at our API and confirms what arrived.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind

SCHEMA = "handoff/1"
UNREACHABLE, STORAGE = "handoff.unreachable", "system.storage"
_PRIVATE = 0o700


@dataclass(slots=True)
class Parcel:
    """What one exchange brought, as lines by type."""

    lines: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, resource_type: str, line: bytes) -> None:
        """One more record."""
        self.lines.setdefault(resource_type, []).append(line)

    @property
    def counts(self) -> dict[str, int]:
        """Records by type."""
        return {kind: len(lines) for kind, lines in sorted(self.lines.items())}

    @property
    def digest(self) -> str:
        """SHA-256 over ``<type>:<sha256 of its file>``, one per line, by type: what an acknowledgment may name."""
        told = "\n".join(f"{kind}:{sha256(content).hexdigest()}" for kind, content in self.files())
        return sha256(told.encode()).hexdigest()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The NDJSON of each type, by type."""
        for kind, lines in sorted(self.lines.items()):
            yield kind, b"".join(line + b"\n" for line in lines)


@dataclass(frozen=True, slots=True)
class OwnSystems:
    """Where to: a folder or an https address; empty means that nobody wants it. ``client`` opens at the first call."""

    target: str
    client: Callable[[], httpx2.Client]

    @property
    def is_address(self) -> bool:
        """Whether a notice is sent; otherwise files are written."""
        return self.target.startswith("https://")

    def give(self, notice: Mapping[str, Any], parcel: Parcel) -> None:
        """Give it on, whole or not at all; the same again changes nothing. Fault when that fails."""
        if self.is_address:
            self._tell(notice, key=str(notice["handoff"]))
        else:
            _write(Path(self.target), notice, parcel)

    def take_back(self, notice: Mapping[str, Any]) -> None:
        """Say that what was given on must not be used: beside the files, or to the address. Fault when that fails."""
        if self.is_address:
            self._tell(notice, key=f"{notice['handoff']}/recalled")
        else:
            _write_recall(Path(self.target), notice)

    def _tell(self, notice: Mapping[str, Any], *, key: str) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            answer = self.client().post(self.target, content=orjson.dumps(notice), headers=headers)
        except httpx2.HTTPError as error:
            raise Fault(FaultKind.RETRYABLE, UNREACHABLE, detail=type(error).__name__) from None
        if answer.status_code >= 300:
            kind = FaultKind.RETRYABLE if answer.status_code >= 500 or answer.status_code == 429 else FaultKind.TERMINAL
            raise Fault(kind, UNREACHABLE, detail=f"HTTP {answer.status_code}")


def _write(folder: Path, notice: Mapping[str, Any], parcel: Parcel) -> None:
    """A folder per exchange; it appears under its name only when everything is in it."""
    whole, part = folder / str(notice["exchange"]), folder / f".{notice['exchange']}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=_PRIVATE)
        files = []
        for kind, content in parcel.files():
            _keep(part / f"{kind}.ndjson", content)
            told = {"type": kind, "name": f"{kind}.ndjson", "count": len(parcel.lines[kind])}
            files.append(told | {"sha256": sha256(content).hexdigest()})
        _keep(part / "manifest.json", json.dumps({**notice, "files": files}, indent=2).encode())
        shutil.rmtree(whole, ignore_errors=True)
        part.rename(whole)
    except OSError as error:
        raise Fault(FaultKind.RETRYABLE, STORAGE, detail=type(error).__name__) from None


def _write_recall(folder: Path, notice: Mapping[str, Any]) -> None:
    """`recalled.json` in the folder of the exchange; the files stay where they are, for their owner to remove."""
    place = folder / str(notice["exchange"])
    try:
        place.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        _keep(place / "recalled.json", json.dumps(dict(notice), indent=2).encode())
    except OSError as error:
        raise Fault(FaultKind.RETRYABLE, STORAGE, detail=type(error).__name__) from None


def _keep(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
