"""The doors: partners' FHIR door, the plan's own API and the console, each with its own listener, in one process."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from interpayer.api import server as api
from interpayer.app.build import Application
from interpayer.app.peers import peers_of
from interpayer.app.udap import gate_of, offer_of
from interpayer.console import server as console
from interpayer.exchange.tools import Tools
from interpayer.gateway import export, member_match, notices
from interpayer.gateway import server as gateway
from interpayer.gateway.door import Door, Operation
from interpayer.gateway.listen import UNIX, Doors, Listener, serve
from interpayer.gateway.metadata import standing_statement
from interpayer.gateway.subject import granted_member
from interpayer.gateway.tls import RenewedTls
from interpayer.identity.reading import organization_identifier
from interpayer.model.event import Event
from interpayer.model.partner import Partner
from interpayer.operations import environment
from interpayer.operations.identity_policy import PolicyForPartners
from interpayer.partners import own_key_store
from interpayer.partners.published_keys import PublishedKeys
from interpayer.system.classification import require_classed
from interpayer.system.database import Connection, serve_partner
from interpayer.system.settings import Settings, SettingsInvalid


def run_doors(application: Application, *, ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM; requests under way are finished."""
    try:
        require_tls(application.settings)
        serve(listeners(application), ready=ready)
    finally:
        application.close()


def in_background(application: Application) -> Doors:
    """The same doors in threads of this process, for tests."""
    require_tls(application.settings)
    return Doors(listeners(application))


def require_tls(settings: Settings) -> None:
    """`SettingsInvalid` where a door would speak plain http over a network (floor.md, TLS)."""
    if settings.tls_certificate is None or settings.tls_key is None:
        raise SettingsInvalid(
            "the doors speak https: set tls_certificate and tls_key; `interpayer up` makes them to try"
        )


def listeners(application: Application) -> list[Listener]:
    """One listener per door. Partners must show a certificate; our own people and systems show a token."""
    settings = application.settings
    partners, own = _tls(settings, settings.client_ca), _tls(settings, None)
    operator = application.tools("operator")
    environment.claim(operator)
    partners_door = door_of(application)
    offer = offer_of(settings, partners_door.peers.revocations)
    partners_door = replace(partners_door, udap=gate_of(application.tools("door"), offer))
    door = gateway.build(partners_door, _operations(application.tools("door")), more=offer.routes)
    is_local = settings.listen.startswith(UNIX)
    return [
        replace(
            _listener(classed("partners", door), settings.listen, None if is_local else partners),
            most_of_one=lambda: partners_door.policy().connections.open,
        ),
        _listener(classed("api", api.build(operator)), settings.api_listen, own),
        _listener(
            classed("console", console.build(operator, _session_key(settings.home))), settings.console_listen, own
        ),
    ]


def classed(door: str, app: Starlette) -> Starlette:
    """The door, if each of its routes has its class (classification.toml); else it does not start: `Unclassed`."""
    require_classed(door, routes_of(app))
    return app


def routes_of(app: Starlette) -> set[str]:
    """What a door serves, as `METHOD /path`; the document that describes the door is no route of it."""
    served = (route for route in app.routes if isinstance(route, Route) and not route.path.endswith("/openapi.json"))
    return {f"{method} {route.path}" for route in served for method in (route.methods or set()) - {"HEAD"}}


def _tls(settings: Settings, client_ca: Path | None) -> RenewedTls | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return RenewedTls(settings.tls_certificate, settings.tls_key, client_ca)


def _listener(app: Starlette, address: str, tls: RenewedTls | None) -> Listener:
    """A door whose certificate files may change while it is open."""
    return Listener(app, address, tls.context if tls else None, look=tls.look if tls else None)


def door_of(application: Application) -> Door:
    """What the FHIR door needs."""
    tools = application.tools("door")

    def record(event: Event) -> None:
        with tools.database.transaction() as conn:
            tools.ledger.append(conn, event)

    def recheck(conn: Connection, partner: Partner, subject: str) -> str | None:
        """Whom a PDex-style subject names, with a live match grant of this partner (standards, trap 1)."""
        serve_partner(conn, partner.id)
        return granted_member(tools, conn, partner.id, subject)

    def jwks() -> Mapping[str, Any]:
        """Our public keys, as this role may see them; before the first one was made, they are made."""
        with tools.database.transaction() as conn:
            published = own_key_store.published(conn)
        return {"keys": published} if published else application.signer.public_jwks()

    return Door(
        base_url=application.settings.base_url,
        environment=application.settings.environment,
        name=application.entity.name,
        identifier=organization_identifier(application.entity.identifier),
        database=tools.database,
        vault=application.vault,
        ledger=application.ledger,
        record=record,
        jwks=jwks,
        recheck=recheck,
        policy=tools.policy,
        peers=peers_of(application.settings, tools.policy),
        keys_of=PublishedKeys(tools.database, application.fetch_keys, record).keys_of,
        statement=lambda: standing_statement(tools.policy().exchange.payload_years),
        identity_policy=PolicyForPartners(tools),
    )


def _operations(tools: Tools) -> list[Operation]:
    return [*member_match.operations(tools), *export.operations(tools), *notices.operations(tools)]


def _session_key(home: Path) -> Path:
    return home / "keys" / "console"
