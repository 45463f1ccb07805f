"""Codes in the form that FHIR wants them: dots, lengths, check digits. None: not such a code."""

import re
from functools import lru_cache

# A feed repeats its codes: most are looked at once.
_MANY = 8192
_ICD10CM = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.?[0-9A-Z]{1,4})?")
_ICD9CM = re.compile(r"(?:[0-9]{3}|V[0-9]{2})(?:\.?[0-9]{1,2})?|E[0-9]{3}(?:\.?[0-9])?")
_ICD10PCS = re.compile(r"[0-9A-HJ-NP-Z]{7}")
_ICD9PCS = re.compile(r"[0-9]{2}(?:\.?[0-9]{1,2})?")
_NDC = re.compile(r"(\d{4,5})-(\d{3,4})-(\d{1,2})")
NPI_PREFIX_SUM = 24  # of the digits 80840 that stand before an NPI when its check digit is made


def _dotted(text: str, pattern: re.Pattern[str], at: int) -> str | None:
    code = text.strip().upper()
    if not pattern.fullmatch(code):
        return None
    plain = code.replace(".", "")
    return f"{plain[:at]}.{plain[at:]}" if len(plain) > at else plain


@lru_cache(maxsize=_MANY)
def icd10cm(text: str) -> str | None:
    """Three characters, a dot, up to four more."""
    return _dotted(text, _ICD10CM, 3)


@lru_cache(maxsize=_MANY)
def icd9cm(text: str) -> str | None:
    """Three characters (four for E codes), a dot, up to two more."""
    return _dotted(text, _ICD9CM, 4 if text.strip().upper().startswith("E") else 3)


@lru_cache(maxsize=_MANY)
def icd10pcs(text: str) -> str | None:
    """Seven characters, no dot."""
    code = text.strip().upper()
    return code if _ICD10PCS.fullmatch(code) else None


@lru_cache(maxsize=_MANY)
def icd9pcs(text: str) -> str | None:
    """Two digits, a dot, up to two more."""
    return _dotted(text, _ICD9PCS, 2)


@lru_cache(maxsize=_MANY)
def ndc11(text: str) -> str | None:
    """Eleven digits: 5-4-2 without hyphens. Ten digits without hyphens could be three different codes: None."""
    code = text.strip()
    if code.isascii() and code.isdigit():
        return code if len(code) == 11 else None
    found = _NDC.fullmatch(code)
    if found is None:
        return None
    labeler, product, package = found.groups()
    return f"{labeler:0>5}{product:0>4}{package:0>2}" if len(labeler + product + package) in {10, 11} else None


@lru_cache(maxsize=_MANY)
def npi(text: str) -> str | None:
    """Ten digits whose check digit (Luhn, with the prefix 80840) is right."""
    code = text.strip().removesuffix(".0")
    if len(code) != 10 or not (code.isascii() and code.isdigit()):
        return None
    doubled = sum(int(digit) for even in code[-2::-2] for digit in str(2 * int(even)))
    total = NPI_PREFIX_SUM + doubled + sum(map(int, code[-1::-2]))
    return code if total % 10 == 0 else None
