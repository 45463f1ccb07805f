"""Training on the plan's own records: pairs from the index, u by counting, m by EM, and the model file of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interpayer.identity.index.codec import decode
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.learning import store
from interpayer.identity.learning.chance import count_chance
from interpayer.identity.learning.model_file import write_model
from interpayer.identity.learning.sessions import Pairs, Record
from interpayer.identity.learning.splink_em import Learned, learn
from interpayer.identity.resolve import Query
from interpayer.identity.rules import RuleTable
from interpayer.identity.scoring.model import read_model
from interpayer.identity.standardize import Standard, standardize
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.keys import Vault


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to learn from: the payer whose members count, requests as they came in, and how much of everything."""

    payer: str
    requests: Sequence[Query] = ()
    members: int = 50_000
    pairs: int = 100_000
    random_pairs: int = 200_000


@dataclass(frozen=True, slots=True)
class Trained:
    """The model file and how it came about."""

    text: str
    version: str
    learned: Learned
    asked: int
    held: int
    u_fields: tuple[str, ...] = field(default=())


def train(
    conn: Connection,
    vault: Vault,
    lesson: Lesson,
    *,
    base_text: str,
    rules: RuleTable,
    progress: Callable[[int], None] = lambda _: None,
) -> Trained:
    """The model file that these records teach. Nothing is written and no value leaves; `Refusal` when they are too few.

    The requests are compared with the members they come near; without any, members are compared with each other,
    which teaches how they were entered, not how partners send them.
    """
    keys = IndexKeys(vault)
    sampled = [_record(keys, row) for row in store.sample(conn, lesson.payer, lesson.members)]
    asked = [Record(_standard(query)) for query in lesson.requests] or sampled
    pairs = Pairs(rules.nicknames, lesson.pairs)
    pairs.ask(asked)
    held = 0
    for piece in _everybody(conn, keys, lesson.payer):
        pairs.meet(piece)
        progress(held := held + len(piece))
    base = read_model(base_text)
    standards = [record.standard for record in sampled]
    chance = count_chance(standards, rules.nicknames, base, pairs=lesson.random_pairs)
    try:
        learned = learn(pairs.graded, base, chance)
        text = write_model(base_text, learned, chance)
    except ValueError as error:
        raise Refusal("identity.too_little_to_learn", str(error)) from error
    return Trained(text, read_model(text).version, learned, len(asked), held, tuple(chance))


def _everybody(conn: Connection, keys: IndexKeys, payer: str) -> Iterator[list[Record]]:
    for rows in store.members(conn, payer):
        yield [_record(keys, row) for row in rows]


def _record(keys: IndexKeys, row: Mapping[str, Any]) -> Record:
    return Record(decode(keys.unseal(bytes(row["standard"]), row["member_id"])).standard, row["member_id"])


def _standard(query: Query) -> Standard:
    return standardize(query.demographics, [query.coverage] if query.coverage else [], payer=query.payer)
