"""Policies: what is in force, what it would have decided, why something was decided, and who changes it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import PolicyFiles, PolicyQuestion, PolicyRelease, Reasoned
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.model.reason import Refusal
from interpayer.operations import decisions, policies
from interpayer.operations.policies import Checked
from interpayer.policy import store
from interpayer.policy.comparing import Difference
from interpayer.policy.told import facts_as_json, value_as_json

router = APIRouter(prefix="/api/v1/policies", tags=["Policies"], route_class=Gate)
Version = Annotated[str, Path(pattern=r"^p-[0-9a-f]{16}$", description="version of a policy")]


@router.get("", summary="What is in force, what was before, what waits for a second name")
@acting("policy.read")
def standing(visit: Visit) -> dict[str, Any]:
    """With the rules by id; releases and proposals newest first."""
    told: dict[str, Any] = jsonable_encoder(policies.standing(visit.conn))
    return told


@router.get("/versions/{version}", summary="The files of a version")
@acting("policy.read")
def version(visit: Visit, version: Version) -> dict[str, Any]:
    """As they decided then: what shipped and what was the plan's own."""
    files, own = store.files_of(visit.conn, version), store.own_files_of(visit.conn, version)
    if files is None:
        raise Refusal("request.not_found", "no version of this name was kept here")
    return {"version": version, "files": files, "own": own}


@router.post("/check", summary="Does a policy load, and do its cases hold?")
@acting("policy.read")
def check(visit: Visit, given: PolicyFiles) -> dict[str, Any]:
    """The version it would be, its rules, and the cases that fail; nothing changes."""
    return _checked(policies.checked(given.files))


@router.post("/difference", summary="Whose answer would have been another one?")
@acting("policy.read")
def difference(
    visit: Visit, given: PolicyFiles, last: Annotated[int, Query(ge=1, le=policies.MOST)] = policies.LAST
) -> dict[str, Any]:
    """The last kept decisions asked again under these files; what opens comes first."""
    return _difference(policies.difference(visit.conn, policies.checked(given.files).bundle, last=last))


@router.post("/question", summary="What does the policy in force say to these facts?")
@acting("policy.read")
def question(visit: Visit, given: PolicyQuestion) -> dict[str, Any]:
    """The decision, the texts of its rules, and the smallest changes that would make a no a yes."""
    found = decisions.answered(visit.conn, given.facts, version=given.version)
    missing = [{name: value_as_json(value) for name, value in change.items()} for change in found.missing]
    return asdict(found.decision) | {"rules": dict(found.texts), "missing": missing}


@router.get("/decisions/{exchange_id}", summary="Why an exchange was allowed or refused")
@acting("policy.read")
def explained(visit: Visit, exchange_id: OneId) -> dict[str, Any]:
    """Every decision about it out of the ledger, oldest first, with the rules as they stood in that version."""
    return {"decisions": [asdict(one) for one in decisions.explained(visit.conn, exchange_id)]}


@router.post("", status_code=202, summary="Put a policy into force, or propose it")
@acting("policy.change")
def publish(visit: Visit, given: PolicyRelease) -> dict[str, Any]:
    """`number` where it is in force now; `proposal` where it waits for a second name."""
    done = policies.publish(visit.tools, visit.conn, given.files, reason=given.reason, person=visit.person)
    return asdict(done)


@router.post("/proposals/{proposal_id}/approve", summary="Be the second name of a policy")
@acting("policy.change")
def approve(visit: Visit, proposal_id: OneId) -> dict[str, Any]:
    """In force in every process within seconds."""
    return asdict(policies.approve(visit.tools, visit.conn, proposal_id, person=visit.person))


@router.post("/proposals/{proposal_id}/withdraw", summary="Take a proposed policy back")
@acting("policy.change")
def withdraw(visit: Visit, proposal_id: OneId) -> dict[str, Any]:
    """Nothing changes."""
    found = policies.withdraw(visit.tools, visit.conn, proposal_id, person=visit.person)
    return {"proposal": found.id, "version": found.version}


@router.post("/versions/{version}/rollback", summary="Back to a policy that was in force")
@acting("policy.change")
def rollback(visit: Visit, version: Version, why: Reasoned) -> dict[str, Any]:
    """One name is enough, because it is done when something is wrong."""
    done = policies.rollback(visit.tools, visit.conn, reason=why.reason, person=visit.person, version=version)
    return asdict(done)


def _checked(found: Checked) -> dict[str, Any]:
    failing = [{"case": o.case.name, "trouble": o.trouble} for o in found.outcomes if o.trouble]
    return {
        "version": found.bundle.version,
        "rules": sorted(found.bundle.rules),
        "cases": len(found.outcomes),
        "failing": failing,
    }


def _difference(found: Difference) -> dict[str, Any]:
    changes = [
        {
            "what": change.what,
            "who": change.who,
            "times": change.times,
            "subjects": change.subjects,
            "facts": facts_as_json(change.facts),
            "before": asdict(change.before),
            "after": asdict(change.after),
        }
        for change in found.changes
    ]
    return {"asked": found.asked, "distinct": found.distinct, "unreadable": found.unreadable, "changes": changes}
