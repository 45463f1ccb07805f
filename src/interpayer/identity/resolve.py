"""Who is meant: candidates from the index, the decision from `disposition`, rulings of people honored (tour stop 4)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

import orjson

from interpayer.identity import disposition
from interpayer.identity.blocking import ID_KINDS, person_keys, sought_keys
from interpayer.identity.disposition import Known, Outcome, Scales
from interpayer.identity.evidence import confidence, masked
from interpayer.identity.index.candidates import Engine, PostgresEngine, Sought
from interpayer.identity.index.codec import Indexed, coverages, decode
from interpayer.identity.index.frequencies import PublishedFrequencies
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import Found, any_rulings
from interpayer.identity.rules import RuleTable, read_rules
from interpayer.identity.rulings import rulings
from interpayer.identity.scoring.model import Model, default_model
from interpayer.identity.scoring.thresholds import Thresholds, default_thresholds
from interpayer.identity.standardize import Standard, as_document, standardize
from interpayer.identity.store import held_members
from interpayer.identity.sufficiency import too_little, unusable, without_impossible
from interpayer.model.match import Disposition, Match
from interpayer.model.member import Coverage, Demographics
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault

PAYER_TO_PAYER = "payer_to_payer"


@dataclass(frozen=True, slots=True)
class Query:
    """A person asked for: demographics, the card as sent, and the payer whose members are meant (ids' namespace)."""

    demographics: Demographics
    coverage: Coverage | None
    payer: str


@dataclass(frozen=True, slots=True)
class Tables:
    """The files that a decision follows, each with its version."""

    rules: RuleTable
    model: Model = field(default_factory=default_model)
    thresholds: Thresholds = field(default_factory=default_thresholds)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, the plan's own key of the member it names (where a load named one), and how many of the query's keys
    were skipped because too many people share them.
    """

    match: Match
    own_key: str | None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query made comparable, with its hashed keys; `lacking` names what stops it from being looked for at all."""

    query: Query
    standard: Standard
    hashes: Sequence[int]
    are_ids: Sequence[bool]
    lacking: tuple[str, ...]


# What people decided: by the place of the query, then by member, "same" or "out".
_Ruled = Mapping[int, Mapping[str, str]]
# From so many queries on it is worth asking first whether anybody ever decided about a request.
_MANY = 50


@cache
def default_rules() -> RuleTable:
    """The rule table that lies beside the code."""
    here = resources.files("interpayer.identity")
    return read_rules(
        here.joinpath("rules_d.yaml").read_text("utf-8"), here.joinpath("nicknames.yaml").read_text("utf-8")
    )


@cache
def default_tables() -> Tables:
    """The rules, model and thresholds that ship."""
    return Tables(default_rules())


class Resolver:
    """Resolves people against the members held; the same decision for one query and for thousands."""

    def __init__(
        self,
        vault: Vault,
        tables: Tables | RuleTable,
        *,
        engine: Engine | None = None,
        in_force: Callable[[Connection], Tables] | None = None,
    ) -> None:
        self._vault = vault
        self._in_force = in_force
        self.tables = tables if isinstance(tables, Tables) else Tables(tables)
        self._keys = IndexKeys(vault)
        self._engine = engine or PostgresEngine()
        self._frequencies = PublishedFrequencies(self._keys)

    @property
    def rules(self) -> RuleTable:
        """The deterministic rules in force."""
        return self.tables.rules

    def tables_at(self, conn: Connection) -> Tables:
        """The tables that decide now: those adopted here, else those given."""
        return self._in_force(conn) if self._in_force else self.tables

    def resolve(
        self, conn: Connection, query: Query, *, partner: str | None = None, purpose: str = PAYER_TO_PAYER
    ) -> Match:
        """Who is meant by one query; `certain` only when exactly one person fits and nothing speaks against it."""
        return self.decide_many(conn, [query], partner=partner, purpose=purpose)[0].match

    def resolve_many(
        self, conn: Connection, queries: Sequence[Query], *, partner: str | None = None, purpose: str = PAYER_TO_PAYER
    ) -> list[Match]:
        """The match of each query, in order, in one statement however many there are."""
        return [one.match for one in self.decide_many(conn, queries, partner=partner, purpose=purpose)]

    def decide_many(
        self, conn: Connection, queries: Sequence[Query], *, partner: str | None = None, purpose: str = PAYER_TO_PAYER
    ) -> list[Decided]:
        """As `resolve_many`, with the plan's own keys of the members."""
        asked = [self._ask(query) for query in queries]
        sought = Sought(
            hashes=[hashed for one in asked for hashed in one.hashes],
            are_ids=[is_id for one in asked for is_id in one.are_ids],
            fingerprints=self._fingerprints(conn, asked),
            largest=self.rules.largest_block,
        )
        found = self._engine.find(conn, sought)
        near = self._near(asked, found, self._ruled(conn, found, sought.fingerprints))
        tables = self.tables_at(conn)
        scales = Scales(
            tables.model,
            tables.thresholds.for_(partner, purpose),
            self._frequencies.at(conn, found.revision),
        )
        decided = [self._decide(one, near[n], scales) for n, one in enumerate(asked)]
        for n, skipped in _skipped(asked, found).items():
            decided[n] = self._look_again(asked[n], decided[n], skipped)
        return decided

    def verify(self, conn: Connection, demographics: Demographics, member_id: str) -> Match:
        """Whether demographics that came back are really this member's; `Refusal` when the member is unknown."""
        held = held_members(conn, self._vault, {member_id}).get(member_id)
        if held is None:
            raise Refusal("request.not_found")
        asked = standardize(demographics, payer=held.payer)
        known = Known(held.member_id, held.person_id, held.standard, held.profile.coverages)
        return self._match(disposition.verify(asked, known, self.rules), None)

    def fingerprint(self, query: Query) -> str:
        """What a repeated request is recognized by: the same facts in any spelling give the same text."""
        return self._fingerprint(self._ask(query))

    def _ask(self, query: Query) -> _Asked:
        person = without_impossible(query.demographics, today=now().date())
        standard = standardize(person, [query.coverage] if query.coverage else [], payer=query.payer)
        lacking = unusable(query.demographics, query.coverage) or too_little(standard)
        keys = list(sought_keys(standard, self.rules.nicknames)) if query.payer and not lacking else []
        hashes = self._keys.hashes(keys, query.payer)
        return _Asked(query, standard, hashes, [kind in ID_KINDS for kind, _ in keys], lacking)

    def _fingerprint(self, asked: _Asked) -> str:
        document = orjson.dumps([asked.query.payer, as_document(asked.standard)])
        return self._vault.pseudonym("identity.request", document.decode())

    def _fingerprints(self, conn: Connection, asked: Sequence[_Asked]) -> list[str]:
        """By place; none where nobody ever decided about any request."""
        if len(asked) >= _MANY and not any_rulings(conn):
            return []
        return [self._fingerprint(one) for one in asked]

    def _ruled(self, conn: Connection, found: Found, fingerprints: Sequence[str]) -> _Ruled:
        """What people decided about members. "Same" holds on; everything else lapses when the data change."""
        if not any(place < 0 for one in found.near for place in one.places):
            return {}
        decided = rulings(conn, fingerprints)
        held = held_members(conn, self._vault, {member_id for by in decided.values() for member_id in by})
        in_force = {
            fingerprint: {
                member_id: "same" if decision == "same" else "out"
                for member_id, (decision, digest) in by.items()
                if decision == "same" or (member_id in held and held[member_id].digest == digest)
            }
            for fingerprint, by in decided.items()
        }
        return {place: in_force[one] for place, one in enumerate(fingerprints) if one in in_force}

    def _near(self, asked: Sequence[_Asked], found: Found, ruled: _Ruled) -> Mapping[int, list[tuple[Known, Indexed]]]:
        """By the place of each query everybody near it, made comparable once however many queries come near."""
        owners = [n for n, one in enumerate(asked) for _ in one.hashes]
        near: dict[int, list[tuple[Known, Indexed]]] = defaultdict(list)
        for one in found.near:
            indexed = decode(self._keys.unseal(one.standard, one.member_id))
            plain = Known(one.member_id, one.person_id, indexed.standard)
            for n in {owners[place - 1] if place > 0 else -place - 1 for place in one.places}:
                ruling = ruled[n].get(one.member_id) if n in ruled else None
                near[n].append((_as_asked(plain, asked[n].query, indexed, ruling), indexed))
        return near

    def _decide(self, asked: _Asked, near: Sequence[tuple[Known, Indexed]], scales: Scales) -> Decided:
        if asked.lacking:
            outcome = Outcome(Disposition.NONE, "identity.insufficient", missing=asked.lacking)
            return Decided(self._match(outcome, scales), None)
        card = asked.query.coverage
        people = [known for known, _ in near]
        outcome = disposition.decide(asked.standard, people, self.rules, card=card, scales=scales)
        own_key = next((indexed.own_key for known, indexed in near if known.member_id == outcome.member_id), None)
        unusable = masked(asked.query.demographics, card, asked.standard)
        return Decided(self._match(outcome, scales, unusable), own_key)

    def _look_again(self, asked: _Asked, decided: Decided, skipped: Collection[int]) -> Decided:
        """Nobody is certain by weight while all who share the name and the birth date are too many to look at."""
        match = decided.match
        keys = list(person_keys(asked.standard, self.rules.nicknames))
        hashes = zip(keys, self._keys.hashes(keys, asked.query.payer), strict=True)
        unseen = all(hashed in skipped for (kind, _), hashed in hashes if kind in ("birth_given", "birth_family"))
        if match.member_id is None or match.rule != disposition.BY_WEIGHT or not unseen:
            return replace(decided, skipped=len(skipped))
        doubt = replace(match, disposition=Disposition.REVIEW, reason="identity.ambiguous", member_id=None)
        return Decided(replace(doubt, confidence=None), None, len(skipped))

    def _match(self, outcome: Outcome, scales: Scales | None, unusable: tuple[str, ...] = ()) -> Match:
        return Match(
            disposition=outcome.disposition,
            reason=outcome.reason,
            member_id=outcome.member_id,
            evidence_id=new_id("e"),
            rule=outcome.rule,
            rule_version=self.rules.version,
            candidates=outcome.candidates,
            missing=outcome.missing,
            score=outcome.score,
            margin=outcome.margin,
            runner_up=outcome.runner_up,
            model_version=scales.model.version if scales else None,
            threshold_version=scales.limits.version if scales else None,
            purpose=scales.limits.purpose if scales else None,
            masked=unusable,
            confidence=confidence(outcome.score) if outcome.member_id else None,
        )


def resolve_member(
    conn: Connection, vault: Vault, query: Query, *, tables: Tables | None = None, purpose: str = ""
) -> Match:
    """Who is meant by one query, without a `Resolver` to keep: for scripts and notebooks.

    `certain` names `member_id`; `review` and `none` say why in `reason`, and `candidates` hold the evidence. Nothing is
    written: `identity.store.save_evidence(conn, [match])` keeps it. Who asks often keeps a `Resolver` instead.
    """
    return Resolver(vault, tables or default_tables()).resolve(conn, query, purpose=purpose)


def _skipped(asked: Sequence[_Asked], found: Found) -> dict[int, set[int]]:
    """By the place of the query the hashes of its keys that too many share."""
    skipped: dict[int, set[int]] = defaultdict(set)
    if found.skipped:
        owners = [(n, hashed) for n, one in enumerate(asked) for hashed in one.hashes]
        for place in found.skipped:
            n, hashed = owners[place - 1]
            skipped[n].add(hashed)
    return skipped


def _as_asked(plain: Known, query: Query, indexed: Indexed, ruling: str | None) -> Known:
    """The member with what people decided about this request, and the coverages where the card names a period."""
    if query.coverage is not None and query.coverage.starts_on is not None:
        return replace(plain, coverages=coverages(indexed, query.payer), ruling=ruling)
    return replace(plain, ruling=ruling) if ruling else plain
