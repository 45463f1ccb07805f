"""The closed list of transforms. Each is made once, with its argument, when a mapping is compiled.

A transform takes text and gives a value; None means that it cannot read the text (reported), `""` that there is
nothing to write (not reported).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from interpayer.normalization.mapping import codes
from interpayer.normalization.mapping.times import date_reader, read_datetime, read_instant

Make: TypeAlias = Callable[[Any], Callable[..., Any]]
_DECIMAL = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eE][+-]?[0-9]{1,2})?")
_NOT_ID = re.compile(r"[^A-Za-z0-9.-]")
_TRUTH = {"Y": True, "N": False, "1": True, "0": False, "TRUE": True, "FALSE": False, "T": True, "F": False}
LONGEST_ID = 64
_HASHED = 12
LARGEST_INTEGER = 2**31 - 1
# More digits than JSON's writer takes as a number of Python's.
_MANY_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Kind:
    """One transform: how it is made from its argument, and what it needs. `gives` is its FHIR type, if it fixes one."""

    make: Make
    needs_zone: bool = False
    takes_list: bool = False
    gives: str = ""


def decimal(text: str) -> int | orjson.Fragment | None:
    """The number with the digits it was written with."""
    found = _DECIMAL.fullmatch(text.strip())
    if found is None or not (found.group(2) or found.group(3) or "0" in text):
        return None
    sign, whole, part, exponent = found.groups()
    if not part and not exponent and len(whole) <= _MANY_DIGITS:
        return int(f"{sign}{whole or 0}")
    digits = f"{'-' if sign == '-' else ''}{whole or 0}{'.' + part if part else ''}{exponent or ''}"
    return orjson.Fragment(digits)


def integer(text: str) -> int | None:
    """A whole number of at most 32 bits, as FHIR has it; `3.0` is one, `3.5` is none."""
    whole, _, part = text.strip().partition(".")
    sign = whole[:1] if whole[:1] in {"+", "-"} else ""
    if (
        len(whole) > _MANY_DIGITS
        or not whole[len(sign) :].isascii()
        or not whole[len(sign) :].isdigit()
        or part.strip("0")
    ):
        return None
    number = int(whole)
    return number if -LARGEST_INTEGER <= number <= LARGEST_INTEGER else None


def boolean(text: str) -> bool | None:
    """Y/N, 1/0, true/false, T/F."""
    return _TRUTH.get(text.strip().upper())


def fhir_id(text: str) -> str | None:
    """A FHIR id. Where characters had to be replaced by `-`, or the text is too long, a hash keeps ids different:
    `A 1` and `A-1` may be two people.
    """
    stripped = text.strip()
    written = _NOT_ID.sub("-", stripped)
    if written == stripped and len(written) <= LONGEST_ID:
        return written
    digest = hashlib.sha256(stripped.encode()).hexdigest()
    return f"{written[: LONGEST_ID - _HASHED - 1]}-{digest[:_HASHED]}"


def _none(make: Callable[[str], Any]) -> Make:
    """A transform without an argument."""

    def made(argument: Any) -> Callable[[str], Any]:
        if argument is not None:
            raise ValueError("takes no argument")
        return make

    return made


def _text(make: Callable[[str], Callable[..., Any]]) -> Make:
    def made(argument: Any) -> Callable[..., Any]:
        if argument is None or isinstance(argument, (dict, list)):
            raise ValueError("takes one text")
        return make(str(argument))

    return made


def _prefix(argument: str) -> Callable[[str], str]:
    return lambda text: argument + text


def _suffix(argument: str) -> Callable[[str], str]:
    return lambda text: text + argument


def _pad(argument: str) -> Callable[[str], str]:
    length = int(argument)
    return lambda text: text.strip().rjust(length, "0")


def _join(argument: str) -> Callable[[list[str]], str]:
    return lambda texts: argument.join(texts)


def _slice(argument: str) -> Callable[[str], str]:
    first, _, last = argument.partition(":")
    start, stop = int(first or 0), int(last) if last else None
    return lambda text: text[start:stop]


def _split(argument: Any) -> Callable[[str], str]:
    if not isinstance(argument, Mapping) or set(argument) != {"by", "at"} or not isinstance(argument["at"], int):
        raise ValueError('takes {by: "^", at: 0}')
    by, at = str(argument["by"]), argument["at"]

    def split(text: str) -> str:
        parts = text.split(by)
        return parts[at] if -len(parts) <= at < len(parts) else ""

    return split


def _replace(argument: Any) -> Callable[[str], str]:
    if not isinstance(argument, Mapping) or not argument:
        raise ValueError('takes {"old": "new"}')
    pairs = [(str(old), "" if new is None else str(new)) for old, new in argument.items()]

    def replaced(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return replaced


def _reference(argument: str) -> Callable[[str], dict[str, str]]:
    if not re.fullmatch(r"[A-Z][A-Za-z]+", argument):
        raise ValueError("takes the type that is referred to: {reference: Patient}")
    return lambda text: {"reference": f"{argument}/{fhir_id(text)}"}


def _date(argument: Any) -> Callable[[str], str | None]:
    formats = [] if argument is None else [argument] if isinstance(argument, str) else list(argument)
    return date_reader(formats)


KINDS: Mapping[str, Kind] = {
    "trim": Kind(_none(str.strip)),
    "upper": Kind(_none(str.upper)),
    "lower": Kind(_none(str.lower)),
    "digits": Kind(_none(lambda text: "".join(filter(str.isdigit, text)))),
    "strip_zeros": Kind(_none(lambda text: text.strip().lstrip("0") or "0")),
    "pad": Kind(_text(_pad)),
    "split": Kind(_split),
    "slice": Kind(_text(_slice)),
    "join": Kind(_text(_join), takes_list=True),
    "prefix": Kind(_text(_prefix)),
    "suffix": Kind(_text(_suffix)),
    "replace": Kind(_replace),
    "integer": Kind(_none(integer), gives="integer"),
    "decimal": Kind(_none(decimal), gives="decimal"),
    "boolean": Kind(_none(boolean), gives="boolean"),
    "date": Kind(_date, gives="date"),
    "dateTime": Kind(_none(read_datetime), needs_zone=True, gives="dateTime"),  # type: ignore[arg-type]
    "instant": Kind(_none(read_instant), needs_zone=True, gives="instant"),  # type: ignore[arg-type]
    "icd10cm": Kind(_none(codes.icd10cm)),
    "icd9cm": Kind(_none(codes.icd9cm)),
    "icd10pcs": Kind(_none(codes.icd10pcs)),
    "icd9pcs": Kind(_none(codes.icd9pcs)),
    "ndc11": Kind(_none(codes.ndc11)),
    "npi": Kind(_none(codes.npi)),
    "id": Kind(_none(fhir_id), gives="id"),
    "reference": Kind(_text(_reference), gives="Reference"),
}
