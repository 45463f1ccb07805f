"""What labels need of other rooms while records are taken in: the birth dates of the members of a batch."""

from collections.abc import Iterable
from datetime import date

from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.system.database import Connection


class Births:
    """Birth dates of a batch's members, looked up together at the first question; unknown ones are None."""

    def __init__(self, tools: Tools, conn: Connection, member_ids: Iterable[str]) -> None:
        self._tools, self._conn, self._member_ids = tools, conn, sorted(set(member_ids))
        self._known: dict[str, date | None] | None = None

    def __call__(self, member_id: str) -> date | None:
        """The member's birth date; None when it is unknown."""
        if self._known is None:
            told = identity_store.demographics_of(self._conn, self._tools.vault, self._member_ids)
            self._known = {i: one.birth_date for i, one in told.items()}
        return self._known.get(member_id)
