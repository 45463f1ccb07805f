"""Write the whole ledger to a folder, as of one moment, for a verifier that has no database."""

from pathlib import Path

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.evidence import (
    CHECKPOINTS_FILE,
    EVENTS_FILE,
    KEY_FILE,
    TIPS_FILE,
    checkpoint_line,
    entry_line,
    tip_line,
)
from interpayer.audit.store import ledger_source
from interpayer.system.database import Connection


def write_export(conn: Connection, folder: Path, key: VerifierKey) -> int:
    """Stream events, checkpoints, chain ends and the public key into the folder; how many events.

    Must begin the caller's transaction. Bodies stay sealed. Raises FileExistsError rather than overwrite an export.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = ledger_source(conn)
    with (folder / CHECKPOINTS_FILE).open("x", encoding="utf-8") as file:
        file.writelines(checkpoint_line(checkpoint) for checkpoint in source.checkpoints)
    events = 0
    with (folder / EVENTS_FILE).open("x", encoding="utf-8") as file:
        for entry in source.entries:
            file.write(entry_line(entry))
            events += 1
    with (folder / TIPS_FILE).open("x", encoding="utf-8") as file:
        file.writelines(tip_line(tip) for tip in source.tips)
    (folder / KEY_FILE).write_text(key.text() + "\n", encoding="utf-8")
    return events
