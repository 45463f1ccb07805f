"""What may be sent about consents: statements, contracts and laws, life events. Unknown fields are refused."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from interpayer.api.bodies import Closed, Day, Id, Instant, Line
from interpayer.model.consent import (
    NOTHING_WITHHELD,
    PAYER_TO_PAYER,
    Authority,
    Basis,
    Consent,
    Effect,
    LegalBasis,
    Limits,
    Scope,
)
from interpayer.system.ids import new_id

MOST_DOCUMENT = 1_400_000


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("no base64") from None
    return text


Element = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Z][A-Za-z]{1,60})(\.[a-z][A-Za-z0-9]{0,60})+$")]
Type = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{1,60}$")]
Label = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,60})$")]
Document = Annotated[str, StringConstraints(max_length=MOST_DOCUMENT), AfterValidator(_base64)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]


class LeftOut(Closed):
    """What stays out: by kind of sensitive record, resource type, element, and service day."""

    labels_withheld: list[Label] = Field(default_factory=list, max_length=50, description="`*`: whatever is labeled")
    types: list[Type] | None = Field(None, max_length=100, description="the only resource types that may go")
    types_withheld: list[Type] = Field(default_factory=list, max_length=100)
    fields_withheld: list[Element] = Field(default_factory=list, max_length=200, description="`Type.element`, `*.note`")
    since: Day | None = Field(None, description="the first service day that may go")
    until: Day | None = Field(None, description="the last service day that may go")

    def as_limits(self) -> Limits:
        """In our own words."""
        return Limits(
            labels_withheld=frozenset(self.labels_withheld),
            types=None if self.types is None else frozenset(self.types),
            types_withheld=frozenset(self.types_withheld),
            fields_withheld=frozenset(self.fields_withheld),
            since=self.since,
            until=self.until,
        )


class SpeaksFor(Closed):
    """By what somebody else decides for the member; the role is that of `performer`."""

    proof: Line = Field(description="where the proof of the authority is kept")
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    leaves_out: LeftOut = Field(default_factory=LeftOut)


class NewConsent(Closed):
    """What a member allowed, forbade or left out, as the plan's own systems know it."""

    member: Id
    scope: Scope
    sources: list[Line] = Field(min_length=1, max_length=20, description="organization identifiers that may send")
    recipients: list[Line] = Field(min_length=1, max_length=20, description="organization identifiers that may have it")
    starts_at: Instant
    ends_at: Instant
    performer: Line = Field("member", description="`member`, or `representative:ROLE` (v3-RoleCode)")
    proof: Line = Field(description="where the signed original is kept")
    basis: Basis = Basis.OPT_IN
    effect: Effect = Field(Effect.PERMIT, description="deny and narrow may name `*` as parties: whoever it is")
    purpose: Line = PAYER_TO_PAYER
    leaves_out: LeftOut = Field(default_factory=LeftOut)
    authority: SpeaksFor | None = None
    issuer: Line | None = Field(None, description="the organization that took it down")
    given_at: Instant | None = Field(None, description="when it was said; left out: now")
    attested_by: Line | None = Field(None, description="who vouches for it; left out: who sends this")
    document: Document | None = Field(None, description="the signed original, base64; its digest is kept, not itself")
    document_sha256: Digest | None = None
    signature: Document | None = Field(None, description="over the document, base64, with `signer`")
    signer: Annotated[str, StringConstraints(max_length=20_000)] | None = Field(
        None, description="PEM certificate or public key of who signed"
    )

    def as_consent(self) -> Consent:
        """In our own words, with an id of its own."""
        return Consent(
            id=new_id("k"),
            member_id=self.member,
            scope=self.scope,
            sources=tuple(self.sources),
            recipients=tuple(self.recipients),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            performer=self.performer,
            proof=self.proof,
            basis=self.basis,
            effect=self.effect,
            purpose=self.purpose,
            limits=self.leaves_out.as_limits(),
            authority=self._authority(),
            issuer=self.issuer,
            given_at=self.given_at,
            attested_by=self.attested_by,
            document_sha256=self.document_sha256,
        )

    def _authority(self) -> Authority | None:
        given = self.authority
        if given is None:
            return None
        role = self.performer.partition(":")[2]
        return Authority(role, given.proof, given.starts_at, given.ends_at, given.leaves_out.as_limits())


class NewBasis(Closed):
    """A contract or a law under which data go without an opt-in."""

    basis: Literal["state_medicaid_contract", "other_law"]
    contract: Line = Field(description="its number or citation; a partner's request names it")
    sources: list[Line] = Field(min_length=1, max_length=20)
    recipients: list[Line] = Field(min_length=1, max_length=20)
    starts_at: Instant
    ends_at: Instant
    proof: Line
    leaves_out: LeftOut | None = Field(
        None, description="left out: records on substance use need a consent of their own"
    )

    def as_basis(self, usual: Limits = NOTHING_WITHHELD) -> LegalBasis:
        """In our own words, with an id of its own; `usual` is left out where nothing is said."""
        return LegalBasis(
            id=new_id("l"),
            basis=Basis(self.basis),
            contract=self.contract,
            sources=tuple(self.sources),
            recipients=tuple(self.recipients),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            proof=self.proof,
            limits=usual if self.leaves_out is None else self.leaves_out.as_limits(),
        )


class NewLifeEvent(Closed):
    """A day that changes who may speak for a member."""

    member: Id
    what: Literal["died", "emancipated"]
    on: Day
    proof: Line


class LifeEventWrong(Closed):
    """It was recorded of the wrong member, or is not so."""

    member: Id
    what: Literal["died", "emancipated"]
