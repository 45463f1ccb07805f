"""Why a steward decided as they did: closed lists, because the reason goes on the ledger and must name nobody."""

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
UNDO_REASONS = ("decided_by_mistake", "new_facts", "member_objected", "other_payer_objected")
MERGE_REASONS = ("enrolled_twice", "documents_checked", "member_confirmed", "other_payer_confirmed", "moved_plans")
SPLIT_REASONS = ("merged_by_mistake", "twin_or_namesake", "household_member", "member_objected", "new_facts")
LINK_REASONS = ("documents_checked", "member_confirmed", "other_payer_confirmed", "typing_error", "id_reassigned")
