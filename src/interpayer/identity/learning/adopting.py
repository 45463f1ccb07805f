"""The model and the thresholds in force: what ships, until a named person adopts what was trained or calibrated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from threading import Lock
from time import monotonic

from interpayer.identity.learning import store
from interpayer.identity.resolve import Tables, default_tables
from interpayer.identity.scoring.model import Model, read_model
from interpayer.identity.scoring.thresholds import Thresholds, read_thresholds
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection

MODEL, THRESHOLDS = "model", "thresholds"
_READ: Mapping[str, Callable[[str], Model | Thresholds]] = {MODEL: read_model, THRESHOLDS: read_thresholds}
# How long a process goes on with what it has read: adopting takes hold everywhere within this time.
FRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was put into force; `is_new` is False when it was in force already."""

    kind: str
    version: str
    is_new: bool


def text_in_force(conn: Connection, kind: str) -> str:
    """The text of the model or thresholds in force."""
    found = store.in_force(conn).get(kind)
    return str(found["content"]) if found else shipped_text(kind)


def shipped_text(kind: str) -> str:
    """The text of the model or thresholds that ship."""
    here = resources.files("interpayer.identity.scoring")
    return here.joinpath(f"{kind}_default.yaml").read_text("utf-8")


def tables_in_force(conn: Connection) -> Tables:
    """Rules, model and thresholds as decisions follow them now."""
    found = store.in_force(conn)
    tables = default_tables()
    if MODEL in found:
        tables = replace(tables, model=read_model(found[MODEL]["content"]))
    if THRESHOLDS in found:
        tables = replace(tables, thresholds=read_thresholds(found[THRESHOLDS]["content"]))
    return tables


def adopt(conn: Connection, text: str, *, by: str, why: str) -> Adopted:
    """Put a model or thresholds file into force; `Refusal` when it is neither, or nobody says why."""
    if not why.strip():
        raise Refusal("request.malformed", "say why it is adopted")
    kind = kind_of(text)
    version = _READ[kind](text).version
    if kind not in store.in_force(conn):
        # What decided until now came with the release: the decisions that name it stay readable after an upgrade.
        shipped = shipped_text(kind)
        store.keep_before(conn, kind, _READ[kind](shipped).version, shipped)
    return Adopted(kind, version, store.adopt(conn, kind, version, content=text, by=by, why=why.strip()))


def kind_of(text: str) -> str:
    """Whether a file is a model or thresholds; `Refusal` with the first fault when it can be neither."""
    faults = []
    for kind, read in _READ.items():
        try:
            read(text)
        except Exception as error:
            # A file that a person edited can be wrong in any way; nothing in it is about a member.
            faults.append(f"as {kind}: {error or type(error).__name__}")
        else:
            return kind
    raise Refusal("request.malformed", "; ".join(faults))


class TablesInForce:
    """The tables in force, read again when they may have changed; one object serves all threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: tuple[float, tuple[str | None, ...], Tables] | None = None

    def at(self, conn: Connection) -> Tables:
        """The tables as they are now, at most some seconds old."""
        with self._lock:
            at = self._clock()
            if self._kept is None or at - self._kept[0] >= FRESH_S:
                self._kept = self._read(conn, at)
            return self._kept[2]

    def _read(self, conn: Connection, at: float) -> tuple[float, tuple[str | None, ...], Tables]:
        found = store.in_force(conn)
        versions = tuple(found[kind]["version"] if kind in found else None for kind in _READ)
        if self._kept is not None and self._kept[1] == versions:
            return at, versions, self._kept[2]
        return at, versions, tables_in_force(conn)
