"""Whether a query can be decided at all: what nobody's record can hold, and how little is too little.

Nobody is looked up for a query that fails here; the answer names the fields, never their values.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from interpayer.identity.standardize import Standard
from interpayer.model.member import Coverage, Demographics, IdKind

LONGEST = 200
MOST = 50
_EARLIEST = date(1890, 1, 1)
_A_DAY = timedelta(days=1)
_NO_CHARACTER = frozenset({"Cc", "Cn", "Co", "Cs"})
_NEEDED = ("given_name", "family_name", "birth_date", "member_id")


def unusable(demographics: Demographics, card: Coverage | None) -> tuple[str, ...]:
    """The fields to correct: longer than any real value, more than a person has, two scripts in one word, or
    control characters. Empty for a query that can be read.
    """
    texts = [(field, value) for field, value in _texts(demographics, card) if value]
    everything = "".join(value for _, value in texts)
    if len(everything) <= LONGEST and len(texts) <= MOST and everything.isascii() and everything.isprintable():
        return ()
    found = {field for field, value in texts if len(value) > LONGEST or not _is_plain(value)}
    many = {"family_name": demographics.names, "address": demographics.addresses, "phone": demographics.phones}
    many |= {"email": demographics.emails, "identifier": demographics.identifiers}
    return tuple(sorted(found | {field for field, values in many.items() if len(values) > MOST}))


def is_possible(born: date | None, *, today: date) -> bool:
    """Whether somebody who lives can be born on this day; no day at all is possible too."""
    # a birthday in another time zone may be tomorrow here
    return born is None or _EARLIEST <= born <= today + _A_DAY


def without_impossible(demographics: Demographics, *, today: date) -> Demographics:
    """The same, with a birth date that cannot be taken for missing: it must never count as equal or close."""
    if is_possible(demographics.birth_date, today=today):
        return demographics
    return replace(demographics, birth_date=None)


def too_little(standard: Standard) -> tuple[str, ...]:
    """What to supply when fewer than two facts say who is meant; empty when there is enough to look for somebody.

    A postal code, a sex or a family name alone fit thousands; a number alone says nothing of the person who shows it.
    """
    facts: Mapping[str, object] = {
        "name": standard.given or standard.families,
        "birth_date": standard.birth_date,
        "number": standard.member_ids or standard.subscriber_ids or standard.unique_ids,
        "ssn4": standard.ssn4,
        "address": standard.addresses,
        "phone": standard.phones,
        "email": standard.emails,
    }
    if sum(bool(value) for value in facts.values()) >= 2:
        return ()
    have = {
        "given_name": standard.given,
        "family_name": standard.families,
        "birth_date": standard.birth_date,
        "member_id": facts["number"],
    }
    return tuple(field for field in _NEEDED if not have[field])


def _texts(demographics: Demographics, card: Coverage | None) -> list[tuple[str, str | None]]:
    texts: list[tuple[str, str | None]] = []
    for name in demographics.names:
        texts += [("family_name", name.family), ("suffix", name.suffix)]
        texts += [("given_name", part) for part in name.given]
    for address in demographics.addresses:
        texts += [("address", part) for part in (address.line, address.city, address.state, address.postal_code)]
    texts += [("phone", phone) for phone in demographics.phones]
    texts += [("email", email) for email in demographics.emails]
    texts += [(_NAMES.get(i.kind, "identifier"), i.value) for i in demographics.identifiers]
    if card is not None:
        texts += [("member_id", card.member_id), ("subscriber_id", card.subscriber_id)]
    return texts


_NAMES = {IdKind.MEMBER: "member_id", IdKind.SUBSCRIBER: "subscriber_id", IdKind.SSN_LAST4: "ssn4"}


def _is_plain(text: str) -> bool:
    """Whether no character is a control or unassigned, and no word mixes Latin letters with others that look alike."""
    words = unicodedata.normalize("NFKC", text).split()
    if any(unicodedata.category(c) in _NO_CHARACTER for word in words for c in word):
        return False
    return text.isascii() or not any(_is_mixed(word) for word in words)


def _is_mixed(word: str) -> bool:
    # modifier letters belong to no script of their own: the Hawaiian okina stands in many a name
    letters = [c for c in word if c.isalpha() and unicodedata.category(c) != "Lm"]
    return len({unicodedata.name(c, "").startswith("LATIN") for c in letters}) > 1
