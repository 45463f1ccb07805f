"""The CMS Patient Matching & Response Proposal, draft 3.3.0, Table 2, as we read it: person-level rules only.

A rule holds when its fields agree; a query is released when all rules together name one person (merged records count
as one). First name by nickname table; one field of a rule may differ by one edit where the table has a star and five
letters; the birth date by a day where it has a star. Differing suffixes speak against. Left out: 06-10, 13-16, 18,
20-26 (documents that these files do not have, or last name with a channel that a household shares), 29, 30, 33-37.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from rapidfuzz.distance import OSA

from bench.matching.answers import Answer, Population, Race, Row, rows
from bench.matching.plain import cleaned, nicknames

# rule: the fields, those of them that may be fuzzy
RULES: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "01": (("first", "last", "dob", "street"), frozenset({"first", "last", "dob", "street"})),
    "02": (("first", "last", "dob", "phone"), frozenset({"last", "dob"})),
    "03": (("first", "last", "dob", "email"), frozenset({"first", "last", "dob"})),
    "04": (("first", "last", "dob", "ssn4"), frozenset({"first"})),
    "05": (("first", "last", "dob", "ssn4"), frozenset({"last"})),
    "11": (("first", "dob", "phone"), frozenset()),
    "12": (("first", "dob", "email"), frozenset()),
    "17": (("first", "phone", "ssn4"), frozenset()),
    "19": (("first", "email", "ssn4"), frozenset()),
    "27": (("first", "dob", "member_id"), frozenset()),
    "28": (("last", "dob", "member_id"), frozenset({"last", "dob"})),
    "31": (("first", "last", "dob", "subscriber_id"), frozenset({"first"})),
    "32": (("first", "last", "dob", "subscriber_id"), frozenset({"last"})),
}
_BLOCKS = (("dob",), ("phone", "ssn4"), ("email", "ssn4"), ("member_id",))
EXACT, FUZZY, NO = 2, 1, 0


@dataclass(slots=True)
class Table:
    """Members by block; the row of each."""

    people: dict[str, str] = field(default_factory=dict)
    members: dict[str, Row] = field(default_factory=dict)
    blocks: dict[tuple[str, ...], list[str]] = field(default_factory=lambda: defaultdict(list))

    def near(self, query: Row) -> Iterator[str]:
        """Every member that some rule could name, once."""
        seen: set[str] = set()
        for key in _keys(query, days=(-1, 0, 1)):
            for member in self.blocks.get(key, ()):
                if member not in seen:
                    seen.add(member)
                    yield member


def run(population: Population) -> Race:
    """Answers of the draft's rules to every query."""
    start = time.perf_counter()
    table, formal = Table(), nicknames()
    for row in rows(population.members):
        table.people[row["member_key"]] = row["merged_into"] or row["member_key"]
        table.members[row["member_key"]] = one = cleaned(row)
        for key in _keys(one, days=(0,)):
            table.blocks[key].append(row["member_key"])
    loaded = time.perf_counter()
    answers, single = {}, []
    for row in rows(population.queries):
        asked = time.perf_counter()
        answers[row["query_id"]] = _answer(cleaned(row), table, formal)
        single.append(1000 * (time.perf_counter() - asked))
    seconds = {"index": loaded - start, "match": time.perf_counter() - loaded}
    return Race("CMS draft 3.3.0", answers, seconds, one_ms=single)


def _keys(row: Row, days: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    for block in _BLOCKS:
        if all(row[name] for name in block):
            for day in days if block == ("dob",) else (0,):
                value = (_moved(row["dob"], day),) if block == ("dob",) else tuple(row[name] for name in block)
                yield (*block, *value)


def _moved(day: str, by: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=by)).isoformat() if by else day
    except ValueError:
        return day


def _answer(query: Row, table: Table, formal: dict[str, frozenset[str]]) -> Answer:
    named: dict[str, tuple[str, str]] = {}
    for key in table.near(query):
        member = table.members[key]
        if query["suffix"] and member["suffix"] and query["suffix"] != member["suffix"]:
            continue
        rule = _rule(query, member, formal)
        if rule:
            named.setdefault(table.people[key], (key, rule))
    if len(named) == 1:
        ((key, rule),) = named.values()
        return Answer("certain", key, 1.0, f"rule {rule}")
    return Answer("review", reason="several") if named else Answer("none")


def _rule(query: Row, member: Row, formal: dict[str, frozenset[str]]) -> str:
    agrees: dict[str, int] = {}
    for rule, (fields, fuzzy) in RULES.items():
        edits = 0
        for name in fields:
            if name not in agrees:
                agrees[name] = _agree(name, query, member, formal)
            if agrees[name] == NO or (agrees[name] == FUZZY and name not in fuzzy):
                break
            edits += agrees[name] == FUZZY
        else:
            if edits <= 1:
                return rule
    return ""


def _agree(name: str, query: Row, member: Row, formal: dict[str, frozenset[str]]) -> int:
    asked, held = query[name], member[name]
    if not asked or not held:
        return NO
    if name == "street" and query["zip"] != member["zip"]:
        return NO
    if asked == held or (name == "last" and asked == member["last_before"]):
        return EXACT
    if name == "dob":
        return FUZZY if held in {_moved(asked, 1), _moved(asked, -1)} else NO
    if name == "first" and formal.get(asked, frozenset()) & formal.get(held, frozenset()):
        return EXACT
    if name in {"first", "last", "street"} and min(len(asked), len(held)) >= 5:
        return FUZZY if OSA.distance(asked, held, score_cutoff=1) <= 1 else NO
    return NO
