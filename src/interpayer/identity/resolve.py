"""Who is meant: candidates from the store, the decision from `disposition`, rulings of people honored (tour stop 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import NamedTuple

import orjson

from interpayer.identity import disposition
from interpayer.identity.blocking import asked_keys
from interpayer.identity.disposition import Known, Outcome
from interpayer.identity.rules import RuleTable, read_rules
from interpayer.identity.rulings import rulings
from interpayer.identity.standardize import Standard, as_document, standardize
from interpayer.identity.store import Held, blocks, hash_key, held_members
from interpayer.model.match import Match
from interpayer.model.member import Coverage, Demographics
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault


@dataclass(frozen=True, slots=True)
class Query:
    """A person asked for: demographics, the card as sent, and the payer whose members are meant (ids' namespace)."""

    demographics: Demographics
    coverage: Coverage | None
    payer: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query made comparable, with its hashed keys and fingerprint."""

    query: Query
    standard: Standard
    keys: frozenset[tuple[str, str]]
    fingerprint: str


class _Member(NamedTuple):
    """A member made comparable once, however many queries come near it."""

    known: Known
    payer: str
    digest: str


_Found = Mapping[tuple[str, str], Sequence[str]]
_Ruled = Mapping[str, Mapping[str, tuple[str, str]]]


@cache
def default_rules() -> RuleTable:
    """The rule table that lies beside the code."""
    here = resources.files("interpayer.identity")
    return read_rules(
        here.joinpath("rules_d.yaml").read_text("utf-8"), here.joinpath("nicknames.yaml").read_text("utf-8")
    )


class Resolver:
    """Resolves people against the members held; the same decision for one query and for thousands."""

    def __init__(self, vault: Vault, rules: RuleTable) -> None:
        self._vault = vault
        self.rules = rules

    def resolve(self, conn: Connection, query: Query) -> Match:
        """Who is meant by one query; `certain` only when exactly one person fits and nothing speaks against it."""
        return self.resolve_many(conn, [query])[0]

    def resolve_many(self, conn: Connection, queries: Sequence[Query]) -> list[Match]:
        """The match of each query, in order, in three statements however many there are."""
        asked = [self._ask(query) for query in queries]
        found = blocks(conn, {key for one in asked for key in one.keys}, largest=self.rules.largest_block)
        ruled = rulings(conn, {one.fingerprint for one in asked})
        wanted = {m for members in found.values() for m in members} | {m for by in ruled.values() for m in by}
        held = held_members(conn, self._vault, wanted)
        known = {member_id: _known(member) for member_id, member in held.items()}
        return [self._decide(one, self._near(one, found, ruled, known)) for one in asked]

    def verify(self, conn: Connection, demographics: Demographics, member_id: str) -> Match:
        """Whether demographics that came back are really this member's; `Refusal` when the member is unknown."""
        held = held_members(conn, self._vault, {member_id}).get(member_id)
        if held is None:
            raise Refusal("request.not_found")
        asked = standardize(demographics, payer=held.payer)
        return self._match(disposition.verify(asked, _known(held).known, self.rules))

    def fingerprint(self, query: Query) -> str:
        """What a repeated request is recognized by: the same facts in any spelling give the same text."""
        return self._ask(query).fingerprint

    def _ask(self, query: Query) -> _Asked:
        standard = standardize(query.demographics, [query.coverage] if query.coverage else [], payer=query.payer)
        document = orjson.dumps([query.payer, as_document(standard)])
        keys = asked_keys(standard, query.payer, self.rules.nicknames) if query.payer else frozenset()
        hashed = frozenset((kind, hash_key(self._vault, kind, value)) for kind, value in keys)
        return _Asked(query, standard, hashed, self._vault.pseudonym("identity.request", document.decode()))

    def _near(self, asked: _Asked, found: _Found, ruled: _Ruled, known: Mapping[str, _Member]) -> list[Known]:
        # Everybody under one of the keys, and whom a person named; members of another payer are not meant.
        rulings_here = ruled.get(asked.fingerprint, {})
        members = {m for key in asked.keys for m in found.get(key, ())} | set(rulings_here)
        near = [known[m] for m in sorted(members) if m in known and known[m].payer == asked.query.payer]
        return [_with_ruling(member, rulings_here.get(member.known.member_id)) for member in near]

    def _decide(self, asked: _Asked, near: Sequence[Known]) -> Match:
        return self._match(disposition.decide(asked.standard, near, self.rules, card=asked.query.coverage))

    def _match(self, outcome: Outcome) -> Match:
        return Match(
            disposition=outcome.disposition,
            reason=outcome.reason,
            member_id=outcome.member_id,
            evidence_id=new_id("e"),
            rule=outcome.rule,
            rule_version=self.rules.version,
            candidates=outcome.candidates,
            missing=outcome.missing,
        )


def _known(held: Held) -> _Member:
    known = Known(held.member_id, held.person_id, held.standard, held.profile.coverages)
    return _Member(known, held.payer, held.digest)


def _with_ruling(member: _Member, ruling: tuple[str, str] | None) -> Known:
    # "Same" holds on; every other ruling lapses when the member's data change.
    if ruling is None or (ruling[0] != "same" and ruling[1] != member.digest):
        return member.known
    return replace(member.known, ruling="same" if ruling[0] == "same" else "out")
