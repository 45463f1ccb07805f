"""The life of a partner as a table: from where to where, who may, and what must hold first. Anything else is refused.

invited      we know whom we want to exchange with; keys or endpoints may be missing. It may do nothing.
testing      its registration is whole. In a test installation it may call and be called, with made-up members.
active       it passed the gate, or a named person vouched for what is open. It may call and be called.
quarantined  something about it is looked into: nothing in, nothing out; what it was sent stays where it is.
suspended    it may not call and is not called, until a person says otherwise.
retired      the end: its payers are free for another partner; its history and disclosures stay.
"""

from dataclasses import dataclass

from interpayer.model.partner import PartnerStatus as S
from interpayer.model.reason import Refusal

PERSON, PARTNER, PROCESS = "person", "partner", "process"
ANYBODY_OF_OURS = frozenset({PERSON, "system"})
# `document`: a whole registration (keys, an organization). `gate`: every item of partners/gate.py, or vouched for.
DOCUMENT, GATE = "document", "gate"


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from a status to another: which kinds of actor may go it, and what must hold."""

    source: S
    target: S
    who: frozenset[str]
    needs: str | None = None


TRANSITIONS: tuple[Transition, ...] = (
    # An invitation, made by a person, lets the partner hand in its own registration once (partners/invitations.py).
    Transition(S.INVITED, S.TESTING, ANYBODY_OF_OURS | {PARTNER}, DOCUMENT),
    Transition(S.INVITED, S.SUSPENDED, ANYBODY_OF_OURS | {PARTNER}),
    Transition(S.INVITED, S.RETIRED, ANYBODY_OF_OURS),
    # Never by itself: a registration over the network ends here until somebody looks at it (UDAP, invitations).
    Transition(S.TESTING, S.ACTIVE, ANYBODY_OF_OURS, GATE),
    Transition(S.TESTING, S.QUARANTINED, ANYBODY_OF_OURS | {PROCESS}),
    Transition(S.TESTING, S.SUSPENDED, ANYBODY_OF_OURS | {PARTNER, PROCESS}),
    Transition(S.TESTING, S.RETIRED, ANYBODY_OF_OURS),
    Transition(S.ACTIVE, S.TESTING, ANYBODY_OF_OURS),
    Transition(S.ACTIVE, S.QUARANTINED, ANYBODY_OF_OURS | {PROCESS}),
    Transition(S.ACTIVE, S.SUSPENDED, ANYBODY_OF_OURS | {PARTNER, PROCESS}),
    Transition(S.ACTIVE, S.RETIRED, ANYBODY_OF_OURS),
    # The gate asks nothing twice: one that was active before comes back with a reason.
    Transition(S.QUARANTINED, S.ACTIVE, ANYBODY_OF_OURS, GATE),
    Transition(S.QUARANTINED, S.TESTING, ANYBODY_OF_OURS, DOCUMENT),
    Transition(S.QUARANTINED, S.SUSPENDED, ANYBODY_OF_OURS | {PARTNER, PROCESS}),
    Transition(S.QUARANTINED, S.RETIRED, ANYBODY_OF_OURS),
    Transition(S.SUSPENDED, S.ACTIVE, ANYBODY_OF_OURS, GATE),
    Transition(S.SUSPENDED, S.TESTING, ANYBODY_OF_OURS, DOCUMENT),
    Transition(S.SUSPENDED, S.INVITED, ANYBODY_OF_OURS),
    Transition(S.SUSPENDED, S.QUARANTINED, ANYBODY_OF_OURS | {PROCESS}),
    Transition(S.SUSPENDED, S.RETIRED, ANYBODY_OF_OURS),
)
_KNOWN = {(one.source, one.target): one for one in TRANSITIONS}


def transition(source: S, target: S, *, who: str) -> Transition:
    """The way from one status to another; `Refusal` says why there is none, or none for this kind of actor."""
    found = _KNOWN.get((source, target))
    if found is None:
        ways = ", ".join(one.target.value for one in TRANSITIONS if one.source is source) or "nothing"
        raise Refusal("request.wrong_state", f"a partner that is {source.value} can become: {ways}")
    if who not in found.who:
        raise Refusal("caller.not_permitted", f"only a named person makes a partner {target.value}")
    return found


def may_call(status: S, *, environment: str) -> bool:
    """Whether a partner of this status may call and be called: active, and in a test installation testing too."""
    return status is S.ACTIVE or (status is S.TESTING and environment == "test")
