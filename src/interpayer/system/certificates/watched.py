"""A value read out of files that is read again when one of them changes, and kept when the new files do not hold."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from interpayer.system.telemetry import log

T = TypeVar("T")


class Watched(Generic[T]):
    """The value now. `look` reads it again after a change; the first reading may fail, later ones are only logged."""

    def __init__(self, read: Callable[[], T], files: Sequence[Path], *, kind: str) -> None:
        self._read, self._files, self._kind = read, tuple(files), kind
        self._stamp = _stamp(self._files)
        self.value = read()
        self._looking = threading.Lock()

    def look(self) -> bool:
        """Whether there is a new value now. Files that do not hold leave the old value, and are tried at each look."""
        with self._looking:
            stamp = _stamp(self._files)
            if stamp == self._stamp:
                return False
            try:
                value = self._read()
            except Exception as error:
                log.error("changed files cannot be used; those before stay in force", kind=self._kind, exc_info=error)
                return False
            self.value, self._stamp = value, stamp
            log.info("changed files are in force", kind=self._kind)
            return True


def _stamp(files: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for file in files:
        with suppress(OSError):
            below = sorted(file.iterdir()) if file.is_dir() else []
            found += [(str(one), stat.st_mtime_ns, stat.st_size) for one in (file, *below) for stat in (one.stat(),)]
    return tuple(found)
