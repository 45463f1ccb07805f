"""The responder's story: another payer asks us for members' histories. Read top to bottom.

A single `$member-match` runs inline at the door through the same steps (`answer_one_match`), without a workflow.
"""

from interpayer.exchange.durability.flow import workflow
from interpayer.exchange.steps import everything, exporting, matching

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


@workflow("answer_export")
def answer_export(job_id: str) -> str:
    """Answer `$davinci-data-export` for one matched group."""
    # may they have it, now? the member may have said no since the match
    members = exporting.authorize(job_id)
    if members:
        # what the plan holds, one file per type; who dropped out meanwhile is left out again at release
        exporting.gather(job_id)
    return exporting.release(job_id)
