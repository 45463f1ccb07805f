"""Writing the files of a job: NDJSON, one gzip member per person and type, sealed part by part."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

from interpayer.delivery import files
from interpayer.delivery.files import File, Segment
from interpayer.delivery.parts import Parts
from interpayer.model.record import Lines
from interpayer.system.database import Connection
from interpayer.system.gzip_members import HEADER, Joined, pack

# Bytes of gzip in a part before it is written: enough for the store, small enough for many types side by side.
PART = 4 * 1024 * 1024
# Parts in memory that are not kept yet.
MOST_WAITING = 3


def write_files(conn: Connection, parts: Parts, blocks: Iterable[Lines], *, kind: str = "output") -> list[File]:
    """Write one file per type out of the blocks, in their order; rows and objects stand when the caller commits.

    A job that has its files gets them again. What an earlier, torn attempt left behind is removed first; when the
    store fails, the fault is ``system.storage`` and nothing is named that is not whole.
    """
    if written := [f for f in files.files(conn, parts.job_id) if f.kind == kind]:
        return written
    parts.sweep(*files.part_numbers(conn, parts.job_id))
    numbers = _Numbers(files.part_numbers(conn, parts.job_id)[1])
    writers: dict[str, _Writer] = {}
    with _Store(parts) as store:
        for block in blocks:
            writer = writers.get(block.type)
            if writer is None:
                file_id = files.add_file(conn, parts.job_id, kind=kind, resource_type=block.type)
                writer = writers[block.type] = _Writer(conn, store, numbers, file_id=file_id)
            writer.add(block)
        for writer in writers.values():
            writer.finish()
        store.wait(0)
    files.count_parts(conn, parts.job_id, numbers.given_out)
    return [f for f in files.files(conn, parts.job_id) if f.kind == kind]


def remove_files(conn: Connection, parts: Parts) -> None:
    """Remove the bytes of a job (expiry, DELETE); counts and checksums stay for receipts.

    The objects go first: a crash in between leaves rows that lead to nothing, and the next call ends the work.
    """
    parts.sweep(set(), files.part_numbers(conn, parts.job_id)[1])
    files.forget_places(conn, parts.job_id)


class _Numbers:
    """Part numbers, counted in memory: the job's row stays free for others while files are written."""

    def __init__(self, start: int) -> None:
        self.given_out = start

    def take(self) -> int:
        self.given_out += 1
        return self.given_out - 1


class _Store:
    """Seals and keeps parts beside the caller, who goes on with the next lines; a fault comes out at a later call."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> "_Store":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def keep(self, number: int, content: bytes) -> None:
        self._waiting.append(self._thread.submit(self._parts.write, number, content))
        self.wait(MOST_WAITING)

    def wait(self, most: int) -> None:
        """Until no more than this many parts wait."""
        while len(self._waiting) > most:
            self._waiting.popleft().result()


class _Writer:
    """One file being written."""

    def __init__(self, conn: Connection, store: _Store, numbers: _Numbers, *, file_id: str) -> None:
        self._conn, self._store, self._numbers, self._file_id = conn, store, numbers, file_id
        self._joined = Joined()
        self._digest = sha256(HEADER)
        self._pending: list[bytes] = []
        self._segments: list[Segment] = []
        self._length = self._part = self._position = 0

    def add(self, block: Lines) -> None:
        if block.plain is None:
            packed, length, digest = block.packed, block.length, block.sha256
        else:
            packed, length, digest = pack(block.plain), len(block.plain), sha256(block.plain).hexdigest()
        owner, dependents = (None, block.member_ids) if block.shared else (block.member_ids[0], None)
        place = self._position, self._part, self._length, len(packed)
        self._segments.append(Segment(*place, length, block.count, digest, owner, dependents))
        self._pending.append(packed)
        self._length += len(packed)
        self._position += 1
        if self._length >= PART:
            self._flush()

    def finish(self) -> None:
        if self._pending:
            self._flush()
        self._digest.update(self._joined.end())
        files.finish_file(self._conn, self._file_id, self._digest.hexdigest())

    def _flush(self) -> None:
        number = self._numbers.take()
        self._digest.update(b"".join(map(self._joined.inside, self._pending)))
        self._store.keep(number, b"".join(self._pending))
        files.add_part(self._conn, self._file_id, position=self._part, number=number)
        files.add_segments(self._conn, self._file_id, self._segments)
        self._pending, self._segments, self._length = [], [], 0
        self._part += 1
