"""Why a steward decided as they did: a closed list, because the reason goes on the ledger and must name nobody."""

RULING_REASONS = (
    "documents_checked",
    "member_confirmed",
    "other_payer_confirmed",
    "name_changed",
    "moved_house",
    "typing_error",
    "household_member",
    "twin_or_namesake",
    "different_birth_date",
    "not_enough_facts",
)
