"""What may be sent to our own door. Unknown fields are refused; what an exchange lacks is a state, not an error."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from interpayer.identity.review import DECISIONS
from interpayer.model.consent import Basis
from interpayer.operations.purposes import PURPOSES
from interpayer.operations.ruling_reasons import (
    LINK_REASONS,
    MERGE_REASONS,
    RULING_REASONS,
    SPLIT_REASONS,
    UNDO_REASONS,
)

_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _plausible(at: datetime) -> datetime:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("out of range")
    return at.astimezone(UTC)


def _born(on: date) -> date:
    if not _EARLIEST.date() <= on < _LATEST.date():
        raise ValueError("out of range")
    return on


_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
Correlation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{8,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]
Instant = Annotated[AwareDatetime, AfterValidator(_plausible)]
Day = Annotated[date, AfterValidator(_born)]
Purpose = Annotated[
    Literal[PURPOSES],  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    Field(description="for what somebody looks; it goes on the ledger with the look"),
]
Why = Annotated[
    Line, Field(description="Goes on the ledger as it is: no names, no dates of birth, no ids of a person.")
]


class Closed(BaseModel):
    """A body that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")

    def sent(self) -> dict[str, Any]:
        """What was really sent, as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


class Registration(Closed):
    """What an invited partner hands in: the token of its invitation, and its document (see `partner invite`)."""

    invitation: Annotated[str, StringConstraints(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
    document: dict[str, Any]


class PersonName(Closed):
    """A name, and until when it was used; without an end it is used now."""

    family: Line
    given: list[Line] = Field(default_factory=list, max_length=10)
    suffix: Line | None = None
    used_until: Day | None = None


class PostalAddress(Closed):
    """A postal address, US habit."""

    line: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Line | None = None


class ExternalIdentifier(Closed):
    """An id inside the namespace of who issued it, as on the card of the other payer."""

    type: Literal["member_id", "MB", "subscriber_id", "UMB", "ssn_last4", "other"]
    value: Line
    issuer: Line | None = Field(None, description="organization identifier, `system|value` or bare")


class AskedMember(Closed):
    """Whose history: our own member id, or who it is."""

    id: Id | None = None
    names: list[PersonName] | None = Field(None, max_length=20)
    birth_date: Day | None = None
    sex: Literal["female", "male", "other", "unknown"] | None = None
    address: PostalAddress | None = None
    phones: list[Line] | None = Field(None, max_length=20)
    emails: list[Line] | None = Field(None, max_length=20)
    external_identifiers: list[ExternalIdentifier] | None = Field(None, max_length=20)


class Attestation(Closed):
    """Who vouches for enrollment and opt-in, and since when."""

    by: Line | None = None
    at: Instant | None = None
    enrolled: bool | None = None
    opted_in: bool | None = None


class RoutingWish(Closed):
    """Which payer is asked, and how, when not by our own choice."""

    destination_payer: Line | None = None
    capability_profile: Word | None = None
    requires_mtls: bool | None = None


class Supplement(Closed):
    """What was missing or wrong in a request; the exchange begins again with it."""

    partner: Line | None = Field(None, description="organization identifier of the payer to ask")
    member: AskedMember | None = None
    consent_reference: Id | None = None
    basis: Basis | None = None
    attestation: Attestation | None = None
    routing: RoutingWish | None = None


class ExchangeRequest(Supplement):
    """One request for one member's history. What an exchange needs and lacks leads to state `incomplete`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "request_id": "enrollment-2026-11-21-0001",
                    "partner": "urn:payers|plan-a",
                    "member": {
                        "names": [{"family": "Example", "given": ["Ada"]}],
                        "birth_date": "1980-02-29",
                        "external_identifiers": [{"type": "member_id", "value": "A123", "issuer": "urn:payers|plan-a"}],
                    },
                    "basis": "opt_in",
                    "attestation": {"by": "enrollment desk", "enrolled": True, "opted_in": True},
                }
            ]
        },
    )

    request_id: Correlation | None = Field(None, description="your own id of this request")
    correlation_id: Correlation | None = Field(None, description="goes to the partner; ours when you send none")
    exchange_purpose: Word | None = None
    requested_action: Literal["history"] | None = None
    priority: Literal["normal", "urgent"] | None = None
    since: Instant | None = Field(None, description="only what became known at the partner since then")
    give_up_at: Instant | None = None
    follows: Id | None = Field(None, description="the exchange that this one repeats")


class Reasoned(Closed):
    """An act that needs a reason."""

    reason: Why


class Assignment(Closed):
    """Who has a case from now on."""

    to: Line


class CaseRuling(Closed):
    """What a steward decided: the same person (then which), a different one, or not decidable."""

    decision: Literal[DECISIONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    reason: Literal[RULING_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    member_id: Id | None = None
    note: Line | None = Field(None, description="kept with the case, not on the ledger")


class CaseUndoing(Closed):
    """Why the decision of a case is taken back."""

    reason: Literal[UNDO_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too


class Merging(Closed):
    """Two members are one person: `into` is the member that survives."""

    into: Id
    reason: Literal[MERGE_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    confidence: float = Field(1.0, gt=0, le=1, description="how sure the person is, 0 to 1")
    since: Day | None = Field(None, description="from when on it is true; today when left out")


class Splitting(Closed):
    """Two members were joined wrongly; `other` names the second one where the first was joined with several."""

    other: Id | None = None
    reason: Literal[SPLIT_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too


class SoughtId(Closed):
    """An id with the issuer that gives it its meaning: the payer of a member id, the source of a Patient id."""

    kind: Literal["patient", "MB", "subscriber", "UMB", "other"]
    value: Line
    issuer: Line | None = None
    purpose: Purpose


class NewLink(Closed):
    """An outside id that means this member, with the issuer that gives it its meaning."""

    kind: Literal["patient", "MB", "other"]
    value: Line
    issuer: Line
    reason: Literal[LINK_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    confidence: float = Field(1.0, gt=0, le=1)
    effective_from: Day | None = None
    effective_to: Day | None = None


class LinkEnding(Closed):
    """An outside id that does not mean its member, or no longer (`ended_on`)."""

    kind: Literal["patient", "MB", "other"]
    value: Line
    issuer: Line
    reason: Literal[LINK_REASONS]  # type: ignore[valid-type]  # the words stand in one place, for the command line too
    ended_on: Day | None = Field(None, description="it was true until then; left out: it was never true")


FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]


class PolicyFiles(Closed):
    """What differs from the policy that ships: the texts of files by name."""

    files: dict[FileName, Annotated[str, StringConstraints(max_length=262_144)]] = Field(max_length=50)


class PolicyRelease(PolicyFiles):
    """Files to put into force, and why."""

    reason: Why


class PolicyQuestion(Closed):
    """Facts to ask policy about: names and values as `interpayer policy explain --facts` reads them."""

    facts: dict[Word, Any]
    version: Annotated[str, StringConstraints(pattern=r"^p-[0-9a-f]{16}$")] | None = None
