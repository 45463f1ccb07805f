"""Who may come in: the certificate first, then the token, then how often and how many at once (tour stop 1)."""

from dataclasses import dataclass

from interpayer.gateway import limits, scopes
from interpayer.gateway.authenticate import Admitted, Denied, Presented, authenticate
from interpayer.gateway.door import Door, Operation
from interpayer.gateway.rulings import shown_at_the_door
from interpayer.gateway.visit import Visit
from interpayer.gateway.watching import Watch
from interpayer.model.reason import Fault, FaultKind, Refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets callers in, or raises what they are told; `visit` learns who they are as soon as that is proved."""

    door: Door
    watch: Watch

    def show_certificate(self, visit: Visit) -> None:
        """Judge the certificate that came with the call. May call out, so no transaction is open."""
        visit.peer = self.door.peers.judge(visit.arrival, at=visit.context.received_at)

    def admit(self, visit: Visit, operation: Operation, *, authorization: str | None) -> Admitted:
        """(a) certificate, (b) token and partner, (c) scraping, (d) rate; the first that fails decides."""
        self.show_certificate(visit)  # (a)
        at = visit.context.received_at
        with self.door.database.transaction() as conn:
            admitted = authenticate(  # (b)
                conn, Presented(authorization, visit.peer), environment=self.door.environment, at=at
            )
            visit.partner_id = admitted.partner_id if isinstance(admitted, Denied) else admitted.partner.id
            if isinstance(admitted, Denied):
                raise Refusal(admitted.reason, admitted.detail)
            partner_id = admitted.partner.id
            slowed_s = self.watch.turn_away(conn, partner_id, at=at)  # (c)
            wait_s = slowed_s or limits.too_many(  # (d)
                conn, partner_id, route_class=operation.route_class, rates=self.door.rates, agreed=admitted.limits
            )
        if wait_s is not None:
            reason = "caller.slowed" if slowed_s else "caller.too_many"
            raise Fault(FaultKind.RETRYABLE, reason, retry_after_s=wait_s)
        return admitted

    def permit(self, admitted: Admitted, operation: Operation) -> None:
        """Refusal unless the token covers the operation and policy allows the call."""
        partner, held = admitted.partner, admitted.caller.scopes
        decision = self.door.rulings.call(
            self.door.policy(), partner, self.door.environment, held=held, needed=operation.scopes
        )
        if not scopes.allows(held, operation.scopes):
            raise Refusal("caller.wrong_scope")
        if not decision.allow:
            raise Refusal(shown_at_the_door(decision))

    def most_calls(self, admitted: Admitted) -> int:
        """How many calls of this partner may be under way at once in one process."""
        agreed = admitted.limits.connections
        return self.door.policy().connections.calls if agreed is None else agreed
