"""What policy says to a call and to a token, and the facts that it was asked about, kept for the next comparison."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from interpayer.gateway import scopes
from interpayer.model.partner import Partner
from interpayer.policy import store
from interpayer.policy.bundle import Bundle
from interpayer.policy.decide import decide
from interpayer.policy.facts import Decision, Facts
from interpayer.policy.told import facts_as_json, kind_of
from interpayer.system.database import Connection


@dataclass(slots=True)
class Rulings:
    """The door's questions to policy. It may only add a no: what the door checks by itself it still checks.

    How often which facts came is kept now and then, not per call: a refusal has its own event on the ledger.
    """

    _asked: Counter[tuple[Facts, Decision]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def call(
        self, bundle: Bundle, partner: Partner, environment: str, *, held: Sequence[str], needed: Sequence[str]
    ) -> Decision:
        """May this partner make this call, with these scopes of its token?"""
        is_covered = scopes.allows(held, needed)
        named = needed[0] if needed else ""
        facts = Facts(
            action="call",
            partner_id=partner.id,
            partner_status=partner.status.value,
            partner_environment=partner.environment,
            environment=environment,
            # the spellings of a scope are the door's matter: policy is told which is needed, and whether it is there
            scopes=(named,) if is_covered else (),
            scope_needed=named,
            client_id=partner.client_id,
            organizations=partner.organizations,
        )
        return self._said(bundle, facts)

    def token(self, bundle: Bundle, partner: Partner, environment: str, *, granted: Sequence[str]) -> Decision:
        """May this partner have a token for these scopes?"""
        facts = Facts(
            action="token",
            partner_id=partner.id,
            partner_status=partner.status.value,
            partner_environment=partner.environment,
            environment=environment,
            scopes=tuple(sorted(granted)),
            client_id=partner.client_id,
            organizations=partner.organizations,
        )
        return self._said(bundle, facts)

    def flush(self, conn: Connection) -> int:
        """Keep what was asked since the last time; how many different questions. What a crash loses is only that."""
        with self._lock:
            asked, self._asked = self._asked, Counter()
        store.keep(conn, [_kept(facts, decision, times) for (facts, decision), times in asked.items()])
        return len(asked)

    def _said(self, bundle: Bundle, facts: Facts) -> Decision:
        decision = decide(bundle, facts)
        with self._lock:
            self._asked[facts, decision] += 1
        return decision


def shown_at_the_door(decision: Decision) -> str:
    """The reason of a no to the caller itself. Which rule of a plan's own it was stays here: it is not the caller's."""
    reason = decision.reasons[0]
    return reason if reason.startswith(("caller.", "route.")) else "caller.suspended"


def _kept(facts: Facts, said: Decision, times: int) -> store.Kept:
    answer = (said.allow, said.policies, said.reasons, said.obligations)
    return store.Kept(said.version, kind_of(facts), facts_as_json(facts), *answer, times=times)
