"""Handing a file over: the gzip members that still stand, one after the other, permission asked again on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from interpayer.delivery.files import File, part_positions, read_file, segments
from interpayer.delivery.parts import Parts, gunzip
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection

# Between two questions whether the file may still go.
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Download:
    """What stood when the download began: each part's number with the pieces (start, length) to hand over."""

    file: File
    runs: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def plan_download(conn: Connection, file_id: str) -> Download | None:
    """What to hand over of a file; None when it is gone. The transaction may end before ``stream`` begins."""
    found = read_file(conn, file_id)
    if found is None:
        return None
    numbers = part_positions(conn, file_id)
    pieces: dict[int, list[tuple[int, int]]] = {}
    for part, start, length, _ in segments(conn, file_id):
        _extend(pieces.setdefault(part, []), start, length)
    return Download(found, tuple((numbers[part], tuple(runs)) for part, runs in sorted(pieces.items())))


def stream(
    parts: Parts, download: Download, *, gzip: bool, start: int = 0, still_allowed: Callable[[], bool]
) -> Iterator[bytes]:
    """The bytes of the file: as gzip from ``start`` on (Range), or plain from the beginning.

    Before every piece ``still_allowed`` is asked; when it says no, the transfer breaks off (``delivery.interrupted``)
    and the partner reads the manifest again. Both lengths are known beforehand: File.gzip_length, File.plain_length.
    """
    skip = start if gzip else 0
    for number, runs in download.runs:
        length = sum(run_length for _, run_length in runs)
        if skip >= length:
            skip -= length
            continue
        content = parts.read(number)
        standing = b"".join(content[first : first + run_length] for first, run_length in runs)
        whole = standing[skip:] if gzip else gunzip(standing)
        skip = 0
        for offset in range(0, len(whole), PIECE):
            if not still_allowed():
                raise Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail="the file changed or may not go")
            yield whole[offset : offset + PIECE]


def _extend(runs: list[tuple[int, int]], start: int, length: int) -> None:
    """Neighbors become one run."""
    if runs and sum(runs[-1]) == start:
        runs[-1] = (runs[-1][0], runs[-1][1] + length)
    else:
        runs.append((start, length))
