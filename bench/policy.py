"""A decision against bare cedarpy on the same rules, an export's decisions per kind, and Cedar against the oracle.

python -m bench.policy [--questions 20000] [--rounds 7] [--json]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

import cedarpy

from interpayer.policy.bundle import Bundle
from interpayer.policy.composing import compose, shipped
from interpayer.policy.decide import decide, evaluate
from interpayer.policy.facts import Facts, Question, RecordFacts, RecordKind
from interpayer.policy.requests import request_of
from tests.support.policy_oracle import allows, some_facts

BATCH, MEMBERS, RECORDS = 500, 1000, 500
RESOURCES = ("Condition", "Encounter", "Observation", "ExplanationOfBenefit", "MedicationRequest", "Coverage")
LABELS: tuple[frozenset[str], ...] = (frozenset(), frozenset({"hiv"}), frozenset({"substance_use"}))
OWN = {"more.cedar": '@id("more")\n@reason("policy.denied")\nforbid (principal == Partner::"x", action, resource);\n'}


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender over all rounds; `ratio` is its rate over that of bare cedarpy in the same round."""

    contender: str
    per_second: float
    ratio: float


def timed(work: Callable[[], object], count: int) -> float:
    """Seconds for each of so many."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / count


def some(count: int, seed: int) -> list[Question]:
    """Different facts of the hops of an exchange, as partners bring them."""
    draw = Random(seed)
    base = Facts("match", "p", "active", "production", "production", scopes=("match",), scope_needed="match")
    base = replace(base, consent="granted", attested=True, acts_for_recipient=True)
    actions = ("match", "export", "download", "read", "call", "send")
    return [replace(base, action=draw.choice(actions), partner_id=f"p-{number}") for number in range(count)]


def records(asker: Facts) -> list[RecordFacts]:
    """The facts of each record of a large export, of which few are different."""
    draw = Random(3)
    kinds = [RecordKind(draw.choice(RESOURCES), draw.choice(LABELS)) for _ in range(MEMBERS * RECORDS)]
    return [RecordFacts(asker, kind) for kind in kinds]


def one_round(bundle: Bundle, number: int) -> dict[str, float]:
    """Seconds per decision of each contender."""
    facts = some(BATCH, number)
    prepared = [request_of(bundle, one) for one in facts]

    def bare() -> None:
        for request, entities in prepared:
            cedarpy.is_authorized(request, bundle.policies, entities, bundle.schema)

    def ours(ask: Callable[[Bundle, Question], Any]) -> None:
        for one in facts:
            ask(bundle, one)

    bundle.answers.clear()
    return {
        "bare cedarpy": timed(bare, BATCH),
        "decide, new facts": timed(lambda: ours(evaluate), BATCH),
        "decide, facts seen before": _seen(bundle, facts),
    }


def _seen(bundle: Bundle, facts: Sequence[Question]) -> float:
    for one in facts:
        decide(bundle, one)
    return timed(lambda: [decide(bundle, one) for one in facts], BATCH)


def export(bundle: Bundle) -> tuple[int, int, float]:
    """Records of an export of a thousand members, questions put to the engine, and seconds for all decisions."""
    asked = records(some(1, 1)[0])  # type: ignore[arg-type]
    bundle.answers.clear()
    start = time.perf_counter()
    for one in asked:
        decide(bundle, one)
    return len(asked), len(bundle.answers), time.perf_counter() - start


def differences(bundle: Bundle, questions: int) -> int:
    """How often Cedar and the oracle in plain Python differ; the oracle lies beside the tests."""
    draw, wrong = Random(100), 0
    for _ in range(questions):
        facts = some_facts(draw)
        wrong += evaluate(bundle, facts).allow is not allows(facts)
    return wrong


def main() -> None:
    """Measure and tell."""
    options = argparse.ArgumentParser(prog="python -m bench.policy", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--questions", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    bundle = replace(shipped(), answers={})
    one_round(bundle, 0)
    found = [one_round(bundle, number) for number in range(1, given.rounds + 1)]
    results = [
        Measured(
            name,
            round(1 / statistics.median(one[name] for one in found)),
            round(statistics.median(one["bare cedarpy"] / one[name] for one in found), 3),
        )
        for name in found[0]
    ]
    count, asked, seconds = export(bundle)
    load_ms = statistics.median(timed(lambda: compose(OWN), 1) for _ in range(5)) * 1000
    wrong = differences(bundle, given.questions)
    told = {
        "decisions": [asdict(one) for one in results],
        "export": {"records": count, "asked": asked, "seconds": round(seconds, 3)},
        "load_ms": round(load_ms, 1),
        "oracle": {"questions": given.questions, "differences": wrong},
    }
    if given.json:
        print(json.dumps(told, indent=2))
    else:
        print("decisions per second, and as a share of what bare cedarpy does with the same rules and schema")
        for one in results:
            print(f"{one.contender:28} {one.per_second:12,.0f}/s {one.ratio:9.2f}")
        print(f"an export of {count:,} records: {asked} questions to the engine, {seconds:.2f} s for all decisions")
        print(f"a published policy is read in {load_ms:.1f} ms; {given.questions:,} random facts: {wrong} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
