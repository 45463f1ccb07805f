"""Which people are worth comparing: keys that two records of one person very likely share, all inside one payer."""

from collections.abc import Iterator

from interpayer.identity.comparison import Nicknames
from interpayer.identity.standardize import Standard

# Ids reach one person or one family; what many people share is cut off at the table's largest block.
ID_KINDS = ("unique_id", "member_id", "subscriber_id")


def block_keys(standard: Standard, payer: str, nicknames: Nicknames) -> frozenset[tuple[str, str]]:
    """(kind, value) of every key of a person; the values hold personal data and are hashed before they are kept."""
    return frozenset((kind, f"{payer}\0{value}") for kind, value in _keys(standard, nicknames))


def asked_keys(standard: Standard, payer: str, nicknames: Nicknames) -> frozenset[tuple[str, str]]:
    """The keys to look for: those of a person, and the member id read as a subscriber id too (cards show either)."""
    also = {("subscriber_id", f"{payer}\0{value}") for value in standard.member_ids}
    return block_keys(standard, payer, nicknames) | also


def _keys(standard: Standard, nicknames: Nicknames) -> Iterator[tuple[str, str]]:
    yield from (("unique_id", value) for value in standard.unique_ids)
    yield from (("member_id", value) for value in standard.member_ids)
    yield from (("subscriber_id", value) for value in standard.subscriber_ids)
    yield from (("address", f"{line}\0{code}") for line, code in standard.addresses)
    if standard.birth_date is None:
        return
    day = standard.birth_date.isoformat()
    if standard.ssn4:
        yield "birth_ssn4", f"{day}\0{standard.ssn4}"
    for family in standard.families:
        yield from (("birth_family", f"{day}\0{part}") for part in {family.replace(" ", ""), *family.split()})
    for given in standard.given:
        formal = nicknames.get(given[0], frozenset((given[0],)))
        yield from (("birth_given", f"{day}\0{name}") for name in formal)
