"""The responder's story: another payer asks us for members' histories. Read top to bottom.

A single `$member-match` runs inline at the door through the same steps (`answer_one_match`), without a workflow.
"""

from interpayer.exchange.durability.flow import after, workflow
from interpayer.exchange.steps import everything, exporting, fetching, matching

SOON_S = 1.0

answer_one_match = matching.match_one
answer_everything = everything.everything_for


@workflow("answer_match")
def answer_match(job_id: str) -> str:
    """Answer `$bulk-member-match`: every member gets an outcome; nobody waits for another's review."""
    chunks = matching.start(job_id)
    for chunk in range(chunks):
        # who is meant, and may they have it? decided for a thousand members at a time, each with its own evidence
        matching.match_chunk(job_id, chunk)
    return matching.publish(job_id)


@workflow("answer_from_sources")
def answer_from_sources(job_id: str) -> str:
    """Answer `$davinci-data-export` for one matched group."""
    # may they have it, now? the member may have said no since the match. where does it live?
    if not exporting.authorize(job_id):
        return exporting.release(job_id)

    # the sources that are asked now, side by side; one that fails leaves a gap in the answer, not a failed exchange
    still_open = fetching.ask_sources(job_id)

    # what the plan holds, one file per type; who dropped out meanwhile is left out again at release
    exporting.gather(job_id)
    released = exporting.release(job_id)
    if still_open:
        after(SOON_S, "ask_deferred", job_id)
    return released


@workflow("ask_deferred")
def ask_deferred(job_id: str) -> str:
    """After the release: what was deferred or failed is asked again; the next increment carries what comes."""
    wait_s = fetching.ask_again(job_id)
    if wait_s is None:
        return "nothing left to ask"
    after(wait_s, "ask_deferred", job_id)
    return "some sources are still silent"


@workflow("answer_export")
def answer_export(job_id: str) -> str:
    """The story of exports that were begun before there were live sources; no new one begins here."""
    if exporting.authorize(job_id):
        exporting.gather(job_id)
    return exporting.release(job_id)
