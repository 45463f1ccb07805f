"""Labels for calibration: requests whose right answer is known, and cases that people decided."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from interpayer.identity.disposition import BY_WEIGHT
from interpayer.identity.learning import store
from interpayer.identity.learning.calibration import BY_RULE, Labelled
from interpayer.identity.learning.thresholds_file import Scope
from interpayer.identity.resolve import Decided, Query, Resolver, Tables
from interpayer.identity.scoring.thresholds import Limits, Thresholds
from interpayer.model.match import Disposition
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

_PIECE = 500
_NO_LIMIT = -1_000.0


@dataclass(frozen=True, slots=True)
class Truth:
    """A request and the plan's own keys of the member that is meant; none when nobody may be released."""

    query: Query
    accept: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the labelled requests come to under the limits in force."""

    answerable: int = 0
    released: int = 0
    wrong: int = 0
    review: int = 0
    found: int = 0


def limits_of(thresholds: Thresholds, scope: Scope) -> Limits:
    """The limits that hold for a scope."""
    names = {scope.kind: scope.name}
    return thresholds.for_(names.get("partner"), names.get("purpose", ""), rule_set=names.get("rule_set", ""))


def label(
    conn: Connection,
    vault: Vault,
    truths: Sequence[Truth],
    *,
    tables: Tables,
    scope: Scope,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Labelled]:
    """Up to which limit each request is released, and whether rightly; everything but that limit holds as in force."""
    open_ = replace(limits_of(tables.thresholds, scope), certain=_NO_LIMIT, review=_NO_LIMIT)
    labelled = []
    for truth, decided in _decided(conn, vault, truths, replace(tables, thresholds=_only(open_))):
        labelled.append(Labelled(_released_up_to(decided), decided.own_key in truth.accept, bool(truth.accept)))
        if len(labelled) % _PIECE == 0:
            progress(len(labelled))
    return labelled


def tally(conn: Connection, vault: Vault, truths: Sequence[Truth], *, tables: Tables, scope: Scope) -> Tally:
    """What these limits do with the labelled requests, decided as any other request is."""
    counts = dict.fromkeys(Tally.__dataclass_fields__, 0)
    only = replace(tables, thresholds=_only(limits_of(tables.thresholds, scope)))
    for truth, decided in _decided(conn, vault, truths, only):
        found, has_answer = decided.match.disposition, bool(truth.accept)
        is_right = decided.own_key in truth.accept
        counts["answerable"] += has_answer
        counts["released"] += found is Disposition.CERTAIN
        counts["wrong"] += found is Disposition.CERTAIN and not is_right
        counts["review"] += found is Disposition.REVIEW
        counts["found"] += has_answer and (is_right or found is Disposition.REVIEW)
    return Tally(**counts)


def label_cases(conn: Connection, limits: Limits, *, partner: str | None = None) -> list[Labelled]:
    """Decided cases that only the limit held back, by the score that they had: what a lower limit would release.

    Cases of another reason stay cases at any limit; who could not be decided labels nothing.
    """
    labelled = []
    for row in store.decided_cases(conn, partner):
        is_same = row["decision"] == "same"
        if row["decision"] != "undecidable" and row["score"] < limits.certain:
            labelled.append(Labelled(float(row["score"]), is_same, is_same))
    return labelled


def _decided(
    conn: Connection, vault: Vault, truths: Sequence[Truth], tables: Tables
) -> Iterator[tuple[Truth, Decided]]:
    resolver, waiting = Resolver(vault, tables), iter(truths)
    while piece := list(islice(waiting, _PIECE)):
        decided = resolver.decide_many(conn, [truth.query for truth in piece], purpose="")
        yield from zip(piece, decided, strict=True)


def _only(limits: Limits) -> Thresholds:
    return Thresholds(limits.version, limits, {}, {}, {})


def _released_up_to(decided: Decided) -> float | None:
    match = decided.match
    if match.disposition is not Disposition.CERTAIN:
        return None
    return match.score if match.rule == BY_WEIGHT and match.score is not None else BY_RULE
