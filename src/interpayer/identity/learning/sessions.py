"""Pairs of records to learn from, by the key that brought them together; each key is blind to the fields it holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from interpayer.identity.blocking import person_keys
from interpayer.identity.comparison import Grade, Nicknames, compare
from interpayer.identity.standardize import Standard

Grades = Mapping[str, Grade]


class Session(NamedTuple):
    """One key that people share with themselves and seldom with their family, and the fields it says nothing about."""

    key: str
    blind_to: frozenset[str]


_IDS = frozenset({"unique_id", "member_id", "subscriber_id"})
# Keys of a household (address, phone, subscriber id) are no sessions: what they bring together are families, and what
# EM would then learn is how alike a family is. One birth date and family name would teach it twins.
SESSIONS = (
    Session("member_id", _IDS),
    Session("birth_ssn4", frozenset({"birth_date", "ssn4"})),
    Session("birth_given", frozenset({"birth_date", "given"})),
    Session("ssn4_family", frozenset({"ssn4", "family"})),
)
_KEYS = frozenset(session.key for session in SESSIONS)


class Record(NamedTuple):
    """A record to learn from; `own` names the member that it is, so that nobody is compared with themselves."""

    standard: Standard
    own: str | None = None


@dataclass(slots=True)
class Pairs:
    """Gathers the grades of pairs by session, up to `most` in each: records asked first, then everybody held."""

    nicknames: Nicknames
    most: int
    graded: dict[str, list[Grades]] = field(default_factory=lambda: defaultdict(list))
    _asked: Sequence[Record] = ()
    _by_key: Mapping[tuple[str, str], list[int]] = field(default_factory=dict)

    def ask(self, records: Sequence[Record]) -> None:
        """The records whose partners are looked for."""
        by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            for key in learning_keys(record.standard, self.nicknames):
                by_key[key].append(place)
        self._asked, self._by_key = records, by_key

    def meet(self, held: Iterable[Record]) -> None:
        """Members that pass by: each is compared with the records that share a key with it."""
        for record in held:
            for key in learning_keys(record.standard, self.nicknames):
                if key in self._by_key:
                    self._compare(key, record)

    def _compare(self, key: tuple[str, str], record: Record) -> None:
        for place in self._by_key[key]:
            asked = self._asked[place]
            is_another = asked.own is None or asked.own != record.own
            if is_another and len(self.graded.get(key[0], ())) < self.most:
                self.graded[key[0]].append(compare(asked.standard, record.standard, self.nicknames))


def learning_keys(standard: Standard, nicknames: Nicknames) -> list[tuple[str, str]]:
    """The keys of a record that are sessions."""
    return [key for key in person_keys(standard, nicknames) if key[0] in _KEYS]
