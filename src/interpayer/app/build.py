"""From settings to tools. Nothing connects, listens or runs before it is asked to."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from interpayer.adapters.catalog import Means
from interpayer.app.udap import way_of
from interpayer.audit.ledger import Ledger
from interpayer.delivery.handoff import OwnSystems
from interpayer.exchange.sources.checking import Contract, contract_of
from interpayer.exchange.sources.workshop import Workshop
from interpayer.exchange.tools import Tools
from interpayer.identity.learning.adopting import TablesInForce
from interpayer.identity.resolve import Resolver, default_tables
from interpayer.model.agreement import Idempotency
from interpayer.model.partner import Endpoint, LegalEntity, Partner
from interpayer.model.reason import Refusal
from interpayer.normalization.labeling.sets import Sets, load_sets
from interpayer.operations import signing
from interpayer.operations.store import releases_held
from interpayer.partners import directory
from interpayer.partners.client import PartnerClient, PartnerClients, Target
from interpayer.partners.jwks_fetch import Fetched, fetch_jwks
from interpayer.partners.own_keys import OwnKeys
from interpayer.partners.signer import Claims, Signer
from interpayer.partners.udap import store as memberships
from interpayer.policy.composing import shipped
from interpayer.policy.in_force import PolicyInForce
from interpayer.records.codec import Codec
from interpayer.system.clock import now
from interpayer.system.database import Database, role_url
from interpayer.system.keys import SigningKey, Vault, load_or_create_kek
from interpayer.system.objects import ObjectStore
from interpayer.system.outbound import outbound_client
from interpayer.system.settings import Settings, SettingsInvalid

Sign = Callable[[str, str], str]
POOL_SIZE: Mapping[str, int] = {"door": 24, "worker": 24, "operator": 12}


@dataclass(slots=True)
class Application:
    """What one process is made of; pools open on first use, one per login role."""

    settings: Settings
    entity: LegalEntity
    other_entities: tuple[LegalEntity, ...]
    vault: Vault
    ledger: Ledger
    objects: ObjectStore
    workshop: Workshop
    sets: Sets
    _tools: dict[str, Tools] = field(default_factory=dict)
    _tables: TablesInForce = field(default_factory=TablesInForce)
    _clients: list[PartnerClients] = field(default_factory=list)
    _own_clients: list[httpx2.Client] = field(default_factory=list)
    _key_clients: list[httpx2.Client] = field(default_factory=list)
    _signers: list[Signer] = field(default_factory=list)
    _policies: list[PolicyInForce] = field(default_factory=list)

    def tools(self, role: str) -> Tools:
        """The tools of a login role: door, worker or operator."""
        if role not in self._tools:
            database = Database(role_url(self.settings, role), role=f"interpayer_{role}", size=POOL_SIZE[role])
            self._tools[role] = Tools(
                database=database,
                vault=self.vault,
                ledger=self.ledger,
                resolver=Resolver(self.vault, default_tables(), in_force=self._tables.at),
                codec=Codec(self.vault),
                objects=self.objects,
                policy=self._policy(role),
                entity=self.entity,
                other_entities=self.other_entities,
                fhir_base=f"{self.settings.base_url}/fhir",
                environment=self.settings.environment,
                call=_caller(database, self._client_of, self.settings.base_url),
                releases_held=releases_held,
                workshop=self.workshop,
                own_systems=OwnSystems(self.settings.handoff, self._to_own_systems),
                sets=self.sets,
            )
        return self._tools[role]

    def _policy(self, role: str) -> PolicyInForce:
        """The policy in force, with a connection of its own that opens when it is first asked for."""
        address = role_url(self.settings, role)
        self._policies.append(PolicyInForce(Database(address, role=f"interpayer_{role}", size=1, wait_s=2)))
        return self._policies[-1]

    @property
    def signer(self) -> Signer:
        """Signs as us; the keys are read from the database when first needed, and made when there are none."""
        if not self._signers:
            # The role that this process has anyway: the door's may not see private parts.
            tools = self.tools("worker" if "worker" in self._tools else "operator")
            files = self.settings.home / "keys" / "signing"
            keys = OwnKeys(tools.database, self.vault, lambda conn: signing.make_first(tools, conn, files=files))
            self._signers.append(Signer(keys.ring))
        return self._signers[0]

    def _client_of(self, target: Target) -> PartnerClient:
        """The client of a partner's endpoint; the connections open at the first call."""
        policy = self._policies[0] if self._policies else shipped
        if not self._clients:
            way = way_of(self.settings, policy)
            self._clients.append(PartnerClients(outbound(self.settings), self.signer, udap=way))
        calls = policy().calls
        self._clients[0].be_patient(connect_s=calls.connect_s, silence_s=calls.silence_s)
        return self._clients[0].client_for(target)

    def _to_own_systems(self) -> httpx2.Client:
        """The connections to the plan's own systems; they open at the first hand-off."""
        if not self._own_clients:
            self._own_clients.append(outbound(self.settings))
        return self._own_clients[0]

    def fetch_keys(self, url: str) -> Fetched:
        """The public keys behind a partner's address, asked for without saying who we are."""
        if not self._key_clients:
            ours = self.settings.home / "tls" / "ca.crt"
            self._key_clients.append(outbound_client(self.settings, ca=ours if ours.exists() else None))
        return fetch_jwks(self._key_clients[0], url)

    def checkpoint_key(self) -> SigningKey:
        """The key that signs checkpoints; a file, never in the database."""
        return SigningKey.load_or_create(self.settings.home / "keys" / "checkpoint")

    def close(self) -> None:
        """Close all pools and the connections to sources."""
        self.workshop.close()
        while self._clients:
            self._clients.pop().close()
        for clients in (self._own_clients, self._key_clients):
            while clients:
                clients.pop().close()
        while self._policies:
            self._policies.pop().close()
        for tools in self._tools.values():
            tools.database.close()
        self._tools.clear()


def build(settings: Settings) -> Application:
    """The application of these settings; keys are made at the first start, under home."""
    vault = load_or_create_kek(settings.kek)
    made: list[Application] = []

    def sign(client_id: str, audience: str) -> str:
        return made[0].signer.assertion(Claims(client_id, audience, now()))

    entities = read_entities(settings.organizations)
    application = Application(
        settings=settings,
        entity=entities[0],
        other_entities=entities[1:],
        vault=vault,
        ledger=Ledger(vault),
        objects=ObjectStore(settings.object_store),
        workshop=workshop_of(settings, sign=sign),
        sets=sets_of(settings),
    )
    made.append(application)
    return application


def sets_of(settings: Settings) -> Sets:
    """By which records are found to be sensitive: the built-in value sets, and the plan's own over them."""
    try:
        return load_sets(settings.labels)
    except ValueError as error:
        raise SettingsInvalid(f"labels: {error}") from error


def workshop_of(settings: Settings, *, packages: Path | None = None, sign: Sign | None = None) -> Workshop:
    """What reads this plan's sources; nothing is opened, and no key looked at, before a source needs it.

    Resources are checked against the FHIR packages of this folder, else of the setting, else the built-in contract.
    """

    def sign_alone(client_id: str, audience: str) -> str:
        application = build(settings)
        try:
            return application.signer.assertion(Claims(client_id, audience, now()))
        finally:
            application.close()

    def contract() -> Contract:
        return contract_of(packages or settings.fhir_packages, cache=settings.home / "cache" / "fhir-packages")

    return Workshop(Means(lambda ca: outbound(settings, ca=ca), sign or sign_alone, os.environ), contract)


def read_entities(path: Path | None) -> tuple[LegalEntity, ...]:
    """The legal entities of the organizations file; a name for trying out when there is no file.

    The first one speaks for the installation where nothing else says whom a question is about.
    """
    if path is None:
        return (LegalEntity(id="payer", name="This payer", identifiers=("payer",)),)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entities = content.get("legal_entities") if isinstance(content, dict) else None
    if not isinstance(entities, list) or not entities:
        raise SettingsInvalid(f"{path}: `legal_entities` must be a list with at least one entry")
    found = tuple(_entity(raw, path) for raw in entities)
    names = [name for one in found for name in {one.id, *one.identifiers}]
    if len(set(names)) != len(names):
        raise SettingsInvalid(f"{path}: two legal entities have the same id or identifier")
    return found


def _entity(raw: Any, path: Path) -> LegalEntity:
    try:
        return LegalEntity(
            id=str(raw["id"]),
            name=str(raw["name"]),
            identifiers=tuple(str(i) for i in raw["identifiers"]),
            time_zone=str(raw.get("time_zone", "America/New_York")),
            lines_of_business=tuple(str(line) for line in raw.get("lines_of_business", ())),
            acts_for=tuple(str(o) for o in raw.get("acts_for", ())),
            test_namespaces=tuple(str(name) for name in raw.get("test_namespaces", ())),
        )
    except (KeyError, TypeError) as error:
        raise SettingsInvalid(f"{path}: a legal entity needs id, name and identifiers") from error


def _caller(
    database: Database, client_of: Callable[[Target], PartnerClient], base_url: str
) -> Callable[[Partner, Endpoint], PartnerClient]:
    """Clients by partner and endpoint, in the style that was agreed with the partner."""

    def call(partner: Partner, endpoint: Endpoint) -> PartnerClient:
        with database.transaction() as conn:
            agreed = directory.agreed(conn, partner.id)
            ours = memberships.membership(conn, partner.id, fhir_base=endpoint.fhir_base)
        if agreed is None:
            raise Refusal("route.payer_unknown", "the partner is gone")
        return client_of(
            Target(
                fhir_base=endpoint.fhir_base,
                client_id=ours.client_id if ours else partner.our_client_id or base_url,
                algorithm=agreed.algorithm,
                sub_style=agreed.assertion_style,
                udap_community=ours.community if ours else None,
                profile=agreed.profile,
                repeats_by_key=agreed.contract.idempotency is Idempotency.KEY,
            )
        )

    return call


def outbound(settings: Settings, *, ca: Path | None = None) -> httpx2.Client:
    """Calls out show our client certificate and trust `ca`, else the authorities under home, else the machine's."""
    folder = settings.home / "tls"
    certificate, key, ours = folder / "client.crt", folder / "client.key", folder / "ca.crt"
    shown = (certificate, key) if certificate.exists() and key.exists() else None
    return outbound_client(settings, certificate=shown, ca=ca or (ours if ours.exists() else None))
