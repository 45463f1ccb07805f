"""A partner as people and systems of the plan see it: what was agreed, what runs out, what the gate asks for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.model.agreement import ActsFor, Certificate, Contact
from interpayer.model.partner import Endpoint, Partner, PartnerStatus
from interpayer.partners import agreements, directory, gate, invitations, store, trials
from interpayer.partners.credentials import counts
from interpayer.partners.gate import Open, Trial
from interpayer.routing import pacing, registry
from interpayer.routing.choose import Breaker
from interpayer.routing.pacing import PaceState
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A partner with where it answers, how its endpoints fare, what was agreed and shown, and how it came here."""

    partner: Partner
    agreed: directory.Agreed
    endpoints: tuple[Endpoint, ...]
    breakers: Mapping[str, Breaker]
    paces: Mapping[str, PaceState]
    acts_for: tuple[ActsFor, ...]
    contacts: tuple[Contact, ...]
    certificates: tuple[Certificate, ...]
    leaving_keys: Mapping[str, datetime]
    last_run: tuple[Trial, ...]
    samples: tuple[trials.Sample, ...]
    lessons: tuple[trials.Lesson, ...]
    invited_until: datetime | None
    history: tuple[directory.Change, ...]
    open_items: tuple[Open, ...]


def view(tools: Tools, conn: Connection, partner: Partner) -> PartnerView:
    """Everything about one partner, as it stands in this transaction."""
    known = directory.credentials_of(conn, partner.id)
    agreed = known.agreed if known else directory.Agreed()
    endpoints = tuple(registry.endpoints_of_partner(conn, partner.id))
    certificates, contacts = store.certificates(conn, partner.id), store.contacts(conn, partner.id)
    samples = tuple(sample for sample, _ in trials.samples(conn, partner.id))
    last_run, at = trials.last_run(conn, partner.id), now()
    shown = gate.Shown(
        partner=partner,
        agreed=agreed,
        endpoints=endpoints,
        certificates=certificates,
        contacts=contacts,
        last_run=last_run,
        samples=[sample.is_good for sample in samples],
        at=at,
        environment=tools.environment,
    )
    ids = [endpoint.id for endpoint in endpoints]
    return PartnerView(
        partner=partner,
        agreed=agreed,
        endpoints=endpoints,
        breakers=registry.breaker_states(conn, ids),
        paces=pacing.paces(conn, ids),
        acts_for=store.acts_for(conn, partner.id),
        contacts=contacts,
        certificates=certificates,
        leaving_keys=store.leaving_keys(conn, partner.id),
        last_run=last_run,
        samples=samples,
        lessons=tuple(lesson for _, lesson in trials.lessons(conn, partner.id)),
        invited_until=invitations.open_until(conn, partner.id, at=at),
        history=tuple(directory.history(conn, partner.id)),
        open_items=() if partner.status is PartnerStatus.RETIRED else gate.missing(shown),
    )


def told(partner: Partner) -> dict[str, Any]:
    """A partner in short; of its keys only the ids."""
    keys = partner.jwks.get("keys")
    return {
        "id": partner.id,
        "name": partner.name,
        "status": partner.status.value,
        "environment": partner.environment,
        "client_id": partner.client_id,
        "our_client_id": partner.our_client_id,
        "organizations": list(partner.organizations),
        "scopes": list(partner.scopes),
        "attested_by_contract": partner.attested_by_contract,
        "contact": partner.contact,
        "key_ids": [key.get("kid") for key in keys if isinstance(key, Mapping)] if isinstance(keys, list) else [],
    }


def agreed_told(shown: PartnerView) -> dict[str, Any]:
    """What was agreed with it, in fields of their own."""
    at, agreed = now(), shown.agreed
    return {
        "origin": agreed.origin,
        "udap": {"community": agreed.udap_community, "uri": agreed.udap_uri} if agreed.udap_uri else None,
        "jwks_url": agreed.jwks_url,
        "acts_for": [
            {**agreements.acts_for_as_document(one), "in_force": one.in_force(at.date())} for one in shown.acts_for
        ],
        "contacts": [agreements.contact_as_document(one) for one in shown.contacts],
        "certificate_names": list(agreed.certificate_names),
        "certificates": [{**asdict(one), "counts": counts(one, at=at)} for one in shown.certificates],
        "keys_leaving": dict(shown.leaving_keys),
        **{name: agreements.as_document(getattr(agreed, name)) for name in directory.DOCUMENTS},
        "assertion_style": agreed.assertion_style,
        "algorithm": agreed.algorithm,
    }


def gate_told(shown: PartnerView) -> dict[str, Any]:
    """How far it is: what the gate still asks for, what was tried last, which samples are kept."""
    return {
        "open": [asdict(one) for one in shown.open_items],
        "last_test": [asdict(one) for one in shown.last_run],
        "samples": [asdict(one) for one in shown.samples],
        "invited_until": shown.invited_until,
    }


def endpoints_told(shown: PartnerView) -> list[dict[str, Any]]:
    """Where a partner answers, whether calls rest there now, and how fast we may call."""
    at = now()
    return [
        {
            "id": endpoint.id,
            "fhir_base": endpoint.fhir_base,
            "environment": endpoint.environment,
            "capabilities": list(endpoint.capabilities),
            "version": endpoint.version,
            "status": endpoint.status,
            "requires_mtls": endpoint.requires_mtls,
            "maximum_members": endpoint.maximum_members,
            "breaker": shown.breakers[endpoint.id].state if endpoint.id in shown.breakers else "closed",
            "pace": asdict(shown.paces[endpoint.id]) if endpoint.id in shown.paces else None,
            "maintenance": [list(window) for window in endpoint.maintenance],
            "is_in_maintenance": any(start <= at < end for start, end in endpoint.maintenance),
        }
        for endpoint in shown.endpoints
    ]
