"""Responder: what both ways of export share: who may have what, which exchange it belongs to, which lines go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from interpayer.adapters.declaration import Declaration
from interpayer.adapters.store import declared
from interpayer.consent import store as consent_store
from interpayer.consent.writing import write_consent
from interpayer.delivery import store as delivery_store
from interpayer.delivery.notice import CONSENT_ID, with_notice
from interpayer.delivery.provenance import OWN_FORM, Payer, SourceForm, source_form, transmitter_provenance
from interpayer.delivery.withdrawal import WITHDRAWN, WITHDRAWN_TEXT, drop_member
from interpayer.exchange import batch_store, source_store, store
from interpayer.exchange.completeness import SourceAsked, gaps_of, rendered, stale
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.governing import refused_kinds
from interpayer.exchange.steps.limiting import outgrown
from interpayer.exchange.steps.permitting import to_read
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.identity import store as identity_store
from interpayer.identity.reading import write_patient
from interpayer.model.consent import Consent, Limits, Permission, Verdict
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, Role, State
from interpayer.model.partner import Caller
from interpayer.model.record import Lines
from interpayer.policy.facts import RecordKind
from interpayer.records.export import Selection, export_lines, parameters_of
from interpayer.records.limiting import ALWAYS, kind_key, kinds
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


def decide(
    tools: Tools, conn: Connection, partner_id: str, member_ids: Sequence[str], *, action: str = "export"
) -> dict[str, Permission]:
    """The permission of each member for this partner now: grant, consent, withdrawal, policy."""
    return to_read(tools, conn, partner_id, member_ids, action=action)


def selection_of(
    tools: Tools, decisions: Mapping[str, Permission], asked: Mapping[str, Any], *, until: datetime | None
) -> Selection:
    """The records that may go: by what each permission leaves out, by service date, type and increment asked for."""
    as_of = datetime.fromisoformat(asked["received_at"]).date()
    wanted_until = datetime.fromisoformat(asked["until"]) if asked.get("until") else None
    return Selection(
        member_ids=tuple(decisions),
        as_of=as_of,
        service_from=as_of.replace(day=min(as_of.day, 28), year=as_of.year - tools.policy().exchange.payload_years),
        types=tuple(asked["types"]) or None,
        since=datetime.fromisoformat(asked["since"]) if asked.get("since") else None,
        until=min(filter(None, (wanted_until, until)), default=None),
        limits={m: decision.limits for m, decision in decisions.items() if not decision.limits.is_open},
    )


def by_kind(
    tools: Tools, conn: Connection, partner_id: str, selection: Selection, *, decisions: Mapping[str, Permission]
) -> Selection:
    """The selection without the kinds of records that policy refuses: asked once per kind, never per record."""
    groups: dict[Limits, list[str]] = {}
    for member_id, decision in decisions.items():
        groups.setdefault(decision.limits, []).append(member_id)
    refused: dict[Limits, frozenset[str]] = {}
    for limits, member_ids in groups.items():
        held = kinds(conn, parameters_of(selection, member_ids))
        asked = [RecordKind(kind, labels) for kind, labels in sorted(held, key=lambda one: kind_key(*one))]
        # an allow-list of types does not mean the person and whence the records came
        meant = replace(limits, types=limits.types | set(ALWAYS)) if limits.types is not None else limits
        given = replace(decisions[member_ids[0]], limits=meant)
        no = refused_kinds(tools, conn, partner_id, given=given, kinds=asked)
        refused[limits] = frozenset(kind_key(one.type, one.labels) for one in no)
    return replace(selection, refused={limits: keys for limits, keys in refused.items() if keys})


def exchanges_for(
    tools: Tools, conn: Connection, asked: Mapping[str, Any], exchange_of: Mapping[str, str], *, caller: Caller
) -> dict[str, str]:
    """The match's own exchange for the first export; a new one that follows it for every later export."""
    standing = store.lock_many(conn, list(exchange_of.values()))
    current: dict[str, str] = {}
    later: list[tuple[str, Exchange]] = []
    for member_id, exchange_id in exchange_of.items():
        exchange = standing[exchange_id]
        if exchange.state is State.PERMITTED:
            current[member_id] = exchange_id
        else:
            later.append((member_id, exchange))
    return {**current, **_followers(tools, conn, asked, later, caller=caller)}


def _followers(
    tools: Tools, conn: Connection, asked: Mapping[str, Any], later: Sequence[tuple[str, Exchange]], *, caller: Caller
) -> dict[str, str]:
    clock, at = tools.policy().clock, now()
    made: dict[str, str] = {}
    new: list[store.NewExchange] = []
    events: list[Event] = []
    for member_id, before in later:
        exchange_id = new_id("x")
        made[member_id] = exchange_id
        sealed = tools.seal_request(dict(asked), exchange_id=exchange_id)
        new.append(
            store.NewExchange(
                id=exchange_id,
                role=Role.RESPONDER,
                correlation_id=asked["correlation_id"],
                partner_id=caller.partner_id,
                organization=next(iter(caller.organizations), None),
                purpose=before.purpose,
                basis=before.basis,
                received_at=at,
                due_at=clock.respond_by(at, tools.entity.time_zone),
                give_up_at=at + timedelta(days=clock.give_up_days),
                envelope=sealed,
                envelope_sha256=sha256(sealed).hexdigest(),
                follows=before.id,
            )
        )
        events.append(
            Event(
                *("exchange.received", exchange_id, "partner", caller.partner_id),
                exchange_id=exchange_id,
                partner_id=caller.partner_id,
                member_id=member_id,
                facts={"role": "responder", "follows": before.id, "correlation_id": asked["correlation_id"]},
            )
        )
    store.create_many(conn, new)
    tools.ledger.append_many(conn, events)
    facts: dict[str, JSON] = {"rule": "match of the exchange that this one follows"}
    for target, member in ((State.VALIDATED, False), (State.IDENTIFIED, True), (State.PERMITTED, False)):
        moves = [
            Move(x, target, facts=facts if member else {}, member_id=m if member else None) for m, x in made.items()
        ]
        move(conn, tools.ledger, moves)
    return made


def refuse(tools: Tools, conn: Connection, exchange_of: Mapping[str, str], decisions: Mapping[str, Permission]) -> None:
    """Withdrawn members end as revoked, other refusals as blocked."""
    moves = [
        permission.moved(x, decisions[m], State.REVOKED if decisions[m].reason == "consent.revoked" else State.BLOCKED)
        for m, x in exchange_of.items()
    ]
    move(conn, tools.ledger, moves)


def withdraw_outgrown(
    tools: Tools, conn: Connection, job_id: str, exchange_of: Mapping[str, str], *, decisions: Mapping[str, Permission]
) -> dict[str, str]:
    """Take out of a job's files who may no longer be in them: refused now, or written under limits that left out less.

    What may still go of the latter goes with the next export. Returns them, by exchange.
    """
    refused = {m for m in exchange_of if decisions[m].is_refused}
    wider = outgrown(batch_store.limits_written(conn, job_id), decisions) - refused
    gone = {m: x for m, x in exchange_of.items() if m in refused | wider}
    for member_id in gone:
        drop_member(conn, member_id, job_id=job_id)
    if gone:
        # also when their lines were never written: who asked must not take less for all
        delivery_store.add_issue(conn, job_id, code=WITHDRAWN, text=WITHDRAWN_TEXT)
    outdated = {m: replace(decisions[m], verdict=Verdict.REFUSED, reason="policy.narrowed") for m in wider}
    refuse(tools, conn, gone, {**decisions, **outdated})
    return gone


def told_of_sources(asked: Sequence[SourceAsked]) -> dict[str, JSON]:
    """What stands in an exchange's details when its answer is known: the sources, the gaps, how many are stale."""
    return {"sources": [*rendered(asked)], "gaps": [*gaps_of(asked)], "stale": stale(asked)}


def lines_of(
    tools: Tools,
    conn: Connection,
    selection: Selection,
    exchange_of: Mapping[str, str],
    *,
    decisions: Mapping[str, Permission],
) -> Iterator[Lines]:
    """The records' lines, among them one Transmitter Provenance per exchange that names what goes (PDex 2.2)."""

    def patients(member_ids: Sequence[str]) -> Mapping[str, bytes]:
        known = identity_store.demographics_of(conn, tools.vault, list(member_ids))
        return {m: orjson.dumps(write_patient(d, m)) for m, d in known.items()}

    at, forms, consents = now(), _forms_of(conn, exchange_of), _Consents(conn, decisions)

    def transmitter(member_id: str, sent: Sequence[str], has_notice: bool) -> bytes:
        provenance_id = tools.vault.record_id(tools.fhir_base, "Provenance", exchange_of[member_id])
        payer = Payer(tools.entity.identifier, tools.entity.name)
        told = transmitter_provenance(provenance_id, payer, sent, recorded=at, forms=forms[member_id])
        return orjson.dumps(with_notice(told, consents.resource(member_id)) if has_notice else told)

    return export_lines(conn, tools.codec, selection, patients=patients, transmitter=transmitter)


class _Consents:
    """The consents that an answer rests on, read together when the first of them must go along."""

    def __init__(self, conn: Connection, decisions: Mapping[str, Permission]) -> None:
        self._conn, self._decisions = conn, decisions
        self._known: Mapping[str, Consent] | None = None

    def resource(self, member_id: str) -> dict[str, Any] | None:
        """The member's Consent as a resource; None where the answer rests on another basis."""
        if self._known is None:
            wanted = [one.consent_id for one in self._decisions.values() if one.consent_id]
            self._known = consent_store.load_many(self._conn, wanted)
        decision = self._decisions[member_id]
        consent = self._known.get(decision.consent_id or "")
        if consent is None:
            return None
        patient = f"Patient/{member_id}"
        return write_consent(consent, consent_id=CONSENT_ID, patient_ref=patient, limits=decision.limits)


def _forms_of(conn: Connection, exchange_of: Mapping[str, str]) -> dict[str, list[SourceForm]]:
    """Per member, in which forms the sources of the answer keep what they gave."""
    known = {one.name: one for one in declared(conn)}
    asked = source_store.of_exchanges(conn, list(exchange_of.values()))
    gave = {m: [one for one in asked.get(x, ()) if one.types] for m, x in exchange_of.items()}
    return {
        member_id: sorted({_form_of(known[one.source], one) if one.source in known else OWN_FORM for one in sources})
        for member_id, sources in gave.items()
    }


def _form_of(declaration: Declaration, asked: SourceAsked) -> SourceForm:
    """By what it gave, where the declaration does not say what kind of knowledge it has."""
    given = "enrollment" if set(asked.types) == {"Coverage"} else declaration.role_of("")
    return source_form(declaration.kind, declaration.role or given)
