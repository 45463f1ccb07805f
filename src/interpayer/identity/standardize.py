"""Demographics made comparable: one spelling, placeholders turned into what they are: missing (identity.md, 6.1)."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import TypeVar

import msgspec

from interpayer.identity.addresses import clean_postal_code, standard_line
from interpayer.model.member import Coverage, Demographics, IdKind, Name

_NO_GIVEN = {
    "UNKNOWN", "UNK", "NONE", "NA", "NULL", "TEST", "TESTPATIENT", "BABY", "BABYBOY", "BABYGIRL", "BOY", "GIRL",
    "NEWBORN", "INFANT", "MALE", "FEMALE", "PATIENT", "MEMBER", "NOFIRSTNAME", "NOFIRST", "FIRSTNAME", "NFN", "NMN",
    "FNU", "XX", "XXX", "XXXX",
}  # fmt: skip
# Null, Na and Boy are real family names.
_NO_FAMILY = {
    "UNKNOWN", "UNK", "NONE", "TEST", "TESTPATIENT", "NOLASTNAME", "NOLAST", "LASTNAME", "NLN", "LNU", "XX", "XXX",
    "XXXX",
}  # fmt: skip
_NO_ID = {
    "UNKNOWN", "UNK", "NONE", "NA", "NULL", "TEST", "PENDING", "NOTAPPLICABLE", "123456789", "1234567890",
    "987654321",
}  # fmt: skip
_NO_MAIL = (
    "none@", "noemail@", "no@", "na@", "n/a@", "unknown@", "test@", "noreply@", "no-reply@", "donotreply@", "x@",
    "nobody@", "no.email@", "declined@", "refused@",
)  # fmt: skip
_NO_PHONE = frozenset({"1234567890", "0123456789", "5551234567", "9876543210"})
_NO_DAY = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1), date(1901, 1, 1)})
# Numbers that were printed on sample cards, or typed to get past a field.
_NO_SSN = frozenset({"123456789", "987654321", "078051120", "219099999"})
# Letters that no accent parts from a plain one, and the many signs for an apostrophe.
_PLAIN = str.maketrans({
    "\u0142": "l", "\u0141": "L", "\u00f8": "o", "\u00d8": "O", "\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE",
    "\u0153": "oe", "\u0152": "OE", "\u0111": "d", "\u0110": "D", "\u00f0": "d", "\u00d0": "D", "\u00fe": "th",
    "\u00de": "TH", "\u0131": "i", "\u2018": "", "\u2019": "", "\u02bb": "", "\u02bc": "", "\u00b4": "",
    "\u2032": "", "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u00ad": "",
})  # fmt: skip
_DROPPED = str.maketrans("", "", "'.`")
# What is no Latin letter cannot be compared with what a plan holds: it is missing, never different.
_NOT_WORD = re.compile(r"[^0-9A-Z]+")
_NOT_ID = re.compile(r"[^0-9A-Z]")
_NOT_DIGIT = re.compile(r"\D")
_SUFFIXES = {
    "JR": "JR", "JUNIOR": "JR", "II": "JR", "2ND": "JR", "SR": "SR", "SENIOR": "SR", "I": "SR",
    "III": "III", "3RD": "III", "IV": "IV", "4TH": "IV", "V": "V", "5TH": "V",
}  # fmt: skip
_TITLES = frozenset({"MR", "MRS", "MS", "MISS", "DR", "REV", "PROF"})
_DEGREES = frozenset({"MD", "PHD", "DDS", "ESQ", "RN", "JD", "CPA"})
_T = TypeVar("_T")
_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}


# A struct: made for every candidate of every request, and read from the index as it is (docs/decisions/0027).
class Standard(msgspec.Struct, frozen=True, array_like=True):
    """A person in comparable form; an empty tuple or None is missing. Former names and addresses count."""

    given: tuple[tuple[str, ...], ...] = ()
    families: tuple[str, ...] = ()
    suffixes: frozenset[str] = frozenset()
    birth_date: date | None = None
    sex: str | None = None
    ssn4: str | None = None
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    addresses: frozenset[tuple[str, str]] = frozenset()
    postal_codes: frozenset[str] = frozenset()
    member_ids: frozenset[str] = frozenset()
    subscriber_ids: frozenset[str] = frozenset()
    unique_ids: frozenset[str] = frozenset()


def standardize(demographics: Demographics, coverages: Iterable[Coverage] = (), *, payer: str = "") -> Standard:
    """One person in comparable form; insurance ids count only inside the namespace of `payer`."""
    plans = list(coverages)
    mine = [i for i in demographics.identifiers if i.issuer == payer]
    members = [c.member_id for c in plans] + [i.value for i in mine if i.kind is IdKind.MEMBER]
    subscribers = [c.subscriber_id for c in plans] + [i.value for i in mine if i.kind is IdKind.SUBSCRIBER]
    names = [clean_name(name) for name in demographics.names]
    addresses = [(clean_line(a.line), clean_postal_code(a.postal_code)) for a in demographics.addresses]
    identifiers = demographics.identifiers
    return Standard(
        given=_unique(given for given, _, _ in names if given),
        families=_unique(family for _, family, _ in names if family),
        suffixes=frozenset(suffix for _, _, suffix in names if suffix),
        birth_date=clean_birth_date(demographics.birth_date),
        sex=_SEXES.get((demographics.sex or "").strip().upper()),
        ssn4=next((s for i in identifiers if i.kind is IdKind.SSN_LAST4 and (s := clean_ssn4(i.value))), None),
        phones=frozenset(p for raw in demographics.phones if (p := clean_phone(raw))),
        emails=frozenset(e for raw in demographics.emails if (e := clean_email(raw))),
        addresses=frozenset((line, code) for line, code in addresses if line and code),
        postal_codes=frozenset(code for _, code in addresses if code),
        member_ids=frozenset(i for raw in members if (i := clean_id(raw))),
        subscriber_ids=frozenset(i for raw in subscribers if (i := clean_id(raw))),
        unique_ids=frozenset(i.value.strip() for i in identifiers if i.kind is IdKind.UNIQUE_MEMBER),
    )


def clean_name(name: Name) -> tuple[tuple[str, ...], str | None, str | None]:
    """Given names, family and suffix of one name; placeholders vanish, a suffix is found wherever it hides."""
    family, found = _split_suffix(_words(name.family))
    given, hidden = _split_suffix([word for part in name.given for word in _words(part)])
    suffix = (_SUFFIXES.get("".join(_words(name.suffix))) if name.suffix else None) or found or hidden
    if len(given) > 1 and given[0] in _TITLES:
        given = given[1:]
    kept = tuple(word for word in given if word not in _NO_GIVEN)
    return kept, " ".join(family) if family and "".join(family) not in _NO_FAMILY else None, suffix


def clean_birth_date(day: date | None) -> date | None:
    """The day, unless it is a well-known filler."""
    return day if day and 1890 <= day.year < 2200 and day not in _NO_DAY else None


def clean_id(value: str | None) -> str | None:
    """An insurance id without separators; fillers are missing."""
    text = (value or "").upper()
    text = text if text.isascii() and text.isalnum() else _NOT_ID.sub("", text)
    return text if len(text) >= 4 and len(set(text)) > 1 and text not in _NO_ID else None


def clean_ssn4(value: str | None) -> str | None:
    """The last four digits; 0000 and 9999 are fillers, and so are whole numbers that are nobody's."""
    digits = _digits(value)
    if len(digits) == 9 and (digits in _NO_SSN or len(set(digits)) == 1):
        return None
    last = digits[-4:]
    return last if len(last) == 4 and last not in ("0000", "9999") else None


def clean_phone(value: str | None) -> str | None:
    """Ten digits of a US number; fillers are missing."""
    digits = _digits(value)
    digits = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return digits if len(digits) == 10 and len(set(digits)) > 2 and digits not in _NO_PHONE else None


def clean_email(value: str | None) -> str | None:
    """A mail address in lower case; fillers are missing."""
    text = (value or "").strip().lower()
    name, at, place = text.rpartition("@")
    return text if at and name and "." in place and not text.startswith(_NO_MAIL) else None


def clean_line(value: str | None) -> str | None:
    """A street line with one spelling for street types, directions, units and post office boxes."""
    return standard_line(_words((value or "").replace("#", " APT ")))


def as_document(standard: Standard) -> dict[str, object]:
    """A plain, ordered form of the whole: the same person always gives the same document (for digests)."""
    return {
        "given": sorted(" ".join(words) for words in standard.given),
        "families": sorted(standard.families),
        "suffixes": sorted(standard.suffixes),
        "birth_date": standard.birth_date.isoformat() if standard.birth_date else None,
        "sex": standard.sex,
        "ssn4": standard.ssn4,
        "phones": sorted(standard.phones),
        "emails": sorted(standard.emails),
        "addresses": sorted(" / ".join(pair) for pair in standard.addresses),
        "postal_codes": sorted(standard.postal_codes),
        "member_ids": sorted(standard.member_ids),
        "subscriber_ids": sorted(standard.subscriber_ids),
        "unique_ids": sorted(standard.unique_ids),
    }


def _words(value: str | None) -> list[str]:
    letters = value or ""
    if letters.isascii():
        if letters.isalpha():
            return [letters.upper()]
        return _NOT_WORD.sub(" ", letters.upper().translate(_DROPPED)).split()
    plain = unicodedata.normalize("NFKD", letters.translate(_PLAIN))
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", bare.upper().translate(_DROPPED)).split()


def _digits(value: str | None) -> str:
    text = value or ""
    return text if text.isascii() and text.isdecimal() else _NOT_DIGIT.sub("", text)


def _split_suffix(words: list[str]) -> tuple[list[str], str | None]:
    if len(words) < 2:
        return words, None
    if words[-1] in _DEGREES:
        return _split_suffix(words[:-1])
    if words[-1] in _SUFFIXES and words[-1] not in ("I", "V"):
        return words[:-1], _SUFFIXES[words[-1]]
    return words, None


def _unique(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))
