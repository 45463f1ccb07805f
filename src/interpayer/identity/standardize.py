"""Demographics made comparable: one spelling, placeholders turned into what they are: missing (identity.md, 6.1)."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

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
_NO_LINE = {"UNKNOWN", "NONE", "NA", "GENERAL DELIVERY", "HOMELESS", "NO FIXED ADDRESS", "NO ADDRESS"}
_NO_MAIL = ("none@", "noemail@", "no@", "na@", "unknown@", "test@", "noreply@")
_NO_PHONE = frozenset({"1234567890", "0123456789", "5551234567"})
_NO_DAY = frozenset({date(1900, 1, 1), date(1901, 1, 1)})
_SUFFIXES = {
    "JR": "JR", "JUNIOR": "JR", "II": "JR", "2ND": "JR", "SR": "SR", "SENIOR": "SR", "I": "SR",
    "III": "III", "3RD": "III", "IV": "IV", "4TH": "IV", "V": "V", "5TH": "V",
}  # fmt: skip
_STREETS = {
    "STREET": "ST", "AVENUE": "AVE", "AV": "AVE", "ROAD": "RD", "DRIVE": "DR", "LANE": "LN", "COURT": "CT",
    "CIRCLE": "CIR", "PLACE": "PL", "BOULEVARD": "BLVD", "TERRACE": "TER", "PARKWAY": "PKWY", "HIGHWAY": "HWY",
    "SQUARE": "SQ", "TRAIL": "TRL", "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "NORTHEAST": "NE",
    "NORTHWEST": "NW", "SOUTHEAST": "SE", "SOUTHWEST": "SW", "APARTMENT": "APT", "UNIT": "APT", "SUITE": "APT",
    "STE": "APT", "NO": "APT", "MOUNT": "MT", "SAINT": "ST", "WY": "WAY",
}  # fmt: skip
_T = TypeVar("_T")
_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}


@dataclass(frozen=True, slots=True)
class Standard:
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
    suffix = _SUFFIXES.get("".join(_words(name.suffix))) or found or hidden
    kept = tuple(word for word in given if word not in _NO_GIVEN)
    return kept, " ".join(family) if family and "".join(family) not in _NO_FAMILY else None, suffix


def clean_birth_date(day: date | None) -> date | None:
    """The day, unless it is a well-known filler."""
    return day if day and 1890 <= day.year < 2200 and day not in _NO_DAY else None


def clean_id(value: str | None) -> str | None:
    """An insurance id without separators; fillers are missing."""
    text = re.sub(r"[^0-9A-Z]", "", (value or "").upper())
    return text if len(text) >= 4 and len(set(text)) > 1 and text not in _NO_ID else None


def clean_ssn4(value: str | None) -> str | None:
    """The last four digits; 0000 and 9999 are fillers."""
    digits = re.sub(r"\D", "", value or "")[-4:]
    return digits if len(digits) == 4 and digits not in ("0000", "9999") else None


def clean_phone(value: str | None) -> str | None:
    """Ten digits of a US number; fillers are missing."""
    digits = re.sub(r"\D", "", value or "")
    digits = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return digits if len(digits) == 10 and len(set(digits)) > 2 and digits not in _NO_PHONE else None


def clean_email(value: str | None) -> str | None:
    """A mail address in lower case; fillers are missing."""
    text = (value or "").strip().lower()
    return text if "@" in text and not text.startswith(_NO_MAIL) else None


def clean_postal_code(value: str | None) -> str | None:
    """The first five digits of a ZIP code; fillers are missing."""
    digits = re.sub(r"\D", "", value or "")[:5]
    return digits if len(digits) == 5 and digits not in ("00000", "99999", "12345") else None


def clean_line(value: str | None) -> str | None:
    """A street line with one spelling for street types, directions and units."""
    words = [_STREETS.get(word, word) for word in _words((value or "").replace("#", " APT "))]
    text = " ".join(word for n, word in enumerate(words) if n == 0 or word != words[n - 1])
    return text if text and text not in _NO_LINE else None


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
    if not letters.isascii():
        plain = unicodedata.normalize("NFKD", letters.replace("\u2019", ""))
        letters = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^0-9A-Z]+", " ", letters.upper().replace("'", "").replace(".", "")).split()


def _split_suffix(words: list[str]) -> tuple[list[str], str | None]:
    if len(words) > 1 and words[-1] in _SUFFIXES and words[-1] not in ("I", "V"):
        return words[:-1], _SUFFIXES[words[-1]]
    return words, None


def _unique(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))
