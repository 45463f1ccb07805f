"""`interpayer demo`: two payers exchange members' histories over real sockets, told live."""

import shlex
import shutil
import tempfile
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from interpayer.audit.words import sentence
from interpayer.model.exchange import FINAL
from interpayer.simulation.cast import Role
from interpayer.simulation.installation import Installation
from interpayer.simulation.stage import Stage, build_stage

out = Console(highlight=False)
app = typer.Typer(help="Two payers exchange members' histories over real sockets, told live.")
UNDER_WAY = (
    *("received", "validated", "identified", "routed", "queued"),
    *("sent", "acknowledged", "receiving", "reconciling"),
)
SETTLED = {state.value for state in FINAL} | {"unresolved", "blocked", "incomplete", "in_review", "escalated"}
# Which facts of an event are worth a line here, and under which words.
_TOLD = {
    "rule": "rule",
    "candidates": "candidates:",
    "verdict": "verdict:",
    "mode": "by",
    "why": "because",
    "records": "records:",
    "answer": "answer:",
    "case": "case",
}
_SKIPPED = {"standing.created", "standing.fired", "exchange.validated"}


@app.callback(invoke_without_command=True)
def demo(
    *,
    members: Annotated[int, typer.Option(min=60, help="People that both plans know.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Leave both payers running, to explore.")] = False,
) -> None:
    """Start two complete payers, watch four stories, verify both ledgers, leave nothing running.

    Example: interpayer demo --members 300 --keep
    """
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="interpayer-demo-"))
    out.print(
        "[bold]Two health plans exchange members' histories.[/bold] Real processes, databases, keys, https.\n",
        soft_wrap=True,
    )
    stage = build_stage(folder, seed=seed, count=members, say=_quiet)
    try:
        _introduce(stage)
        _load_old_plan(stage)
        _delivered(stage)
        _ambiguous(stage)
        _withdrawn(stage)
        _dies_in_the_middle(stage)
        is_intact = _verified(stage)
        _how_to_go_on(stage, keep=keep)
    finally:
        if not keep:
            stage.close()
            shutil.rmtree(folder, ignore_errors=True)
    out.print(f"\nDone in {time.monotonic() - began:.0f} s.")
    if not is_intact:
        raise typer.Exit(1)


def _introduce(stage: Stage) -> None:
    for one, role in ((stage.old, "the old plan, it is asked"), (stage.new, "the new plan, it asks")):
        out.print(f"  [bold]{one.title}[/bold] ({role})  FHIR {one.base_url}/fhir  API {one.api_url}", soft_wrap=True)
    _say("each has registered the other: keys, organization, endpoint, scopes; every call is mutual TLS")


def _load_old_plan(stage: Stage) -> None:
    feed = stage.feed_of("payer-a")
    rows = stage.old.command("load", "enrollments", str(feed / "enrollments.csv"))
    records = stage.old.command("load", "fhir", str(feed / "fhir"))
    _say(f"{stage.old.title} loads its enrollment feed: {rows['rows']} rows, {rows['new']} members")
    loaded = sum(records["types"].values())
    _say(f"… and its records: {loaded} resources; money is removed from what may leave, denied authorizations stay")


def _delivered(stage: Stage) -> None:
    _title(1, "A certain match is delivered")
    _say("The enrollment feed of this morning names a new member who opted in and had a card of the other plan.")
    exchange = _ask_for(stage, stage.cast.delivered, "delivered")
    _both_sides(stage, exchange)
    _result(stage.new, exchange)


def _ambiguous(stage: Stage) -> None:
    _title(2, "An ambiguous one becomes a case for a person, and is found on the next request")
    _say("The old plan has this person enrolled twice under two ids; the card names neither for certain.")
    role = stage.cast.ambiguous
    exchange = _ask_for(stage, role, "ambiguous")
    _both_sides(stage, exchange)
    _say("The partner is told only: no match. At the old plan a case is open:")
    _, found = stage.old.api("GET", "/cases?state=open")
    (case,) = found["cases"]
    _, shown = stage.old.api("GET", f"/cases/{case['id']}?purpose=case_review")
    chosen, candidates = _candidate(shown["sides"], role), len(shown["sides"]["candidates"])
    out.print(
        f"    case {case['id']}  {case['reason']}  {candidates} candidates, due {case['due_at'][:16]}", soft_wrap=True
    )
    ruling = {"decision": "same", "member_id": chosen, "reason": "documents_checked"}
    _, decided = stage.old.api("POST", f"/cases/{case['id']}/decision", ruling)
    _say(f"A named person decides: {decided['decision']}. The decision is kept; the new plan asks again.")
    _, asked = stage.new.api("POST", f"/standing/{exchange['standing']}/ask")
    again = asked["exchange"]
    found = _settled(stage.new, again)
    _result(stage.new, found)


def _withdrawn(stage: Stage) -> None:
    _title(3, "One is refused, for the member withdrew at the old plan")
    exchange = _ask_for(stage, stage.cast.withdrawn, "withdrawn")
    _both_sides(stage, exchange)
    _result(stage.new, exchange)


def _dies_in_the_middle(stage: Stage) -> None:
    _title(4, "The old plan dies in the middle and comes back")
    cast = stage.cast
    told = {role.ours.member_id for role in (cast.delivered, cast.ambiguous, cast.withdrawn)}
    report = stage.new.command("load", "enrollments", str(stage.part_of_feed("rest", told, without=True)))
    _say(
        f"The rest of the feed: {report['rows']} rows, {report['standing_made']} standing requests, asked in one call."
    )
    _wait_until(stage.new, ("acknowledged", "receiving", "reconciling"))
    for name in ("worker-1", "doors", "database"):
        stage.old.kill(name)
    _say(f"kill -9: worker, doors and database of {stage.old.title} are gone. The new plan waits:")
    time.sleep(1)
    _print_states(stage.new)
    stage.old.start()
    _say(f"{stage.old.title} is back; the work goes on by itself.")
    _drain(stage.new)
    _print_states(stage.new)
    _count_twice(stage)


def _verified(stage: Stage) -> bool:
    _title(5, "Both ledgers are verified")
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda one: one.command("audit", "verify", allowed=(0, 1)), stage.both))
    for one, verdict in zip(stage.both, verdicts, strict=True):
        word = "intact" if verdict["intact"] else "TAMPERED"
        out.print(f"    {one.title}: {word}, {verdict['events']} events, {verdict['checkpoints']} signed checkpoints")
    return all(verdict["intact"] for verdict in verdicts)


def _how_to_go_on(stage: Stage, *, keep: bool) -> None:
    one = stage.new
    out.print(
        "\n[bold]Look further[/bold]: interpayer exchange show ID · interpayer audit show ID · docs/tour.md",
        soft_wrap=True,
    )
    if not keep:
        return
    ca = one.home / "tls" / "ca.crt"
    out.print(f"  Both payers keep running; their homes are in {stage.folder}. Try:")
    for payer in stage.both:
        out.print(f"  . {_environment(payer)}   then any command is {payer.title}'s", soft_wrap=True)
    out.print(f"  curl --cacert {ca} -H 'Authorization: Bearer {one.token}' {one.api_url}/exchanges", soft_wrap=True)
    out.print(f"  curl --cacert {ca} {stage.old.base_url}/.well-known/davinci-configuration", soft_wrap=True)
    out.print(f"  console: {one.console_url} (token {one.token})", soft_wrap=True)
    pids = " ".join(str(process.pid) for payer in stage.both for process in payer.running.values())
    out.print(f"  end them: kill {pids}", soft_wrap=True)


def _environment(one: Installation) -> Path:
    """A file for the shell, of its owner only: it makes every later command one of this payer."""
    path = one.home / "environment.sh"
    path.touch(mode=0o600)
    own = {name: value for name, value in sorted(one.environ.items()) if name.startswith("INTERPAYER_")}
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in own.items()), "utf-8")
    return path


def _ask_for(stage: Stage, role: Role, name: str) -> dict[str, Any]:
    """Load this person's row at the new plan; the exchange that follows from the feed, once it is settled."""
    known = {e["exchange"] for e in stage.new.exchanges()}
    stage.new.command("load", "enrollments", str(stage.part_of_feed(name, {role.ours.member_id})))
    while not (fresh := [e for e in stage.new.exchanges() if e["exchange"] not in known]):
        time.sleep(0.1)
    return _settled(stage.new, fresh[0]["exchange"])


def _settled(one: Installation, exchange_id: str) -> dict[str, Any]:
    while True:
        _, found = one.api("GET", f"/exchanges/{exchange_id}")
        if found["state"] in SETTLED:
            return dict(found)
        time.sleep(0.3)


def _both_sides(stage: Stage, exchange: dict[str, Any]) -> None:
    theirs = [e for e in stage.old.exchanges() if e["correlation_id"] == exchange["correlation_id"]]
    _timeline(stage.new, exchange["exchange"])
    for other in theirs:
        _timeline(stage.old, other["exchange"])


def _timeline(one: Installation, exchange_id: str) -> None:
    out.print(f"    [dim]{one.title}, exchange {exchange_id}[/dim]")
    _, events = one.api("GET", f"/exchanges/{exchange_id}/events")
    for event in events["events"]:
        if event["name"] not in _SKIPPED:
            out.print(f"      {_short(event)}", soft_wrap=True)


def _short(event: dict[str, Any]) -> str:
    """The event in words, without date and process, with what was decided and why."""
    text = sentence({**event, "facts": {}, "policy_version": None}).split(" · ", 2)[-1]
    facts = event["facts"]
    told = [f"{words} {facts[name]}" for name, words in _TOLD.items() if facts.get(name) not in (None, [], "") if words]
    if event["policy_version"]:
        told.append(f"policy {str(event['policy_version'])[:12]}")
    return f"{text} [dim]{', '.join(told)}[/dim]" if told else text


def _result(one: Installation, exchange: dict[str, Any]) -> None:
    records = ", ".join(f"{count} {kind}" for kind, count in sorted(exchange["records"].items()))
    answer = exchange["answer"] or "none"
    why = f" ({exchange['reason']}: {exchange['remedy']})" if exchange["reason"] and exchange["remedy"] else ""
    out.print(f"    [bold]{one.title}: {exchange['state']}, answer {answer}{why}[/bold]", soft_wrap=True)
    if records:
        out.print(f"    in the member's record now: {records}", soft_wrap=True)


def _states(one: Installation) -> dict[str, int]:
    counted: dict[str, int] = {}
    for exchange in one.exchanges():
        counted[exchange["state"]] = counted.get(exchange["state"], 0) + 1
    return counted


def _print_states(one: Installation) -> None:
    words = ", ".join(f"{count} {state}" for state, count in sorted(_states(one).items()))
    out.print(f"    {one.title}: {words}", soft_wrap=True)


def _wait_until(one: Installation, states: Collection[str]) -> None:
    """Wait until some exchange stands in one of the states."""
    while not _is_any(one, states):
        time.sleep(0.1)


def _drain(one: Installation) -> None:
    """Wait until nothing is under way."""
    while _is_any(one, UNDER_WAY):
        time.sleep(0.5)


def _is_any(one: Installation, states: Collection[str]) -> bool:
    return any(one.api("GET", f"/exchanges?state={state}&limit=1")[1]["exchanges"] for state in states)


def _count_twice(stage: Stage) -> None:
    """Nothing lost, nothing twice: each completed exchange has one counterpart that was released once."""
    done = [e for e in stage.new.exchanges() if e["state"] == "completed"]
    members = [e["member"]["id"] for e in done]
    twice = len(members) - len(set(members))
    released = [e for e in stage.old.exchanges() if e["state"] == "completed"]
    _say(f"{len(done)} delivered, {len(released)} released and acknowledged, {twice} twice.")


def _candidate(sides: dict[str, Any], role: Role) -> str:
    """Among the candidates, the member whose id at the old plan is the one that the person checked."""
    wanted = role.theirs[0].member_id
    for candidate in sides["candidates"]:
        if wanted in str(candidate):
            return str(candidate["member_id"])
    return str(sides["candidates"][0]["member_id"])


def _title(number: int, text: str) -> None:
    out.print(f"\n[bold]{number}  {text}[/bold]", soft_wrap=True)


def _say(text: str) -> None:
    out.print(f"    {text}", soft_wrap=True)


def _quiet(text: str) -> None:
    out.print(f"  [dim]{text}[/dim]")
