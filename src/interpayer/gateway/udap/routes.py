"""The two addresses that UDAP adds to the door; neither needs a client certificate, nor a token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interpayer.gateway import intake, limits, problems
from interpayer.gateway.door import Answer, Door
from interpayer.gateway.front import Front
from interpayer.gateway.replies import reply
from interpayer.gateway.udap.metadata import Addresses, Metadata
from interpayer.gateway.udap.registration import LARGEST_BODY, Registered, Trust, register
from interpayer.model.reason import Refusal
from interpayer.partners.udap.communities import Communities
from interpayer.partners.udap.vouching import Revocations
from interpayer.system.clock import now

REGISTRATION_PATH = "/register"
METADATA_PATH = "/fhir/.well-known/udap"
LONGEST_COMMUNITY = 500


@dataclass(frozen=True, slots=True)
class Offer:
    """Whom we trust over UDAP, and how revocation is asked for."""

    communities: Communities
    revocations: Revocations | None

    def routes(self, front: Front) -> list[Route]:
        """`/register` and the metadata below the FHIR base, which is the base that its signature names."""
        door = front.door
        registration_url = f"{door.base_url}{REGISTRATION_PATH}"
        metadata = Metadata(Addresses(door.fhir_base, door.token_url, registration_url), self.communities)
        trust = Trust(self.communities, self.revocations, registration_url)
        made = [
            Route(REGISTRATION_PATH, _registering(front, trust), methods=["POST"]),
            Route(METADATA_PATH, _telling(front, metadata), methods=["GET"]),
        ]
        for route in made:
            route.methods = set(route.methods or ()) - {"HEAD"}
        return made


def _registering(front: Front, trust: Trust) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        visit = front.visit(request, f"POST {REGISTRATION_PATH}")
        try:
            await front.note_forged(visit)
            body = await _body(request)
            host = request.client.host if request.client else "unknown"
            registered = await front.thread(lambda: _register(front.door, trust, body, host=host))
            if registered.refused is not None:
                await front.note(registered.refused.reason, visit, status=registered.answer.status)
            answer = registered.answer
        except Exception as error:
            answer = problems.as_oauth(await front.refuse(error, visit), "invalid_client_metadata")
        return reply(answer, visit.context)

    return endpoint


def _telling(front: Front, metadata: Metadata) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        visit = front.visit(request, f"GET {METADATA_PATH}")
        try:
            await front.note_forged(visit)
            wanted = request.query_params.getlist("community")
            if len(wanted) > 1 or any(len(one) > LONGEST_COMMUNITY for one in wanted):
                raise Refusal("request.malformed", "community must be one URI")
            document = await front.thread(lambda: metadata.answer(wanted[0] if wanted else None, at=now()))
            if document is None:
                raise Refusal("request.not_found", "no UDAP here, or not in this community")
        except Exception as error:
            return reply(await front.refuse(error, visit), visit.context)
        headers = {"Cache-Control": "public, max-age=300"}
        return reply(Answer(body=document, headers=headers, media_type="application/json"), visit.context)

    return endpoint


async def _body(request: Request) -> bytes:
    headers = {name.lower(): value for name, value in request.headers.items()}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal("request.unsupported_media", "the body must be application/json, not compressed")
    return await intake.read_body(request.stream(), headers, maximum_bytes=LARGEST_BODY)


def _register(door: Door, trust: Trust, body: bytes, *, host: str) -> Registered:
    """Strangers may call this, so they are counted by their address before anything of theirs is read."""
    with door.database.transaction() as conn:
        wait_s = limits.too_many(conn, f"from {host}", route_class="register", rates=door.rates)
    if wait_s is not None:
        return Registered.slowed(wait_s)
    return register(door, trust, body, at=now())
