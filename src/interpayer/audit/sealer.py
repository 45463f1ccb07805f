"""Seal events into the Merkle tree: one global order, a signed checkpoint, a copy of it outside the database."""

import os
from pathlib import Path

from interpayer.audit import store
from interpayer.audit.checkpoint import Head, VerifierKey, write_note
from interpayer.system.database import Connection
from interpayer.system.keys import SigningKey

MOST_AT_ONCE = 20_000
NEWEST = "newest"


def seal_once(conn: Connection, key: SigningKey, origin: str, export: Path | None = None) -> int:
    """Seal what is waiting and answer how many events that was; 0 as well while another sealer works.

    `origin` is the ledger's name (see `ledger.origin_of`), the same for all its checkpoints.

    `export` is the witness folder. It gets the notes that are committed already: what this call seals reaches it with
    the next call, or with `copy_notes` after the caller's commit.
    """
    if not store.sealer_is_free(conn):
        return 0
    if export is not None:
        copy_notes(conn, export)
    tree = store.last_tree(conn)
    waiting = store.unsealed(conn, MOST_AT_ONCE)
    if not waiting.event_ids:
        return 0
    tree.extend(waiting.hashes)
    head = Head(tree.size, tree.root, int(waiting.at.timestamp()))
    note = write_note(VerifierKey(origin, key.public_bytes), head, key.sign)
    # A full hand leaves events behind that are older than the horizon: search next from where this search began.
    is_full = len(waiting.event_ids) == MOST_AT_ONCE
    horizon = waiting.floor if is_full else waiting.horizon
    store.seal(conn, waiting, tree, note=note, at_s=head.at_s, horizon=horizon)
    return len(waiting.event_ids)


def copy_notes(conn: Connection, export: Path) -> int:
    """Copy checkpoints that are not yet in the folder; how many. A copy is never overwritten.

    A note of the same size with other text (history was rewritten, or a restore lost its end) is kept beside.
    """
    export.mkdir(parents=True, exist_ok=True)
    copied = 0
    for size, text in store.notes_from(conn, _newest(export)):
        path = export / f"{size:012}.note"
        if path.exists() and path.read_text() != text:
            path = export / f"{size:012}.other.note"
        if not path.exists():
            _write_durably(path, text)
            _write_durably(export / NEWEST, str(size))
            copied += 1
    return copied


def _newest(export: Path) -> int:
    """The size of the last note copied: by the mark, so that a folder of years need not be listed every pass."""
    try:
        return int((export / NEWEST).read_text())
    except (FileNotFoundError, ValueError):
        return max((int(path.name.split(".")[0]) for path in export.glob("*.note")), default=0)


def _write_durably(path: Path, text: str) -> None:
    """The note is there whole or not at all, also after a power cut."""
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
