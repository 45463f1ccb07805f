"""Whether a value set holds a code, and when that cannot be said here: three answers, never a guess."""

from collections.abc import Callable, Iterable

from interpayer.terminology.content import Inclusion
from interpayer.terminology.translate import Code

InclusionsOf = Callable[[str], tuple[Inclusion, ...] | None]
HasCode = Callable[[Code], bool | None]


def holds(value_set: str, code: Code, *, inclusions_of: InclusionsOf, has_code: HasCode) -> bool | None:
    """True, False, or None when a part of the set is not loaded, is a rule, or names a system that is not loaded.

    `has_code` says whether a system has a code; None when that system is not loaded in full.
    """
    return _holds(value_set, code, _Sources(inclusions_of, has_code), frozenset())


class _Sources:
    def __init__(self, inclusions_of: InclusionsOf, has_code: HasCode) -> None:
        self.inclusions_of = inclusions_of
        self.has_code = has_code


def _holds(value_set: str, code: Code, sources: _Sources, asked: frozenset[str]) -> bool | None:
    inclusions = None if value_set in asked else sources.inclusions_of(value_set)
    if inclusions is None:
        return None
    inside = asked | {value_set}
    included = _any(_included(entry, code, sources, inside) for entry in inclusions if not entry.is_excluded)
    if included is False:
        return False
    excluded = _any(_included(entry, code, sources, inside) for entry in inclusions if entry.is_excluded)
    if excluded:
        return False
    return None if excluded is None else included


def _included(entry: Inclusion, code: Code, sources: _Sources, asked: frozenset[str]) -> bool | None:
    if entry.value_set is not None:
        return _holds(entry.value_set, code, sources, asked)
    if entry.system is not None and entry.system != code.system:
        return False
    if entry.rule is not None:
        return None
    return entry.code == code.code if entry.code is not None else sources.has_code(code)


def _any(answers: Iterable[bool | None]) -> bool | None:
    """True if one is; else None if one cannot say."""
    found = set(answers)
    return True if True in found else None if None in found else False
