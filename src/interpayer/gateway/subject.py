"""A token for one member only: in PDex the `sub` of an assertion may name the member that was matched.

Whom it names is never believed: a live match grant of this partner must stand, and every later read is held to it.
"""

from interpayer.exchange import batch_store
from interpayer.exchange.steps.releasing import decide
from interpayer.exchange.tools import Tools
from interpayer.gateway.door import Call
from interpayer.identity import store as identity_store
from interpayer.model.member import Identifier, IdKind
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection


def granted_member(tools: Tools, conn: Connection, partner_id: str, subject: str) -> str | None:
    """The member of a Patient id, a Patient reference or a UMB, if grant, consent and policy let this partner read now.

    A name that means nobody goes the same way as one without a grant, so that both take as long.
    """
    named = subject.removeprefix(f"{tools.fhir_base}/").removeprefix("Patient/")
    value = named.removeprefix(f"{tools.fhir_base}/umb|").removeprefix("|")
    found = identity_store.find_member(conn, tools.vault, Identifier(IdKind.UNIQUE_MEMBER, value, None))
    member_id = found[0] if len(found) == 1 else named
    return None if decide(tools, conn, partner_id, [member_id], action="read")[member_id].is_refused else member_id


def check_member(call: Call, member_id: str) -> None:
    """`Refusal` request.not_found when the token is for another member: there is nobody else for it."""
    if call.caller.subject not in {None, member_id}:
        raise Refusal("request.not_found", "the token is for another member")


def narrowed(call: Call, members: tuple[str, ...]) -> tuple[str, ...]:
    """The members that an export may hold under this token; `Refusal` when others were asked for by name."""
    if call.caller.subject is None:
        return members
    for member_id in members:
        check_member(call, member_id)
    return (call.caller.subject,)


def check_job(call: Call, conn: Connection, job_id: str) -> None:
    """`Refusal` request.not_found when the token is for one member and the job holds others."""
    if call.caller.subject is not None and set(batch_store.job_members(conn, job_id)) != {call.caller.subject}:
        raise Refusal("request.not_found", "the token is for one member")


def check_unbound(call: Call) -> None:
    """`Refusal` when the token is for one member: groups and matches are about others too."""
    if call.caller.subject is not None:
        raise Refusal("caller.wrong_scope", "the token is for one member; ask for one without a member in sub")
