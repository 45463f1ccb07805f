"""For what somebody looks at who a member is: one of few words, on the ledger with each look."""

from interpayer.model.reason import Refusal

PURPOSES = ("case_review", "member_request", "complaint", "data_correction", "audit")


def stated(purpose: str) -> str:
    """The purpose, when it is one; `Refusal` request.malformed names those that are."""
    if purpose not in PURPOSES:
        raise Refusal("request.malformed", f"purposes are: {', '.join(PURPOSES)}")
    return purpose
