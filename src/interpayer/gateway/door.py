"""What stands between the network and an operation: the words of the FHIR door.

An operation is a plain function from a call to an answer. By the time it runs, the caller is known, within its rate,
allowed by scope, and its body is read and parsed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from interpayer.audit.ledger import Ledger
from interpayer.gateway.peers import Peers
from interpayer.gateway.rulings import Rulings
from interpayer.model.event import JSON, Event
from interpayer.model.partner import Caller, Partner
from interpayer.partners.assertions import Assertion
from interpayer.partners.directory import Credentials
from interpayer.policy.bundle import Bundle
from interpayer.policy.composing import shipped
from interpayer.system.database import Connection, Database
from interpayer.system.keys import Vault

FHIR_JSON = "application/fhir+json"
MEBIBYTE = 1024 * 1024


class Body(StrEnum):
    """Whether a request brings a JSON body."""

    NONE = "none"
    JSON = "json"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Context:
    """What joins the records of both payers: our trace is new, theirs is linked, never continued."""

    correlation_id: str
    trace_id: str
    linked_trace: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked. `path` is relative to the FHIR base, `url` is absolute and as asked."""

    caller: Caller
    partner: Partner
    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    raw: bytes
    context: Context
    idempotency_key: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; an iterable is streamed. `freeze`: repeat it under its Idempotency-Key (None: if below 300)."""

    status: int = 200
    body: Mapping[str, Any] | list[Any] | bytes | Iterable[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = FHIR_JSON
    freeze: bool | None = None
    still_allowed: Callable[[], bool] | None = None
    """Of a stream: asked all the while, also when the peer reads nothing; a no ends the connection at once."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a guide: where it is reached, who may, how large it may be, and what our metadata says of it."""

    method: str
    path: str
    run: Callable[[Call, Connection], Answer]
    scopes: tuple[str, ...]
    route_class: str = "read"
    body: Body = Body.NONE
    maximum_bytes: int = MEBIBYTE
    resource: str | None = None
    interaction: str | None = None
    operation: str | None = None
    definition: str | None = None
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a minute, and so many at once after a rest; a call counts as many as it costs."""

    per_minute: float
    burst: int
    cost: int = 1


Record: TypeAlias = Callable[[Event], None]
# The member whom a PDex-style `sub` names (Patient id or UMB), if this partner may read them now; else None.
Recheck: TypeAlias = Callable[[Connection, Partner, str], str | None]
# The public keys of a partner now, for this key id (JWKS by URL: refetched when the id is unknown). May call out.
KeysOf: TypeAlias = Callable[[Credentials, str], Mapping[str, Any]]
# Checks 4 and 5 for an assertion that brings its chain (UDAP), and its hl7-b2b: what it asserts, kept with the token.
# Raises `Refusal`: caller.unknown (not that client), caller.purpose_missing (hl7-b2b). May call out.
UdapGate: TypeAlias = Callable[[Credentials, Assertion, datetime], Mapping[str, JSON]]


@dataclass(frozen=True, slots=True)
class Door:
    """What the FHIR door needs; built in app. `record` writes an event in a transaction of its own."""

    base_url: str
    environment: str
    name: str
    identifier: Mapping[str, Any]
    database: Database
    vault: Vault
    ledger: Ledger
    record: Record
    jwks: Callable[[], Mapping[str, Any]]
    recheck: Recheck | None = None
    keys_of: KeysOf | None = None
    udap: UdapGate | None = None
    policy: Callable[[], Bundle] = shipped
    rulings: Rulings = field(default_factory=Rulings)
    peers: Peers = field(default_factory=Peers)
    statement: Callable[[], str] | None = None
    identity_policy: Callable[[], Mapping[str, Any]] | None = None

    @property
    def rates(self) -> Mapping[str, Rate]:
        """How often a partner may call, by class of route, where nothing else is agreed with it."""
        return {name: Rate(usual.per_minute, usual.burst, usual.cost) for name, usual in self.policy().rates.items()}

    @property
    def fhir_base(self) -> str:
        """Where the FHIR resources are."""
        return f"{self.base_url}/fhir"

    @property
    def token_url(self) -> str:
        """The address that client assertions must name as their audience."""
        return f"{self.base_url}/token"
