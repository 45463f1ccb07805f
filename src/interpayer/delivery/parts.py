"""The objects of a job: parts of its files, a few megabytes each, sealed with the job's key."""

from isal import igzip

from interpayer.delivery.files import part_numbers
from interpayer.delivery.store import job_key
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection
from interpayer.system.keys import Vault, seal, unseal
from interpayer.system.objects import ObjectMissing, ObjectStore, StorageFailed


class Parts:
    """The sealed parts of one job, by number."""

    def __init__(self, store: ObjectStore, key: bytes, job_id: str) -> None:
        self.job_id = job_id
        self._store = store
        self._key = key

    def write(self, number: int, content: bytes) -> None:
        """Keep a part; an older one of this number is overwritten. A full or failing store is ``system.storage``."""
        path = self._path(number)
        try:
            self._store.put(path, [seal(self._key, content, context=path.encode())])
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a part could not be written") from failure

    def read(self, number: int) -> bytes:
        """The content of a part; ``delivery.interrupted`` when it was replaced or removed meanwhile."""
        path = self._path(number)
        try:
            return unseal(self._key, self._store.get(path), context=path.encode())
        except ObjectMissing as missing:
            raise Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail="the part is gone") from missing
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a part could not be read") from failure

    def sweep(self, in_use: set[int], given_out: int) -> None:
        """Delete every object that no committed row names: torn attempts, replaced parts, expired files."""
        number = 0
        while number < given_out or self._is_there(number):
            if number not in in_use:
                self._delete(number)
            number += 1

    def _is_there(self, number: int) -> bool:
        try:
            return self._store.size(self._path(number)) is not None
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a part could not be looked at") from failure

    def _delete(self, number: int) -> None:
        try:
            self._store.delete(self._path(number))
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a part could not be removed") from failure

    def _path(self, number: int) -> str:
        return f"jobs/{self.job_id}/{number:06d}"


def gunzip(content: bytes) -> bytes:
    """The plain bytes of any number of gzip members of ours."""
    plain: bytes = igzip.decompress(content)  # type: ignore[no-untyped-call]
    return plain


def open_parts(conn: Connection, store: ObjectStore, vault: Vault, *, job_id: str) -> Parts:
    """The parts of a job that is kept."""
    return Parts(store, job_key(conn, vault, job_id), job_id)


def sweep_parts(conn: Connection, parts: Parts) -> None:
    """Remove what is no longer named. Call it in a transaction after the one that stopped naming it."""
    parts.sweep(*part_numbers(conn, parts.job_id))
