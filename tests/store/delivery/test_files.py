"""Files of a job: written once, handed over piece by piece, rebuilt without a member, removed in time."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from interpayer.delivery import files, store
from interpayer.delivery.download import plan_download, stream
from interpayer.delivery.files import File
from interpayer.delivery.ndjson import remove_files, write_files
from interpayer.delivery.parts import Parts, open_parts, sweep_parts
from interpayer.delivery.store import NewJob
from interpayer.delivery.withdrawal import drop_member, rebuild_file, to_rebuild
from interpayer.model.reason import Fault
from interpayer.model.record import Lines
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.objects import ObjectStore, StorageFailed
from tests.support.databases import ScratchDatabase, serves
from tests.support.records import VAULT

MEMBERS = ("m-1", "m-2", "m-3")


@pytest.fixture(autouse=True)
def _partner_served() -> Iterator[None]:
    with serves("pa-1"):
        yield


def lines_of(member: str, count: int, *, kind: str = "Encounter", size: int = 40) -> Lines:
    plain = b"".join(b'{"id":"%s-%d","pad":"%s"}\n' % (member.encode(), n, b"x" * size) for n in range(count))
    return Lines(kind, (member,), plain, count)


def blocks() -> Iterator[Lines]:
    for member in MEMBERS:
        yield lines_of(member, 3, kind="Condition")
        yield lines_of(member, 2)
    yield Lines("Practitioner", ("m-1", "m-2"), b'{"id":"doc"}\n', 1, shared=True)
    yield Lines("Practitioner", ("m-2",), b'{"id":"other"}\n', 1, shared=True)


class Place:
    """A database, a folder of objects, and a job."""

    def __init__(self, database: ScratchDatabase, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.objects = ObjectStore(str(folder))
        with database.door.transaction() as conn:
            self.job_id = store.create_job(conn, VAULT, NewJob("export", "pa-1", b'{"secret":1}', "https://x/export"))

    def parts(self, conn: Connection) -> Parts:
        return open_parts(conn, self.objects, VAULT, job_id=self.job_id)

    def write(self, given: Callable[[], Iterator[Lines]] = blocks) -> dict[str, File]:
        with self.database.worker.transaction() as conn:
            written = write_files(conn, self.parts(conn), given())
            store.set_state(conn, self.job_id, "ready", transaction_time=now(), expires_at=now() + timedelta(hours=1))
        return {file.type: file for file in written}

    def fetch(self, file_id: str, *, packed: bool = True, start: int = 0) -> bytes:
        with self.database.door.transaction() as conn:
            plan, parts = plan_download(conn, file_id), self.parts(conn)
        assert plan is not None
        return b"".join(stream(parts, plan, gzip=packed, start=start, still_allowed=lambda: True))

    def gzip_length(self, file_id: str) -> int:
        with self.database.door.transaction() as conn:
            plan = plan_download(conn, file_id)
        assert plan is not None
        return plan.gzip_length

    def stored(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def place(database: ScratchDatabase, tmp_path: Path) -> Place:
    return Place(database, tmp_path / "objects")


def test_files_are_gzip_of_the_lines_with_counts_and_checksum(place: Place) -> None:
    written = place.write()
    assert {kind: f.lines for kind, f in written.items()} == {"Condition": 9, "Encounter": 6, "Practitioner": 2}
    for kind, file in written.items():
        plain = b"".join(block.plain or b"" for block in blocks() if block.type == kind)
        packed = place.fetch(file.id)
        reading = zlib.decompressobj(wbits=31)
        assert reading.decompress(packed) == plain == place.fetch(file.id, packed=False)
        assert (reading.eof, reading.unused_data) == (True, b""), "one member, for readers that know only one"
        assert (len(packed), len(plain)) == (place.gzip_length(file.id), file.plain_length)
        assert hashlib.sha256(packed).hexdigest() == file.sha256


def test_a_download_resumes_at_any_byte(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.delivery.ndjson.PART", 100)
    file = place.write()["Condition"]
    whole = place.fetch(file.id)
    assert len(place.stored()) > 4
    for start in range(0, len(whole) + 1, 7):
        assert place.fetch(file.id, start=start) == whole[start:]


def test_nothing_readable_lies_in_the_store_or_the_job(place: Place) -> None:
    place.write(lambda: iter([lines_of("m-1", 2000, size=0)]))
    with place.database.owner.transaction() as conn:
        row = conn.execute("select j::text as row from delivery.job j").fetchone()
    assert row is not None
    assert b"secret".hex() not in row["row"]
    assert not any(path.read_bytes().count(b"\x1f\x8b\x08") for path in place.stored())
    with place.database.worker.transaction() as conn:
        assert store.job_request(conn, VAULT, place.job_id) == b'{"secret":1}'


def test_a_dropped_member_is_gone_at_once_and_its_bytes_after_the_rebuild(place: Place) -> None:
    before = place.write()
    with place.database.door.transaction() as conn:
        dropped = drop_member(conn, "m-2")
        due = to_rebuild(conn)
    assert set(due) == {(place.job_id, file.id) for file in before.values()}
    assert {(d.file_id, d.partner_id) for d in dropped} == {(f.id, "pa-1") for f in before.values()}
    with place.database.door.transaction() as conn:
        after = {f.type: f for f in files.files(conn, place.job_id)}
        told = store.issues(conn, place.job_id)
    assert {kind: f.lines for kind, f in after.items()} == {"Condition": 6, "Encounter": 4, "Practitioner": 1}
    assert all(after[kind].etag != before[kind].etag and after[kind].sha256 is None for kind in before)
    assert [issue["code"] for issue in told] == ["delivery.member_withdrawn"]
    assert b"m-2" not in place.fetch(after["Condition"].id, packed=False)
    at_once = {kind: place.fetch(f.id) for kind, f in after.items()}

    rebuild(place, before)
    with place.database.worker.transaction() as conn:
        rebuilt = {f.type: f for f in files.files(conn, place.job_id)}
    for kind, file in rebuilt.items():
        assert place.fetch(file.id) == at_once[kind]
        assert (file.etag, place.gzip_length(file.id)) == (after[kind].etag, len(at_once[kind]))
        assert file.sha256 == hashlib.sha256(at_once[kind]).hexdigest()
    assert place.fetch(rebuilt["Practitioner"].id, packed=False) == b'{"id":"doc"}\n'
    assert len(place.stored()) == 3
    with place.database.worker.transaction() as conn:
        assert to_rebuild(conn) == []


def rebuild(place: Place, written: dict[str, File]) -> None:
    for file in written.values():
        with place.database.worker.transaction() as conn:
            rebuild_file(conn, place.parts(conn), file.id)
    with place.database.worker.transaction() as conn:
        sweep_parts(conn, place.parts(conn))


def test_everybody_dropped_leaves_nothing(place: Place) -> None:
    written = place.write()
    with place.database.worker.transaction() as conn:
        for member in MEMBERS:
            drop_member(conn, member)
        assert drop_member(conn, "m-1") == []
        assert files.files(conn, place.job_id) == []
    rebuild(place, written)
    assert place.stored() == []
    assert place.fetch(written["Condition"].id) == b""


def test_a_transfer_under_way_breaks_off_before_the_next_byte(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.delivery.download.PIECE", 50)
    file = place.write()["Condition"]
    with place.database.door.transaction() as conn:
        plan, parts = plan_download(conn, file.id), place.parts(conn)
    assert plan is not None
    answers = iter([True, True, False])
    sent = []
    with pytest.raises(Fault) as fault:
        for piece in stream(parts, plan, gzip=False, still_allowed=lambda: next(answers)):
            sent.append(piece)
    assert fault.value.reason == "delivery.interrupted"
    assert sum(map(len, sent)) == 100


def test_an_exchange_has_its_own_count_and_digest_in_a_file_that_mixes_members(place: Place) -> None:
    place.write()
    with place.database.worker.transaction() as conn:
        shares = files.member_share(conn, place.job_id, [*MEMBERS, "m-9"])
    expected = "\n".join(
        f"{kind}:{hashlib.sha256(lines_of('m-2', count, kind=kind).plain).hexdigest()}"
        for kind, count in (("Condition", 3), ("Encounter", 2))
    )
    assert set(shares) == set(MEMBERS)
    assert (shares["m-2"].count, shares["m-2"].content) == (5, 5)
    assert shares["m-2"].digest == hashlib.sha256(expected.encode()).hexdigest()


def test_a_torn_attempt_leaves_nothing_and_the_next_one_is_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.delivery.ndjson.PART", 100)

    def torn() -> Iterator[Lines]:
        yield from blocks()
        yield from blocks()
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        place.write(torn)
    assert place.stored()
    with place.database.worker.transaction() as conn:
        assert files.files(conn, place.job_id) == []
    written = place.write()
    assert place.write() == written
    assert hashlib.sha256(place.fetch(written["Condition"].id)).hexdigest() == written["Condition"].sha256
    with place.database.worker.transaction() as conn:
        in_use, _ = files.part_numbers(conn, place.job_id)
    assert len(place.stored()) == len(in_use)


def test_a_full_store_is_a_fault_that_names_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("full")

    monkeypatch.setattr(place.objects, "put", full)
    with pytest.raises(Fault) as fault:
        place.write()
    assert fault.value.reason == "system.storage"
    with place.database.worker.transaction() as conn:
        assert files.files(conn, place.job_id) == []
        job = store.job(conn, place.job_id, "pa-1")
    assert job is not None
    assert job.state == "kicked_off"


def test_expiry_removes_the_bytes_and_keeps_the_totals(place: Place) -> None:
    written = place.write()
    with place.database.worker.transaction() as conn:
        assert store.expired_jobs(conn, now()) == []
        assert store.expired_jobs(conn, now() + timedelta(hours=2)) == [place.job_id]
        assert store.set_state(conn, place.job_id, "expired")
        assert files.file(conn, written["Condition"].id, "pa-1") is None
        remove_files(conn, place.parts(conn))
    assert place.stored() == []
    with place.database.worker.transaction() as conn:
        remove_files(conn, place.parts(conn))
        assert [f.sha256 for f in files.files(conn, place.job_id)] == [
            written[kind].sha256 for kind in ("Condition", "Encounter", "Practitioner")
        ]


def test_a_changed_object_is_not_handed_over(place: Place) -> None:
    file = place.write()["Condition"]
    path = place.stored()[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(Exception, match="does not fit"):
        place.fetch(file.id)


def test_fetched_means_every_file_whole(place: Place) -> None:
    written = place.write()
    with place.database.door.transaction() as conn:
        told = [files.mark_fetched(conn, file.id) for file in written.values()]
    assert told == [False, False, True]


def test_a_partner_deletes_its_job_with_its_bytes(place: Place) -> None:
    place.write()
    with place.database.door.transaction() as conn:
        assert store.set_state(conn, place.job_id, "deleted")
        assert store.leftover_jobs(conn) == [place.job_id]
        remove_files(conn, place.parts(conn))
        assert store.leftover_jobs(conn) == []
    assert place.stored() == []
