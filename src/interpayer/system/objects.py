"""Objects: files that are handed over, in a folder or in an object store; an object is there whole or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

CHUNK = 1 << 20


class ObjectMissing(Exception):
    """There is no object of this name."""


class StorageFailed(Exception):
    """The store could not do it: full, interrupted, not reachable. Nothing was half-written; trying again may help."""


class ObjectStore:
    """Named objects under one folder or one store address (``s3://…``)."""

    def __init__(self, place: str) -> None:
        if "://" in place:
            self._store = from_url(place)
        else:
            Path(place).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store = LocalStore(Path(place).absolute(), automatic_cleanup=True)

    def put(self, path: str, content: Iterable[bytes]) -> None:
        """Write an object, streaming; if the content's iterator fails, its exception comes out and nothing is kept."""
        with _told():
            obstore.put(self._store, path, content, chunk_size=4 * CHUNK, max_concurrency=4)

    def get(self, path: str) -> bytes:
        """The whole object."""
        with _told():
            return bytes(obstore.get(self._store, path).bytes())

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """A part of the object; ``StorageFailed`` when it is shorter than that."""
        with _told():
            part = bytes(obstore.get_range(self._store, path, start=start, length=length)) if length else b""
        if len(part) != length:
            raise StorageFailed("the object is shorter than expected")
        return part

    def stream(self, path: str, *, chunk: int = CHUNK) -> Iterator[bytes]:
        """The object piece by piece."""
        with _told():
            for piece in obstore.get(self._store, path).stream(min_chunk_size=chunk):
                yield bytes(piece)

    def size(self, path: str) -> int | None:
        """Its length in bytes, or None when it is not there."""
        try:
            with _told():
                return int(obstore.head(self._store, path)["size"])
        except ObjectMissing:
            return None

    def delete(self, path: str) -> None:
        """Remove it; one that is not there is as good as removed."""
        with suppress(ObjectMissing), _told():
            obstore.delete(self._store, path)


@contextmanager
def _told() -> Iterator[None]:
    """The store's exceptions in our words; a content's own exception passes."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise ObjectMissing("no such object") from error
    except (BaseError, OSError) as error:
        raise StorageFailed(type(error).__name__) from error
