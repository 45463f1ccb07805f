"""What a scope allows: granted is what was asked for and agreed; needed is covered by what was granted.

Read in all spellings in use: the URLs of HRex and PDex, SMART 2 (`system/Patient.rs`) and SMART 1 (`system/*.read`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from interpayer.partners.scopes import BULK_MATCH, EXPORT_ALIAS, MEMBER_MATCH

__all__ = ["BULK_MATCH", "EXPORT_ALIAS", "MEMBER_MATCH", "allows", "grant", "types"]

SYSTEM = re.compile(r"system/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<rights>\*|read|write|c?r?u?d?s?)")
SMART_1 = {"read": "rs", "write": "cud", "*": "cruds"}
# The alias that PDex prints means the export of one's own match groups (standards.md 2.2).
ALIAS_MEANS = ("system/Group.rs", "system/*.rs")


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
    return any(_covers(scope, want) for scope in held for want in needed)


def types(granted: Iterable[str]) -> frozenset[str] | None:
    """The resource types that may be read; None means all of them."""
    readable = [right.type for scope in granted for right in _rights(scope) if "r" in right.rights]
    return None if "*" in readable else frozenset(readable)


def _granted(asked: str, agreed: tuple[str, ...]) -> tuple[str, ...]:
    if any(_covers(scope, asked) for scope in agreed):
        return (asked,)
    wanted = _parsed(asked)
    if wanted is None:
        return ()
    narrowed = [both for scope in agreed if (both := _intersection(wanted, _parsed(scope))) is not None]
    return tuple(f"system/{right.type}.{_letters(right.rights)}" for right in narrowed)


def _covers(held: str, wanted: str) -> bool:
    if held == wanted:
        return True
    want = _parsed(wanted)
    if want is None:
        return False
    return any(right.type in {"*", want.type} and want.rights <= right.rights for right in _rights(held))


def _intersection(left: Right, right: Right | None) -> Right | None:
    if right is None or ("*" not in {left.type, right.type} and left.type != right.type):
        return None
    both = left.rights & right.rights
    return Right(right.type if left.type == "*" else left.type, both) if both else None


def _rights(scope: str) -> tuple[Right, ...]:
    means = ALIAS_MEANS if scope == EXPORT_ALIAS else (scope,)
    return tuple(right for text in means if (right := _parsed(text)) is not None)


def _parsed(scope: str) -> Right | None:
    found = SYSTEM.fullmatch(scope)
    if found is None or not found["rights"]:
        return None
    return Right(found["type"], frozenset(SMART_1.get(found["rights"], found["rights"])))


def _letters(rights: frozenset[str]) -> str:
    return "".join(letter for letter in "cruds" if letter in rights)
