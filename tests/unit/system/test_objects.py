"""Objects: whole or not at all; parts, streams, sizes."""

import stat

import pytest

from interpayer.system.objects import ObjectMissing, ObjectStore, StorageFailed


@pytest.fixture
def store(tmp_path) -> ObjectStore:
    return ObjectStore(str(tmp_path / "objects"))


def test_what_is_put_comes_back_whole_in_parts_and_streamed(store, tmp_path) -> None:
    pieces = [bytes([n]) * 300_000 for n in range(20)]
    store.put("j-1/Patient", iter(pieces))
    whole = b"".join(pieces)
    assert store.get("j-1/Patient") == whole
    assert store.size("j-1/Patient") == len(whole)
    assert store.get_range("j-1/Patient", 299_999, 2) == b"\x00\x01"
    assert store.get_range("j-1/Patient", 0, 0) == b""
    assert b"".join(store.stream("j-1/Patient", chunk=1 << 16)) == whole
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


def test_a_content_that_fails_leaves_nothing_and_keeps_the_old(store, tmp_path) -> None:
    class Broke(Exception):
        pass

    def torn(pieces: int):
        yield from [b"x" * 1_000_000] * pieces
        raise Broke

    for pieces in (0, 1, 12):
        with pytest.raises(Broke):
            store.put("torn", torn(pieces))
        assert store.size("torn") is None
    store.put("kept", [b"old"])
    with pytest.raises(Broke):
        store.put("kept", torn(6))
    assert store.get("kept") == b"old"
    assert [path.name for path in (tmp_path / "objects").rglob("*") if path.is_file()] == ["kept"]


def test_what_is_missing_is_told_and_deleting_it_is_no_fault(store) -> None:
    store.put("a/b", [])
    assert store.get("a/b") == b""
    store.delete("a/b")
    store.delete("a/b")
    assert store.size("a/b") is None
    for read in (store.get, lambda path: list(store.stream(path)), lambda path: store.get_range(path, 0, 1)):
        with pytest.raises(ObjectMissing):
            read("a/b")


def test_a_part_beyond_the_end_is_a_fault(store) -> None:
    store.put("short", [b"abc"])
    with pytest.raises(StorageFailed):
        store.get_range("short", 2, 5)
    with pytest.raises(StorageFailed):
        store.get_range("short", 9, 1)


def test_a_store_that_cannot_write_is_a_fault(tmp_path) -> None:
    store = ObjectStore(str(tmp_path / "objects"))
    (tmp_path / "objects" / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        store.put("file/below", [b"x"])


def test_no_name_leads_outside(store, tmp_path) -> None:
    for name in ("../x", "a/../../x"):
        with pytest.raises(ValueError, match="path"):
            store.put(name, [b"x"])
    store.put("/x", [b"x"])
    assert (tmp_path / "objects" / "x").exists()


def test_an_address_of_a_store_is_taken(tmp_path) -> None:
    store = ObjectStore(f"file://{tmp_path}")
    store.put("x", [b"1"])
    assert (tmp_path / "x").read_bytes() == b"1"
