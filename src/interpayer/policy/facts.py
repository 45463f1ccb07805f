"""What policy is asked about: one frozen, hashable class of facts per kind of question, without any member's data.

Equal facts have equal answers under one version, so that whoever decides for many keeps each answer and asks once.
"""

from dataclasses import dataclass
from typing import TypeAlias

from interpayer.model.consent import NOTHING_WITHHELD, Limits

# A partner at our door; a partner that gets; a partner that is asked; a record; what is kept; people.
DOOR = frozenset({"call", "token"})
ANSWER = frozenset({"match", "read", "export", "download"})
ASK = frozenset({"send"})
RECORD = frozenset({"release"})
KEPT = frozenset({"purge", "forget"})
PEOPLE = frozenset({"look", "publish", "rollback"})
ACTIONS = DOOR | ANSWER | ASK | RECORD | KEPT | PEOPLE


@dataclass(frozen=True, slots=True)
class Facts:
    """A partner and one hop of an exchange. `action` is one of `DOOR`, `ANSWER` or `ASK`.

    `scope_needed`: one of these the token must have. `consent`: granted, narrowed or refused, as consent alone says.
    `lines_of_business`: the member's; `lines_agreed`: the partner's (empty: every line).
    """

    action: str
    partner_id: str
    partner_status: str
    partner_environment: str
    environment: str
    scopes: tuple[str, ...] = ()
    scope_needed: str = ""
    consent: str = "refused"
    consent_reason: str | None = None
    attested: bool = False
    acts_for_recipient: bool = False
    releases_held: bool = False
    certificate_bound: bool = True
    client_id: str = ""
    organizations: tuple[str, ...] = ()
    purpose: str = "payer_to_payer"
    basis: str = "opt_in"
    lines_of_business: tuple[str, ...] = ()
    lines_agreed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What decides about a record, of which a member's thousands have a few: asked once per distinct kind.

    `excluded`: the `record.*` reason that the payload rules gave it at load. `is_labelled`: the labels were looked for.
    """

    type: str
    labels: frozenset[str] = frozenset()
    excluded: str | None = None
    in_window: bool = True
    is_labelled: bool = True


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """May this partner, under this permission, have records of this kind?"""

    asker: Facts
    kind: RecordKind
    limits: Limits = NOTHING_WITHHELD
    action: str = "release"


@dataclass(frozen=True, slots=True)
class KeptFacts:
    """May this be deleted? `what`: a kind of the retention table; `keep_days`: what its rule says for it.

    `action`: purge (the time is over) or forget (somebody asks for it).
    """

    what: str
    age_days: int
    keep_days: int
    is_held: bool
    is_settled: bool = True
    action: str = "purge"


@dataclass(frozen=True, slots=True)
class LookFacts:
    """Break-glass: may this person look at a payload for so many minutes, with a reason and a second name?"""

    person: str
    roles: tuple[str, ...]
    environment: str
    minutes: int
    has_reason: bool
    has_second_person: bool
    action: str = "look"


@dataclass(frozen=True, slots=True)
class PublishFacts:
    """May this person put a policy into force? `action`: publish, or rollback (to one that was in force)."""

    person: str
    roles: tuple[str, ...]
    environment: str
    cases_hold: bool
    has_reason: bool
    has_second_person: bool
    was_in_force: bool = False
    action: str = "publish"


Question: TypeAlias = Facts | RecordFacts | KeptFacts | LookFacts | PublishFacts


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, by which rules. A no always has reasons; the first is the one to keep.

    Only a yes obliges: whoever acts on it carries out every name in `obligations` (policy/obligations.py).
    """

    allow: bool
    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    version: str
