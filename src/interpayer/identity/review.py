"""Cases: decisions that a named person owes. A repeat joins the open case; a ruling is honored by the next request.

What the other rooms call; how it is done lies in `casework/`.
"""

from interpayer.identity.casework.deciding import (
    DECISIONS,
    CaseDecision,
    Ruling,
    Undone,
    assign_case,
    close_case,
    decide_case,
    release_case,
    undo_decision,
)
from interpayer.identity.casework.labels import Label, labels
from interpayer.identity.casework.opening import NewCase, OpenedCase, open_case, open_cases
from interpayer.identity.casework.reading import (
    CaseFilter,
    CaseRow,
    case,
    flag_overdue,
    list_cases,
    narrowed,
    next_unowned,
    reviewed_by,
    sides,
)

__all__ = [
    "DECISIONS",
    "CaseDecision",
    "CaseFilter",
    "CaseRow",
    "Label",
    "NewCase",
    "OpenedCase",
    "Ruling",
    "Undone",
    "assign_case",
    "case",
    "close_case",
    "decide_case",
    "flag_overdue",
    "labels",
    "list_cases",
    "narrowed",
    "next_unowned",
    "open_case",
    "open_cases",
    "release_case",
    "reviewed_by",
    "sides",
    "undo_decision",
]
