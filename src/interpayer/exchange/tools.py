"""What the steps work with; built once in app.py and handed to the engine and the doors."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from interpayer.audit.ledger import Ledger
from interpayer.delivery.handoff import OwnSystems
from interpayer.exchange.sources.workshop import Workshop
from interpayer.identity.resolve import Resolver
from interpayer.model.partner import Endpoint, LegalEntity, Partner
from interpayer.normalization.labeling.sets import Sets, default_sets
from interpayer.normalization.payload import PayloadRules
from interpayer.normalization.rehearsal import Rehearsal
from interpayer.partners.client import PartnerClient
from interpayer.policy.bundle import Bundle
from interpayer.records.codec import Codec
from interpayer.system.database import Connection, Database
from interpayer.system.keys import Vault, seal, unseal
from interpayer.system.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Tools:
    """The floor and the rooms as objects; no step builds its own."""

    database: Database
    vault: Vault
    ledger: Ledger
    resolver: Resolver
    codec: Codec
    objects: ObjectStore
    policy: Callable[[], Bundle]
    entity: LegalEntity
    fhir_base: str
    environment: str
    call: Callable[[Partner, Endpoint], PartnerClient]
    releases_held: Callable[[Connection], bool]
    workshop: Workshop
    own_systems: OwnSystems
    sets: Sets = field(default_factory=default_sets)
    other_entities: tuple[LegalEntity, ...] = ()
    """Beside `entity`, the first one of the organizations file; see exchange/entities.py."""

    @property
    def rehearsal(self) -> Rehearsal:
        """Whether test data may be taken in here, and how they are known."""
        namespaces = (name for one in (self.entity, *self.other_entities) for name in one.test_namespaces)
        return Rehearsal(self.environment, tuple(namespaces))

    @property
    def payload_rules(self) -> PayloadRules:
        """What is taken out of a payload at load, as the policy in force says."""
        bundle = self.policy()
        return PayloadRules(bundle.version, **asdict(bundle.payload))

    def seal_request(self, body: object, *, exchange_id: str) -> bytes:
        """A request or answer body, sealed with the key of the exchange zone and bound to its exchange."""
        return seal(self.vault.zone_key("exchange"), orjson.dumps(body), context=exchange_id.encode())

    def open_request(self, sealed: bytes, *, exchange_id: str) -> Any:
        """The body behind `seal_request`."""
        return orjson.loads(unseal(self.vault.zone_key("exchange"), sealed, context=exchange_id.encode()))
