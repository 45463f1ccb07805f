"""Which people are worth comparing: keys that two records of one person very likely share, all inside one payer."""

from collections.abc import Iterator

from interpayer.identity.comparison import Nicknames
from interpayer.identity.standardize import Standard

# Ids reach one person or one family; what many people share is cut off at the table's largest block.
ID_KINDS = ("unique_id", "member_id", "subscriber_id")


def block_keys(standard: Standard, payer: str, nicknames: Nicknames) -> frozenset[tuple[str, str]]:
    """(kind, value) of every key of a person; the values hold personal data and are hashed before they are kept."""
    return frozenset((kind, f"{payer}\0{value}") for kind, value in person_keys(standard, nicknames))


def asked_keys(standard: Standard, payer: str, nicknames: Nicknames) -> frozenset[tuple[str, str]]:
    """The keys to look for: those of a person, and what senders put in the wrong place."""
    return frozenset((kind, f"{payer}\0{value}") for kind, value in sought_keys(standard, nicknames))


def person_keys(standard: Standard, nicknames: Nicknames) -> set[tuple[str, str]]:
    """The keys of a person, without the payer's namespace."""
    keys = set(_ids_and_places(standard))
    keys.update(_names(standard, {given[0] for given in standard.given}, _family_words(standard), nicknames))
    return keys


def sought_keys(standard: Standard, nicknames: Nicknames) -> set[tuple[str, str]]:
    """As `person_keys`; the member id is read as a subscriber id too (cards show either), first and last name may be
    exchanged, and the middle name may be the one that is used.
    """
    keys = person_keys(standard, nicknames)
    keys.update(("subscriber_id", value) for value in standard.member_ids)
    firsts = {word for given in standard.given for word in given}
    families = _family_words(standard)
    keys.update(_names(standard, families, firsts, nicknames))
    if standard.birth_date is not None:
        day = standard.birth_date.isoformat()
        keys.update(("birth_given", f"{day}\0{word}") for word in firsts)
    return keys


def _ids_and_places(standard: Standard) -> Iterator[tuple[str, str]]:
    yield from (("unique_id", value) for value in standard.unique_ids)
    yield from (("member_id", value) for value in standard.member_ids)
    yield from (("subscriber_id", value) for value in standard.subscriber_ids)
    yield from (("address", f"{line}\0{code}") for line, code in standard.addresses)
    yield from (("phone", value) for value in standard.phones)
    yield from (("email", value) for value in standard.emails)
    if standard.birth_date is not None and standard.ssn4:
        yield "birth_ssn4", f"{standard.birth_date.isoformat()}\0{standard.ssn4}"


def _names(standard: Standard, firsts: set[str], families: set[str], nicknames: Nicknames) -> Iterator[tuple[str, str]]:
    # With a wrong birth date a family name is still worth a look beside four digits, or an initial and the ZIP code.
    if standard.ssn4:
        yield from (("ssn4_family", f"{standard.ssn4}\0{family}") for family in families)
    for code in standard.postal_codes:
        yield from (("place_name", f"{code}\0{first[0]}\0{family}") for first in firsts for family in families)
    if standard.birth_date is None:
        return
    day = standard.birth_date.isoformat()
    yield from (("birth_family", f"{day}\0{family}") for family in families)
    for first in firsts:
        yield from (("birth_given", f"{day}\0{name}") for name in nicknames.get(first, (first,)))


def _family_words(standard: Standard) -> set[str]:
    words: set[str] = set()
    for family in standard.families:
        if " " in family:
            words.add(family.replace(" ", ""))
            words.update(family.split())
        else:
            words.add(family)
    return words
