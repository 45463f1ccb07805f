"""The words of durable work: a run, a letter about one that ended badly, and who is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from interpayer.policy.figures import RetryNumbers
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a workflow. All runs for the same thing share the root, the part of the id before the first colon."""

    workflow_id: str
    workflow_name: str
    argument: str

    @property
    def root(self) -> str:
        """What the run is about, the same over continuations and replays; by custom the exchange id."""
        return root_of(self.workflow_id)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a dead letter holds of the time when it was kept, so that a person can judge it later."""

    policy_version: str | None = None
    registry_version: str | None = None
    last_route: str | None = None
    payload_checksum: str | None = None
    next_action: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Work that automation gave up; it stays until a named person has it done again."""

    id: str
    root: str
    workflow_id: str
    workflow_name: str
    argument: str
    step: str | None
    kind: str
    reason: str
    detail: str
    attempts: int
    kept_at: datetime | None = None
    policy_version: str | None = None
    registry_version: str | None = None
    last_route: str | None = None
    payload_checksum: str | None = None
    next_action: str | None = None
    replayed_at: datetime | None = None
    replayed_by: str | None = None
    replay_reason: str | None = None
    replay_id: str | None = None


def _nobody_to_tell(_conn: Connection, _executor: str, _work: Sequence[Work]) -> None:
    return None


def _nothing_known(_conn: Connection, _letter: DeadLetter) -> Circumstances:
    return Circumstances()


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told, inside the transaction that changes things, so that states and events go with it; who is asked."""

    recovered: Callable[[Connection, str, Sequence[Work]], None] = _nobody_to_tell
    """An executor died; this work of it, at least one run, was queued again."""
    kept: Callable[[Connection, DeadLetter], Circumstances] = _nothing_known
    """A dead letter is being kept; the answer is stored with it."""
    retries: Callable[[], Mapping[str, RetryNumbers]] = dict
    """Asked before each step: how each kind of step is tried again now."""


def root_of(workflow_id: str) -> str:
    """The part of a workflow id that all runs for the same thing share."""
    return workflow_id.partition(":")[0]


def continuation_id(work: Work, step_no: int) -> str:
    """The id of the run that goes on from this step: root, generation, and a digest that keeps siblings apart."""
    generation = work.workflow_id[len(work.root) + 1 :].partition(".")[0]
    number = int(generation) + 1 if generation.isdigit() else 1
    digest = sha256(f"{work.workflow_id}/{step_no}".encode()).hexdigest()[:12]
    return f"{work.root}:{number}.{digest}"
