"""Dead letters: what automation gave up, and having it done again by a named person with a reason."""

from dataclasses import dataclass

from interpayer.exchange import recovery, store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.durability.work import DeadLetter
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.operations import exchanges
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay started: the run that stands for it, and the exchanges that begin again."""

    run_id: str
    exchanges: tuple[str, ...]


def listed(conn: Connection, *, open_only: bool = True, limit: int = 100) -> list[DeadLetter]:
    """Dead letters, the newest first."""
    return recovery.dead_letters(conn, open_only=open_only, limit=limit)


def replay(tools: Tools, conn: Connection, letter_id: str, *, reason: str, actor: Actor) -> Replayed:
    """Do it again: failed exchanges of ours begin anew, every decision too; other work runs again. Twice is once."""
    if actor.type != "person":
        raise Refusal("caller.not_permitted", "a process is not a person; a replay is asked for by name")
    if not reason.strip():
        raise Refusal("request.malformed", "a replay names a reason")
    letter = durable.letter(conn, letter_id)
    if letter is None:
        raise Refusal("request.not_found")
    if letter.replay_id is not None:
        return Replayed(letter.replay_id, ())
    failed = _failed(conn, letter)
    runs = [exchanges.replay(tools, conn, x, reason=reason, actor=actor) for x in failed]
    if runs:
        durable.mark_replayed(conn, letter_id, person=actor.id, reason=reason, replay_id=runs[0])
    else:
        runs = [recovery.replay(conn, letter_id, person=actor.id, reason=reason)]
    is_exchange = letter.root.startswith("x-")
    tools.ledger.append(
        conn,
        Event(
            *("dead_letter.replayed", letter.root if is_exchange else "system", actor.type, actor.id),
            exchange_id=letter.root if is_exchange else None,
            facts={"letter": letter.id, "root": letter.root, "why": reason, "exchanges": list(failed)},
        ),
    )
    return Replayed(runs[0], tuple(failed))


def _failed(conn: Connection, letter: DeadLetter) -> list[str]:
    """Our own exchanges that this letter ended: its own one, or those of its batch."""
    if letter.root.startswith("b-"):
        rows = store.of_batch(conn, letter.root, (State.FAILED,))
    else:
        row = store.row_of(conn, letter.root)
        rows = [row] if row is not None and row["state"] == State.FAILED else []
    return [row["id"] for row in rows if row["role"] == Role.REQUESTER]
