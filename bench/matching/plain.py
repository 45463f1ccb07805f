"""The cleaning that the baselines get: what any of their users would do first, none of it ours."""

import re
import unicodedata
from importlib.resources import files

import yaml

from bench.matching.answers import Row

_SHORT = {
    "STREET": "ST", "AVENUE": "AVE", "ROAD": "RD", "DRIVE": "DR", "LANE": "LN", "COURT": "CT", "BOULEVARD": "BLVD",
    "PLACE": "PL", "CIRCLE": "CIR", "TERRACE": "TER", "PARKWAY": "PKWY", "TRAIL": "TRL", "NORTH": "N", "SOUTH": "S",
    "EAST": "E", "WEST": "W", "APARTMENT": "APT", "SUITE": "STE",
}  # fmt: skip
_NOTHING = {"UNKNOWN", "NONE", "NMN", "NA", "HOMELESS", "GENERAL DELIVERY", "NONE@NONE.EXAMPLE"}
_SUFFIXES = {"JR", "SR", "II", "III", "IV"}


def cleaned(row: Row) -> Row:
    """One member or query with its fields in one form; what is only a placeholder becomes empty."""
    first, last, suffix = _name(row["first_name"]), _name(row["last_name"]), _name(row["suffix"])
    words = last.split()
    if len(words) > 1 and words[-1] in _SUFFIXES:
        last, suffix = " ".join(words[:-1]), suffix or words[-1]
    phone = re.sub(r"\D", "", row["phone"])[-10:]
    ssn4 = row["ssn4"].strip()
    return {
        "first": first,
        "middle": _name(row["middle_name"]),
        "last": last.replace(" ", ""),
        "last_before": _name(row.get("previous_last_name", "")).replace(" ", ""),
        "suffix": suffix,
        "dob": "" if row["birth_date"] in {"1900-01-01", "1901-01-01"} else row["birth_date"],
        "sex": row["sex"],
        "ssn4": "" if ssn4 in {"0000", "9999"} else ssn4,
        "street": _street(row["address"]),
        "zip": row["zip"][:5],
        "phone": "" if len(set(phone)) < 2 else phone,
        "email": "" if row["email"].upper() in _NOTHING else row["email"].strip().lower(),
        "member_id": _id(row.get("member_id", row.get("coverage_member_id", ""))),
        "subscriber_id": _id(row.get("subscriber_id", row.get("coverage_subscriber_id", ""))),
    }


def nicknames() -> dict[str, frozenset[str]]:
    """Every given name with the formal names it may stand for; the table that comes with the product."""
    text = files("interpayer.identity").joinpath("nicknames.yaml").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for formal, forms in yaml.safe_load(text).items():
        for name in (formal, *(forms if isinstance(forms, list) else str(forms).split())):
            found.setdefault(_name(str(name)), set()).add(_name(str(formal)))
    return {name: frozenset(formals) for name, formals in found.items()}


def _name(text: str) -> str:
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).upper()
    plain = " ".join(re.sub(r"[^A-Z0-9 ]", "", plain.replace("-", " ")).split())
    return "" if plain in _NOTHING else plain


def _street(text: str) -> str:
    plain = re.sub(r"[.,]", "", text.upper()).replace("#", " APT ")
    line = " ".join(_SHORT.get(word, word) for word in plain.split())
    line = re.sub(r"^(P ?O )?BOX", "PO BOX", line)
    return "" if line in _NOTHING else line


def _id(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())
