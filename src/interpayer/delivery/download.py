"""Handing a file over: the gzip members that still stand, joined into one, permission asked again on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from interpayer.delivery.files import File, part_positions, read_file, segments
from interpayer.delivery.parts import Parts, gunzip
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection
from interpayer.system.gzip_members import HEADER, Joined, joined_length

# Between two questions whether the file may still go.
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Download:
    """What stood when the download began: each part's number with the members (start, length) to hand over."""

    file: File
    runs: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]

    @property
    def gzip_length(self) -> int:
        """How many bytes leave as gzip; ``file.plain_length`` otherwise."""
        lengths = [length for _, members in self.runs for _, length in members]
        return joined_length(sum(lengths), len(lengths))


def plan_download(conn: Connection, file_id: str) -> Download | None:
    """What to hand over of a file; None when it is gone. The transaction may end before ``stream`` begins."""
    found = read_file(conn, file_id)
    if found is None:
        return None
    numbers = part_positions(conn, file_id)
    members: dict[int, list[tuple[int, int]]] = {}
    for part, start, length, _ in segments(conn, file_id):
        members.setdefault(part, []).append((start, length))
    return Download(found, tuple((numbers[part], tuple(runs)) for part, runs in sorted(members.items())))


def stream(
    parts: Parts, download: Download, *, gzip: bool, start: int = 0, still_allowed: Callable[[], bool]
) -> Iterator[bytes]:
    """The bytes of the file: as gzip from ``start`` on (Range), or plain from the beginning.

    Before every piece ``still_allowed`` is asked; when it says no, the transfer breaks off (``delivery.interrupted``)
    and the partner reads the manifest again. Both lengths are known beforehand: see ``Download``.
    """
    skip = start if gzip else 0
    for whole in joined(parts, download) if gzip else _plain(parts, download):
        rest = whole[skip:]
        skip -= len(whole) - len(rest)
        for offset in range(0, len(rest), PIECE):
            if not still_allowed():
                raise Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail="the file changed or may not go")
            yield rest[offset : offset + PIECE]


def _plain(parts: Parts, download: Download) -> Iterator[bytes]:
    for number, members in download.runs:
        content = parts.read(number)
        yield gunzip(b"".join(content[first : first + length] for first, length in members))


def joined(parts: Parts, download: Download) -> Iterator[bytes]:
    """The file as one gzip member, part by part: all of it, since the checksum at the end covers all."""
    if not download.runs:
        return
    stream_of_members = Joined()
    yield HEADER
    for number, members in download.runs:
        content = parts.read(number)
        yield b"".join([stream_of_members.inside(content[first : first + length]) for first, length in members])
    yield stream_of_members.end()
