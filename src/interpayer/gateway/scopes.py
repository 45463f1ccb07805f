"""What a scope allows: granted is what was asked for and agreed; needed is covered by what was granted.

Read in all spellings in use: the URLs of HRex and PDex, SMART 2 (`system/Patient.rs`) and SMART 1 (`system/*.read`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from interpayer.partners.scopes import (
    BULK_MATCH,
    BULK_MATCH_BEFORE,
    EXPORT_ALIAS,
    EXPORT_ALIAS_SLASH,
    MEMBER_MATCH,
)

__all__ = ["BULK_MATCH", "EXPORT_ALIAS", "MEMBER_MATCH", "allows", "grant", "types"]

SYSTEM = re.compile(r"system/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<rights>\*|read|write|c?r?u?d?s?)")
SMART_1 = {"read": "rs", "write": "cud", "*": "cruds"}
# The alias that PDex prints means the export of one's own match groups (standards.md 2.2).
ALIAS_MEANS = ("system/Group.rs", "system/*.rs")
# Other spellings of one scope (standards.md 0 and 2.2); whoever asks in one is answered in the same.
ONE_SPELLING = {**dict.fromkeys(BULK_MATCH_BEFORE, BULK_MATCH), EXPORT_ALIAS_SLASH: EXPORT_ALIAS}


@dataclass(frozen=True, slots=True)
class Right:
    """A system scope: which resource type, and which of create, read, update, delete, search."""

    type: str
    rights: frozenset[str]


def grant(requested: str, registered: Iterable[str]) -> tuple[str, ...]:
    """The scopes asked for as far as they are agreed, each once, in the order asked; wider ones are narrowed."""
    agreed = tuple(registered)
    granted = (scope for asked in requested.split() for scope in _granted(asked, agreed))
    return tuple(dict.fromkeys(granted))


def allows(granted: Iterable[str], needed: Iterable[str]) -> bool:
    """Whether any one of the needed scopes is covered by what was granted."""
    held = tuple(granted)
    return any(_covers(held, want) for want in needed)


def types(granted: Iterable[str]) -> frozenset[str] | None:
    """The resource types that may be read; None means all of them."""
    readable = [right.type for scope in granted for right in _rights(scope) if "r" in right.rights]
    return None if "*" in readable else frozenset(readable)


def _granted(asked: str, agreed: tuple[str, ...]) -> tuple[str, ...]:
    if _covers(agreed, asked):
        return (asked,)
    wanted = _rights(asked)
    held = [right for scope in agreed for right in _rights(scope)]
    narrowed = [both for want in wanted for one in held if (both := _intersection(want, one)) is not None]
    return tuple(f"system/{right.type}.{_letters(right.rights)}" for right in narrowed)


def _covers(held: Iterable[str], wanted: str) -> bool:
    """Whether these scopes allow all that this one means."""
    spelled = {ONE_SPELLING.get(scope, scope) for scope in held}
    if ONE_SPELLING.get(wanted, wanted) in spelled:
        return True
    rights = [right for scope in spelled for right in _rights(scope)]
    wants = _rights(wanted)
    return bool(wants) and all(any(_includes(right, want) for right in rights) for want in wants)


def _includes(held: Right, want: Right) -> bool:
    return held.type in {"*", want.type} and want.rights <= held.rights


def _intersection(left: Right, right: Right) -> Right | None:
    if "*" not in {left.type, right.type} and left.type != right.type:
        return None
    both = left.rights & right.rights
    return Right(right.type if left.type == "*" else left.type, both) if both else None


def _rights(scope: str) -> tuple[Right, ...]:
    means = ALIAS_MEANS if ONE_SPELLING.get(scope, scope) == EXPORT_ALIAS else (scope,)
    return tuple(right for text in means if (right := _parsed(text)) is not None)


def _parsed(scope: str) -> Right | None:
    found = SYSTEM.fullmatch(scope)
    if found is None or not found["rights"]:
        return None
    return Right(found["type"], frozenset(SMART_1.get(found["rights"], found["rights"])))


def _letters(rights: frozenset[str]) -> str:
    return "".join(letter for letter in "cruds" if letter in rights)
