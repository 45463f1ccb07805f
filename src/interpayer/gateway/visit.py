"""One call on its way through the door: where it goes, what came with it, and who it turned out to be."""

from dataclasses import dataclass, field

from starlette.requests import Request

from interpayer.gateway import intake
from interpayer.gateway.door import Context
from interpayer.gateway.peers import Arrival, Peer, arrival_of
from interpayer.model.reason import Refusal
from interpayer.system.clock import now


@dataclass(slots=True)
class Visit:
    """A call; `peer` is nobody until it was judged, `partner_id` is known once the caller proved who it is."""

    route: str
    context: Context
    arrival: Arrival = field(default_factory=lambda: Arrival(None))
    peer: Peer = field(default_factory=Peer)
    partner_id: str | None = None


def visit_of(request: Request, route: str) -> Visit:
    """A call that begins."""
    return Visit(route, intake.context_of(headers_of(request), now()), arrival_of(request.scope))


def headers_of(request: Request) -> dict[str, str]:
    """The headers by lower-case name."""
    return {name.lower(): value for name, value in request.headers.items()}


def query_of(request: Request) -> dict[str, tuple[str, ...]]:
    """The parameters of the address, each with all its values."""
    if "\x00" in request.url.query or "%00" in request.url.query:
        raise Refusal("request.malformed", "the query holds the character NUL")
    names = dict.fromkeys(request.query_params.keys())
    return {name: tuple(request.query_params.getlist(name)) for name in names}
