"""`interpayer consent record|restrict|deny`: what a member allows, leaves out, forbids."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from interpayer.api.consent_bodies import NewConsent
from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.identity.graph import person_members
from interpayer.model.consent import (
    ANYONE,
    NOTHING_WITHHELD,
    Consent,
    Effect,
    Limits,
    Scope,
)
from interpayer.model.reason import Refusal
from interpayer.operations import consents, restricting
from interpayer.operations.proofs import with_proof
from interpayer.operations.stopping import Stopped
from interpayer.system.clock import now
from interpayer.system.ids import new_id

app = typer.Typer()
# A restriction or denial that names no end holds until it is taken back.
NO_END = datetime(2199, 1, 1, tzinfo=UTC)
MOST_BYTES = 50_000_000

TERMS = frozenset({
    "performer", "authority", "leaves_out", "purpose", "issuer", "given_at", "attested_by", "document_sha256",
    "signature", "signer",
})  # fmt: skip

MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="Our member id (m-…).")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD.")]
Proof = Annotated[str, typer.Option(help="Where the signed original is kept.")]
Withhold = Annotated[
    list[str] | None,
    typer.Option("--withhold", help="A kind of sensitive record that stays out (hiv, substance_use …); * is every."),
]
OnlyTypes = Annotated[list[str] | None, typer.Option("--only-type", help="The only resource types that may go.")]
NoTypes = Annotated[list[str] | None, typer.Option("--without-type", help="A resource type that stays out.")]
NoFields = Annotated[
    list[str] | None, typer.Option("--without-field", help="An element that stays out: Patient.telecom, *.note.")
]


@app.command()
def record(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    member: MemberId,
    *,
    source: Annotated[list[str], typer.Option("--from", help="Organization that may send; repeat it.")],
    recipient: Annotated[list[str], typer.Option("--to", help="Organization that may have it; repeat it.")],
    start: Day,
    end: Day,
    proof: Proof,
    scope: Annotated[Scope, typer.Option(help="regular: without sensitive data; sensitive: everything.")],
    withhold: Withhold = None,
    terms: Annotated[Path | None, typer.Option(help="Further terms: JSON, named as in POST /consents.")] = None,
    document: Annotated[Path | None, typer.Option(help="The signed original; its digest is kept, not itself.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record what a member allowed; prints the consent id. The same again is the one kept.

    The terms say who speaks for the member and by which proof, what else stays out, the purpose, and the signature over
    the document: performer, authority, leaves_out, purpose, issuer, given_at, attested_by, signature, signer.
    """
    told: dict[str, Any] = {
        "member": member,
        "scope": scope,
        "sources": source,
        "recipients": recipient,
        "starts_at": _midnight(start.date()),
        "ends_at": _midnight(end.date() + timedelta(days=1)),
        "proof": proof,
    }
    with session_of(context).acting("consent.change") as act:
        said = _said({**told, **_terms(terms)}, withhold=withhold or [], document=document)
        if member not in person_members(act.conn, [member]):
            raise Refusal("request.not_found", "no such member")
        kept = consents.record(act.tools, act.conn, said, actor=act.actor)
    if kept.revoked_at:
        output.say("This consent is known and was revoked; it stays so.")
    output.tell_result("consent-record/1", {"consent": kept.id}, as_json=as_json)


@app.command()
def restrict(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    member: MemberId,
    *,
    proof: Proof,
    withhold: Withhold = None,
    only_types: OnlyTypes = None,
    no_types: NoTypes = None,
    no_fields: NoFields = None,
    source: Annotated[list[str] | None, typer.Option("--from", help="Organization that sends; left out: any.")] = None,
    recipient: Annotated[list[str] | None, typer.Option("--to", help="Organization that gets; left out: any.")] = None,
    as_json: AsJson = False,
) -> None:
    """Leave something out of all that goes, whatever a consent allows, until `consent revoke` takes it back.

    What rests on more than is left ends at once; the partner may ask anew and gets the rest.
    """
    limits = Limits(
        labels_withheld=frozenset(withhold or ()),
        types=frozenset(only_types) if only_types else None,
        types_withheld=frozenset(no_types or ()),
        fields_withheld=frozenset(no_fields or ()),
    )
    said = _statement(member, Effect.NARROW, proof=proof, parties=(source, recipient), limits=limits)
    _restrict(context, said, as_json=as_json)


@app.command()
def deny(
    context: typer.Context,
    member: MemberId,
    *,
    proof: Proof,
    source: Annotated[list[str] | None, typer.Option("--from", help="Organization that sends; left out: any.")] = None,
    recipient: Annotated[list[str] | None, typer.Option("--to", help="Organization that gets; left out: any.")] = None,
    as_json: AsJson = False,
) -> None:
    """Forbid that anything goes between these, under a contract or law too, until `consent revoke` takes it back."""
    said = _statement(member, Effect.DENY, proof=proof, parties=(source, recipient), limits=NOTHING_WITHHELD)
    _restrict(context, said, as_json=as_json)


def tell_stopped(stopped: Stopped, *, as_json: bool, **more: object) -> None:
    """Say what a no stopped, and what goes on because it never rested on an opt-in."""
    output.say(
        f"Stopped: {len(stopped.exchanges)} exchanges, {len(stopped.grants)} match grants, {len(stopped.files)} files, "
        f"{len(stopped.standing)} standing requests."
    )
    if stopped.continuing:
        output.say(
            f"{len(stopped.continuing)} exchanges go on: a contract or a law lets them, not the opt-in that was taken "
            "back. If the member forbids them too: interpayer consent deny."
        )
    told = {**more, **output.plain(stopped)}
    shown = told if as_json else {**more, "exchanges": told["exchanges"]}
    output.tell_result("consent-stopped/1", shown, as_json=as_json)


def _restrict(context: typer.Context, said: Consent, *, as_json: bool) -> None:
    with session_of(context).acting("consent.change") as act:
        if said.member_id not in person_members(act.conn, [said.member_id or ""]):
            raise Refusal("request.not_found", "no such member")
        kept, stopped = restricting.restrict(act.tools, act.conn, said, actor=act.actor)
    tell_stopped(stopped, as_json=as_json, consent=kept.id)


def _statement(
    member: str, effect: Effect, *, proof: str, parties: tuple[list[str] | None, list[str] | None], limits: Limits
) -> Consent:
    source, recipient = parties
    return Consent(
        id=new_id("k"),
        member_id=member,
        scope=Scope.SENSITIVE,
        sources=tuple(source or (ANYONE,)),
        recipients=tuple(recipient or (ANYONE,)),
        starts_at=_midnight(now().date()),
        ends_at=NO_END,
        performer="member",
        proof=proof,
        effect=effect,
        limits=limits,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _terms(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        told = json.loads(_read(path))
    except ValueError:
        raise Refusal("request.malformed", f"{path.name} is no JSON") from None
    if not isinstance(told, dict) or set(told) - TERMS:
        raise Refusal("request.malformed", f"{path.name} may hold {', '.join(sorted(TERMS))}")
    return told


def _said(told: Mapping[str, Any], *, withhold: list[str], document: Path | None) -> Consent:
    try:
        given = NewConsent.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise Refusal("request.malformed", f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    said = given.as_consent()
    said = replace(said, limits=said.limits.narrowed_by(Limits(labels_withheld=frozenset(withhold))))
    if document is None:
        if given.signature or given.signer:
            raise Refusal("request.malformed", "a signature needs its --document")
        return said
    signature = base64.b64decode(given.signature) if given.signature else None
    signer = given.signer.encode() if given.signer else None
    return with_proof(said, _read(document), digest=given.document_sha256, signature=signature, signer=signer)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refusal("request.malformed", f"{path.name}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise Refusal("request.too_large", path.name)
    return content
