"""Policies: checked, compared with what was decided, proposed and approved by two names, taken back by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.operations.access import Person, are_two
from interpayer.policy import comparing, store
from interpayer.policy.bundle import Bundle
from interpayer.policy.cases import Outcome, run_cases
from interpayer.policy.comparing import Difference
from interpayer.policy.composing import closed, compose, shipped
from interpayer.policy.decide import evaluate
from interpayer.policy.facts import PublishFacts
from interpayer.policy.in_force import in_force
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

CHAIN = "policy"
LAST, MOST = 1000, 100_000


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy that loads: its version, its rules, and its cases, those that fail first."""

    bundle: Bundle
    outcomes: tuple[Outcome, ...]

    @property
    def holds(self) -> bool:
        """Whether every case holds."""
        return not any(outcome.trouble for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it: in force under this number of release, or waiting for a second name under this id."""

    version: str
    number: int | None = None
    proposal: str | None = None


def checked(own: Mapping[str, str]) -> Checked:
    """The shipped policy with these own files over it, its cases run; Refusal says what does not hold."""
    try:
        bundle = compose(own)
        return Checked(bundle, tuple(run_cases(bundle)))
    except ValueError as error:
        raise Refusal("request.malformed", str(error)) from None


def difference(conn: Connection, after: Bundle, *, last: int = LAST) -> Difference:
    """The last decisions asked again: whose answer is another one than under the policy in force."""
    rows = [{"facts": k.facts, "times": k.times, "subject": k.subject} for k in store.last(conn, min(last, MOST))]
    return comparing.compare(rows, in_force(conn), after)


def bundle_of(conn: Connection, version: str) -> Bundle:
    """A kept version as it would decide under this release; Refusal `policy.version_unknown` when there is none."""
    own = store.own_files_of(conn, version)
    if own is None:
        raise Refusal("policy.version_unknown", "no version of this name was kept here")
    try:
        return compose(own)
    except ValueError as error:
        return closed(own, str(error))


def publish(tools: Tools, conn: Connection, own: Mapping[str, str], *, reason: str, person: Person) -> Published:
    """Put these own files into force, or let them wait for a second name where policy asks for one."""
    if not own:
        # a folder that was misspelled would take every rule of the plan's own away
        raise Refusal("request.malformed", "there is no file of a policy; `rollback` goes back to what ships")
    found = checked(own)
    version = found.bundle.version
    store.lock_releases(conn)
    if version == in_force(conn).version:
        raise Refusal("request.wrong_state", "this version is in force already")
    store.publish(conn, found.bundle, by=person.id, own=own)
    facts = _facts(tools, person, reason, cases_hold=found.holds)
    decision = evaluate(_governing(conn), facts)
    if decision.allow:
        return _release(tools, conn, version, _Act("publish", person.actor, reason))
    if decision.reasons != ("policy.second_person",):
        raise Refusal(decision.reasons[0], _first_trouble(found))
    proposal_id = new_id("o")
    store.propose(conn, proposal_id, version, by=person.id, reason=reason)
    told: dict[str, JSON] = {"proposal": proposal_id, "version": version, "why": reason}
    tools.ledger.append(conn, _event("policy.proposed", person.actor, version, told))
    return Published(version, proposal=proposal_id)


def approve(tools: Tools, conn: Connection, proposal_id: str, *, person: Person) -> Published:
    """The second name: the proposed version is in force from now on. Its cases are run again."""
    store.lock_releases(conn)
    found = _open(conn, proposal_id)
    if not are_two(found.proposed_by, person.id):
        raise Refusal("policy.second_person", "who proposed it does not approve it")
    now_checked = checked(store.own_files_of(conn, found.version) or {})
    facts = _facts(tools, person, found.reason, cases_hold=now_checked.holds, has_second_person=True)
    decision = evaluate(_governing(conn), facts)
    if not decision.allow:
        raise Refusal(decision.reasons[0], _first_trouble(now_checked))
    store.end_proposal(conn, proposal_id, state="approved", by=person.id)
    version = now_checked.bundle.version
    store.publish(conn, now_checked.bundle, by=found.proposed_by, own=store.own_files_of(conn, found.version))
    act = _Act("publish", Actor("person", found.proposed_by), found.reason, approved_by=person.actor)
    return _release(tools, conn, version, act)


def withdraw(tools: Tools, conn: Connection, proposal_id: str, *, person: Person) -> store.Proposal:
    """Take a proposal back, one's own or another's: nothing changes."""
    found = _open(conn, proposal_id)
    store.end_proposal(conn, proposal_id, state="withdrawn", by=person.id)
    told: dict[str, JSON] = {"proposal": proposal_id, "version": found.version}
    tools.ledger.append(conn, _event("policy.withdrawn", person.actor, found.version, told))
    return found


def rollback(tools: Tools, conn: Connection, *, reason: str, person: Person, version: str | None = None) -> Published:
    """Back to a version that was in force, without one named to the one before; to what ships when there is none."""
    store.lock_releases(conn)
    current = in_force(conn).version
    wanted = version or _before(conn, current)
    was = store.was_in_force(conn, wanted) or wanted == shipped().version
    decision = evaluate(
        _governing(conn), _facts(tools, person, reason, cases_hold=True, action="rollback", was_in_force=was)
    )
    if not decision.allow:
        raise Refusal(decision.reasons[0], "a version that was in force, and a reason, are needed")
    if wanted == current:
        raise Refusal("request.wrong_state", "this version is in force already")
    if wanted == shipped().version:
        store.publish(conn, shipped(), by=person.id)
    return _release(tools, conn, wanted, _Act("rollback", person.actor, reason))


def standing(conn: Connection) -> dict[str, Any]:
    """What is in force, since when and by whom, what came before, and what waits for a second name."""
    releases, bundle = store.releases(conn), in_force(conn)
    return {
        "version": bundle.version,
        "broken": bundle.broken,
        "shipped": shipped().version,
        "own_files": sorted(store.own_files_in_force(conn)[1]),
        "rules": sorted(bundle.rules),
        "releases": releases,
        "proposals": store.proposals(conn),
    }


@dataclass(frozen=True, slots=True)
class _Act:
    """What puts a version into force: publish or rollback, by whom, why, and the second name."""

    name: str
    actor: Actor
    reason: str
    approved_by: Actor | None = None


def _release(tools: Tools, conn: Connection, version: str, act: _Act) -> Published:
    changes = difference(conn, bundle_of(conn, version)).changes
    before = in_force(conn).version
    second = act.approved_by.id if act.approved_by else None
    number = store.release(conn, version, act=act.name, by=act.actor.id, reason=act.reason, approved_by=second)
    told: dict[str, JSON] = {"before": before, "release": number, "why": act.reason}
    told |= {"proposed_by": act.actor.id} if second else {}
    # how it would have decided lately: whoever asks a year later sees what was known
    told |= {what: sum(c.times for c in changes if c.what == what) for what in ("opened", "closed")}
    name = "policy.published" if act.name == "publish" else "policy.rolled_back"
    tools.ledger.append(conn, _event(name, act.approved_by or act.actor, version, told))
    return Published(version, number=number)


def _governing(conn: Connection) -> Bundle:
    """Who may change the policy is said by the policy in force; by what ships when that one does not load."""
    current = in_force(conn)
    return current if current.broken is None else shipped()


def _facts(tools: Tools, person: Person, reason: str, **more: Any) -> PublishFacts:
    given = {"has_second_person": False, **more}
    return PublishFacts(person.id, person.roles, tools.environment, has_reason=bool(reason.strip()), **given)


def _open(conn: Connection, proposal_id: str) -> store.Proposal:
    found = store.proposal(conn, proposal_id)
    if found is None:
        raise Refusal("request.not_found", "no such proposal")
    if found.state != "open":
        raise Refusal("request.wrong_state", f"this proposal was {found.state}")
    return found


def _before(conn: Connection, current: str) -> str:
    return next((one.version for one in store.releases(conn) if one.version != current), shipped().version)


def _first_trouble(found: Checked) -> str:
    return next((f"{o.case.name}: {o.trouble}" for o in found.outcomes if o.trouble), "")


def _event(name: str, actor: Actor, version: str, facts: Mapping[str, JSON]) -> Event:
    return Event(name, CHAIN, actor.type, actor.id, policy_version=version, facts={"version": version, **facts})
