"""Dead letters: what becomes of work that automation gave up."""

import logging
import traceback

from interpayer.exchange.durability import store
from interpayer.exchange.durability.work import DeadLetter, Watch, Work
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.database import Connection, DatabaseGone
from interpayer.system.ids import new_id

BUG = "system.bug"

log = logging.getLogger(__name__)


def letter_about(work: Work, error: Exception, *, step: str | None, attempts: int) -> DeadLetter:
    """The letter for a run that ended with this exception. Of an unknown one only type and place are told, no text."""
    if isinstance(error, Fault):
        kind, reason, detail = error.kind, error.reason, error.detail
    elif isinstance(error, Refusal):
        kind, reason, detail = FaultKind.TERMINAL, error.reason, error.detail
    else:
        kind, reason, detail = FaultKind.OURS, BUG, _place(error)
    return DeadLetter(
        id=new_id("d"),
        root=work.root,
        workflow_id=work.workflow_id,
        workflow_name=work.workflow_name,
        argument=work.argument,
        step=step,
        kind=kind.value,
        reason=reason,
        detail=detail,
        attempts=attempts,
    )


def keep(conn: Connection, watch: Watch, letter: DeadLetter) -> bool:
    """Keep a letter with its circumstances; False when this run has one already."""
    if not store.keep_letter(conn, letter):
        return False
    try:
        with conn.transaction():
            store.add_circumstances(conn, letter.id, watch.kept(conn, letter))
    except DatabaseGone:
        raise
    except Exception as error:  # whoever is told may fail: the letter is kept all the same
        log.error("nobody was told of dead letter %s: %s", letter.id, _place(error))
    return True


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = (
        f" at {frames[-1].filename.rpartition('/src/')[2]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    )
    return f"{type(error).__name__}{where}"
