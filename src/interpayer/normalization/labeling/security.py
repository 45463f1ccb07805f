"""Security labels in `meta.security`: what they say of a record, and how ours are said (HL7 v3; DS4P)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from interpayer.model.sensitivity import Category

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
RESTRICTED, VERY_RESTRICTED = "R", "V"
_RESTRICTING = frozenset({RESTRICTED, VERY_RESTRICTED})

# The code that says each category; what a plan names itself goes as restricted only.
CODE_OF: Mapping[str, str] = {
    Category.SUBSTANCE_USE: "SUD",
    Category.MENTAL_HEALTH: "MH",
    Category.PSYCHOTHERAPY_NOTES: "PSYTHPN",
    Category.REPRODUCTIVE: "SEX",
    Category.SEXUAL_HEALTH: "STD",
    Category.HIV: "HIV",
    Category.VIOLENCE: "SDV",
    Category.GENETIC: "GDIS",
    Category.MINOR_OWN: "ADOL",
}
# What others may have written. A code of behavioral health names two categories: it can be either.
_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    **{code: (category,) for category, code in CODE_OF.items()},
    "ETH": (Category.SUBSTANCE_USE,),
    "ETHUD": (Category.SUBSTANCE_USE,),
    "OPIOIDUD": (Category.SUBSTANCE_USE,),
    "42CFRPART2": (Category.SUBSTANCE_USE,),
    "BH": (Category.MENTAL_HEALTH, Category.SUBSTANCE_USE),
    "PSY": (Category.MENTAL_HEALTH,),
    "EMOTDIS": (Category.MENTAL_HEALTH,),
    "HIPAAPSYNOTES": (Category.PSYCHOTHERAPY_NOTES,),
    "DV": (Category.VIOLENCE,),
    "VIO": (Category.VIOLENCE,),
    "SCA": (Category.GENETIC,),
    "SICKLE": (Category.GENETIC,),
}
# Somebody's wish or rule that the record is handled with care, without a kind that we know.
_CAREFUL = frozenset({
    "TABOO", "CELEB", "VIP", "EMP", "EMPL", "DIA", "DIAG", "DRGIS", "LOCIS", "PHY", "PRS", "MARST", "NORDSCLCD",
    "NORDSLCD", "NORDSCLW", "NODSCLCD", "NODSCLCDS", "NOAUTH", "NOPERSISTP", "COGN", "DVD", "SPI", "PDS",
})  # fmt: skip
# A notice that goes with a record from a Part 2 program; ours says it of every record of the kind.
PART2 = {"system": ACT_CODE, "code": "42CFRPart2"}
_OURS = frozenset({(CONFIDENTIALITY, RESTRICTED), *((ACT_CODE, code) for code in (*CODE_OF.values(), PART2["code"]))})


def told_of(meta: object) -> frozenset[str]:
    """The categories that `meta.security` names; `restricted` where it restricts without saying why."""
    found: set[str] = set()
    is_restricted = False
    for coding in _codings(meta):
        code = str(coding.get("code", "")).strip().upper()
        if code in _RESTRICTING and str(coding.get("system", CONFIDENTIALITY)).endswith("onfidentiality"):
            is_restricted = True
        elif code in _CATEGORIES:
            found.update(map(str, _CATEGORIES[code]))
        elif code in _CAREFUL:
            is_restricted = True
    return frozenset(found or ({Category.RESTRICTED.value} if is_restricted else set()))


def labeled_meta(meta: Mapping[str, Any], labels: Collection[str]) -> dict[str, Any]:
    """The meta with these labels said in it; what a sender said stays, and nothing is said twice."""
    said = list(_codings(meta))
    codes = {str(coding.get("code", "")).upper() for coding in said}
    wanted = [CODE_OF[label] for label in sorted(labels) if label in CODE_OF]
    added = [{"system": ACT_CODE, "code": code} for code in wanted if code not in codes]
    if Category.SUBSTANCE_USE in labels and PART2["code"].upper() not in codes:
        added.append(dict(PART2))
    if _is_sensitive(labels) and not codes & _RESTRICTING:
        # of the confidentiality codes one stands; ours is the higher one
        said = [coding for coding in said if coding.get("system") != CONFIDENTIALITY]
        added.insert(0, {"system": CONFIDENTIALITY, "code": RESTRICTED})
    return {**meta, "security": [*said, *added]} if added else dict(meta)


def without_ours(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The meta without the codes that we say ourselves; what only others say stays."""
    kept = [dict(coding) for coding in _codings(meta) if (coding.get("system"), coding.get("code")) not in _OURS]
    rest = {name: value for name, value in meta.items() if name != "security"}
    return {**rest, "security": kept} if kept else rest


def _is_sensitive(labels: Collection[str]) -> bool:
    """Free text that nobody read is not marked as sensitive towards others."""
    return any(label != Category.UNSTRUCTURED for label in labels)


def _codings(meta: object) -> Iterator[Mapping[str, Any]]:
    security = meta.get("security") if isinstance(meta, Mapping) else None
    for coding in security if isinstance(security, list) else ():
        if isinstance(coding, Mapping):
            yield coding
