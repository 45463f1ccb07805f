"""The requester's story: we ask another payer for one member's history. Read top to bottom.

Every workflow may start again from its top at any time: a step whose part is done says so and changes nothing.
"""

from typing import Any

from interpayer.exchange.durability.flow import after, workflow
from interpayer.exchange.steps import asking, batching, handing, ingesting, receiving, removing
from interpayer.model.reason import Fault


@workflow("request_history")
def request_history(exchange_id: str) -> str:
    """From what was asked to a place in a batch (one exchange)."""
    # is everything there that a payer may want to know?
    if asking.validate(exchange_id) != "validated":
        return "incomplete"

    # who is meant among our own members? never a guess: a case waits for a person, and the decision starts us again
    if asking.identify(exchange_id) != "identified":
        return "not identified"

    # does consent, basis and policy say yes, now?
    if asking.authorize(exchange_id) != "permitted":
        return "blocked"

    # where to, in which mode, and why not elsewhere?
    route = asking.choose_route(exchange_id)
    if route["wait_s"] is not None:
        after(route["wait_s"], "request_history", exchange_id)
        return "waits for a route"
    if route["mode"] in (None, "manual"):
        return asking.escalate(exchange_id)

    # one call asks for many
    return asking.join_batch(exchange_id)


@workflow("ask_batch")
def ask_batch(batch_id: str) -> str:
    """Ask one payer for all members of a batch; permission is decided again at the moment of sending."""
    mode = batching.close(batch_id)
    if mode is None:
        return "nobody left to ask for"
    if mode == "single_everything":
        return _ask_one_by_one(batch_id)
    status_url = batching.send_match(batch_id)
    if not status_url:
        return "nobody left to ask for"
    batching.record_sent(batch_id, status_url)
    after(batching.FIRST_POLL_S, "await_match", batch_id)
    return "sent"


@workflow("await_match")
def await_match(batch_id: str) -> str:
    """Poll the partner's match job; then ask for the export of those it knows."""
    try:
        progress = batching.poll_match(batch_id)
    except Fault as fault:
        return _ask_again(batch_id, fault)
    if progress["wait_s"] is not None:
        after(progress["wait_s"], "await_match", batch_id)
        return "still running"
    if batching.record_match(batch_id) == 0:
        return "nobody matched"
    status_url = batching.start_export(batch_id)
    if not status_url:
        return "nobody left to ask for"
    batching.record_export(batch_id, status_url)
    after(batching.FIRST_POLL_S, "await_export", batch_id)
    return "export asked for"


@workflow("await_export")
def await_export(batch_id: str) -> str:
    """Poll the export job; then download, verify, take in, deliver, acknowledge."""
    try:
        progress = batching.poll_export(batch_id)
    except Fault as fault:
        return _ask_again(batch_id, fault)
    if progress["wait_s"] is not None:
        after(progress["wait_s"], "await_export", batch_id)
        return "still running"
    places = list(range(progress["files"]))
    files = [receiving.download(batch_id, place) for place in places]
    return _finish(batch_id, files, deletions=progress.get("deleted", 0))


@workflow("deliver_reviewed")
def deliver_reviewed(exchange_id: str) -> str:
    """A person decided that what came is our member's: deliver it."""
    delivered = ingesting.deliver_one(exchange_id)
    handing.announce_one(exchange_id)
    return delivered


@workflow("hand_over")
def hand_over(exchange_id: str) -> str:
    """What one exchange brought is given on to the plan's own systems."""
    return handing.hand_over(exchange_id)


def _ask_again(batch_id: str, fault: Fault) -> str:
    """A job that the partner lost is started anew, a few times; every other fault ends in a dead letter."""
    if fault.reason != "partner.job_lost" or not batching.requeue(batch_id):
        raise fault
    after(batching.POLL_S, "ask_batch", batch_id)
    return "asked again"


def _finish(batch_id: str, files: list[dict[str, Any]], *, deletions: int = 0) -> str:
    """Take in what may be taken in. In any case nothing stays in our inbox, and the partner's files may go."""
    is_anybody_left = receiving.verify(batch_id, files) > 0
    if is_anybody_left:
        _take_in(batch_id, list(range(len(files))), deletions=deletions)
    receiving.acknowledge(batch_id)
    handing.announce(batch_id)
    return "delivered" if is_anybody_left else "nobody left to take in"


def _take_in(batch_id: str, every: list[int], *, deletions: int) -> None:
    places, deleting = every[: len(every) - deletions], every[len(every) - deletions :]
    # is it really our member? a conflict opens a case, and what came for that one is kept apart
    ingesting.reconcile(batch_id, places)
    for place in places:
        ingesting.note_ids(batch_id, place)
    taken = [ingesting.take_in(batch_id, place) for place in places]
    if deleting:
        # what the partner had told before and takes back now
        removing.take_out(batch_id, deleting)
    ingesting.deliver(batch_id, taken)


def _ask_one_by_one(batch_id: str) -> str:
    """The single-member way, for a payer that offers only that: match, then everything under its grant."""
    matched = [x for x in batching.members(batch_id) if batching.match_one(batch_id, x) == "matched"]
    files = [receiving.fetch_everything(batch_id, x, place=place) for place, x in enumerate(matched)]
    return _finish(batch_id, files)
