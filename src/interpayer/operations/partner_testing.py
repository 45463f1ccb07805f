"""Trying a partner before real members depend on it: its endpoints, a token, samples of what it sends; and lessons."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from interpayer.consent.reading import Unreadable, read_consent
from interpayer.exchange.member_bundle import read_bulk, read_single, shortcomings
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.partner import Endpoint, Partner, PartnerStatus
from interpayer.model.reason import Fault, Refusal
from interpayer.operations import partners
from interpayer.operations.partner_life import Why, move
from interpayer.operations.partner_views import view
from interpayer.partners import directory, gate, trials
from interpayer.partners.answers import read_manifest, read_match
from interpayer.partners.gate import Open, Trial
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.system.keys import seal, unseal

ZONE = "partners"
LARGEST_SAMPLE = 1024 * 1024
TOPICS = ("answers", "pace", "versions", "consent", "identity", "files", "errors", "other")
# What looks at one endpoint: the check's name, `passed`, `failed` or `advice`, and why.
Look = Callable[[str], Iterable[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Tried:
    """A run of checks, and what the gate asks for after it."""

    partner: Partner
    trials: tuple[Trial, ...]
    open_items: tuple[Open, ...]


@dataclass(frozen=True, slots=True)
class SampleResult:
    """Whether our reader does with a sample what it should: take a good one, refuse a malformed one, and why."""

    sample: trials.Sample
    is_right: bool
    words: str


def run(tools: Tools, name: str, *, look: Look, with_token: bool, actor: Actor) -> Tried:
    """Try every active endpoint of this environment; the calls are made outside of any transaction.

    An invited partner whose registration is whole becomes testing. Samples kept are read again as well.
    """
    with tools.database.transaction() as conn:
        partner = partners.find(conn, name)
        endpoints = registry.endpoints_of_partner(conn, partner.id)
        samples = check_samples(tools, conn, partner.id)
    if partner.environment != tools.environment:
        raise Refusal("caller.wrong_environment", f"the partner is registered for {partner.environment}")
    fit = [e for e in endpoints if e.status == "active" and e.environment == tools.environment]
    found = [one for endpoint in fit for one in _try(tools, partner, endpoint, look=look, with_token=with_token)]
    if not fit:
        found.append(Trial(now(), None, "endpoint", "failed", "no active endpoint of this environment"))
    found += [
        Trial(now(), None, f"sample {one.sample.name}", "passed" if one.is_right else "failed", one.words)
        for one in samples
    ]
    with tools.database.transaction() as conn:
        trials.keep_run(conn, partner.id, found, by=actor.id)
        known = directory.credentials_of(conn, partner.id)
        is_whole = known is not None and gate.has_document(known.partner, known.agreed)
        if partner.status is PartnerStatus.INVITED and is_whole:
            partner = move(tools, conn, partner, PartnerStatus.TESTING, why=Why("its checks began"), actor=actor)
        failed = sorted({one.check for one in found if one.state == "failed"})
        facts: Any = {"change": "tested", "checks": len(found), "failed": failed}
        partners.record(tools, conn, partner.id, actor=actor, facts=facts)
        return Tried(partner, tuple(found), view(tools, conn, partners.find(conn, partner.id)).open_items)


def _try(tools: Tools, partner: Partner, endpoint: Endpoint, *, look: Look, with_token: bool) -> Iterable[Trial]:
    states = {"passed": "passed", "failed": "failed"}
    for name, outcome, why in look(endpoint.fhir_base):
        # Advice of a guide is told and closes no gate.
        yield Trial(now(), endpoint.id, name, states.get(outcome, "skipped"), why)
    if with_token:
        yield _token(tools, partner, endpoint)


def _token(tools: Tools, partner: Partner, endpoint: Endpoint) -> Trial:
    try:
        tools.call(partner, endpoint).token()
    except (Fault, Refusal) as error:
        return Trial(now(), endpoint.id, "token", "failed", f"{error.reason}: {error.detail}")
    return Trial(now(), endpoint.id, "token", "passed", "")


def add_sample(tools: Tools, conn: Connection, name: str, *, sample: "NewSample", actor: Actor) -> SampleResult:
    """Keep what a partner sent, sealed, good or malformed; it is read at once, and again at each test.

    Samples are made-up by agreement; they are kept as if they were not.
    """
    partner = partners.find(conn, name)
    if sample.kind not in READERS:
        raise Refusal("request.malformed", f"kind must be one of {', '.join(READERS)}")
    if not 1 <= len(sample.content) <= LARGEST_SAMPLE:
        raise Refusal("request.too_large", "a sample has at most 1 MiB")
    digest = sha256(sample.content).hexdigest()
    kept = trials.Sample(new_id("a"), sample.kind, sample.is_good, sample.name, digest, now(), actor.id)
    sealed = seal(tools.vault.zone_key(ZONE), sample.content, context=kept.id.encode())
    if not trials.keep_sample(conn, partner.id, kept, sealed=sealed):
        raise Refusal("request.malformed", "this sample is kept already")
    facts: Any = {"change": "sample", "kind": kept.kind, "is_good": kept.is_good, "sha256": digest}
    partners.record(tools, conn, partner.id, actor=actor, facts=facts)
    return _result(kept, sample.content)


@dataclass(frozen=True, slots=True)
class NewSample:
    """A sample as it is handed in."""

    kind: str
    is_good: bool
    name: str
    content: bytes


def check_samples(tools: Tools, conn: Connection, partner_id: str) -> list[SampleResult]:
    """Every sample of the partner, read by what reads such things from partners."""
    key = tools.vault.zone_key(ZONE)
    return [
        _result(sample, unseal(key, sealed, context=sample.id.encode()))
        for sample, sealed in trials.samples(conn, partner_id)
    ]


def learn(tools: Tools, conn: Connection, name: str, *, topic: str, words: str, actor: Actor) -> str:
    """Keep what working with this partner taught; without member data: it goes into documents. Returns its id."""
    partner = partners.find(conn, name)
    if topic not in TOPICS or not 1 <= len(words.strip()) <= 2000:
        raise Refusal("request.malformed", f"topic must be one of {', '.join(TOPICS)}, with words of what was learned")
    lesson = trials.Lesson(new_id("l"), topic, words.strip(), now(), actor.id, None, None, None)
    trials.keep_lesson(conn, partner.id, lesson)
    partners.record(tools, conn, partner.id, actor=actor, facts={"change": "lesson", "topic": topic})
    return lesson.id


def carried(tools: Tools, conn: Connection, lesson_id: str, *, actor: Actor) -> None:
    """Say that client or documents carry a lesson now."""
    partner_id = trials.close_lesson(conn, lesson_id, at=now(), by=actor.id)
    if partner_id is None:
        raise Refusal("request.not_found", "no open lesson has this id")
    partners.record(tools, conn, partner_id, actor=actor, facts={"change": "lesson carried", "lesson": lesson_id})


def _result(sample: trials.Sample, content: bytes) -> SampleResult:
    why = _refused(sample.kind, content)
    if sample.is_good:
        return SampleResult(sample, why is None, "" if why is None else f"a good one is refused: {why}")
    return SampleResult(sample, why is not None, why or "a malformed one is taken")


def _refused(kind: str, content: bytes) -> str | None:
    """Why our reader does not take it; None when it does. No value of the sample is told, only elements."""
    try:
        return READERS[kind](orjson.loads(content))
    except orjson.JSONDecodeError:
        return "no JSON"
    except (Refusal, Fault) as error:
        return f"{error.reason}: {error.detail}" if error.detail else error.reason


def _match(body: Any) -> str | None:
    return ", ".join(shortcomings(read_single(body), today=now().date())) or None


def _bulk_match(body: Any) -> str | None:
    lacking = {one for bundle in read_bulk(body) for one in shortcomings(bundle, today=now().date())}
    return ", ".join(sorted(lacking)) or None


def _consent(body: Any) -> str | None:
    read = read_consent(body if isinstance(body, Mapping) else {}, received_from=None)
    return f"{read.reason}: {read.detail}" if isinstance(read, Unreadable) else None


def _answer(body: Any) -> str | None:
    read_match(body)
    return None


def _manifest(body: Any) -> str | None:
    read_manifest(body, {})
    return None


READERS: Mapping[str, Callable[[Any], str | None]] = {
    "member-match": _match,
    "bulk-member-match": _bulk_match,
    "consent": _consent,
    "match-answer": _answer,
    "manifest": _manifest,
}
