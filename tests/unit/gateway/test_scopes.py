"""What a scope allows, in all spellings in use."""

import pytest

from interpayer.gateway.scopes import BULK_MATCH, EXPORT_ALIAS, MEMBER_MATCH, allows, grant, types
from interpayer.partners.scopes import BULK_MATCH_BEFORE, EXPORT_ALIAS_SLASH


@pytest.mark.parametrize(
    ("requested", "registered", "granted"),
    [
        ("system/Patient.rs", "system/Patient.rs", "system/Patient.rs"),
        ("system/Patient.rs", "system/*.rs", "system/Patient.rs"),
        ("system/Patient.r", "system/*.rs", "system/Patient.r"),
        ("system/Patient.read", "system/*.rs", "system/Patient.read"),
        ("system/*.read", "system/*.rs", "system/*.read"),
        ("system/*.rs", "system/*.read", "system/*.rs"),
        ("system/*.rs", "system/Patient.rs", "system/Patient.rs"),
        ("system/*.cruds", "system/Patient.rs system/Group.r", "system/Patient.rs system/Group.r"),
        ("system/*.*", "system/Patient.rs", "system/Patient.rs"),
        ("system/Patient.cruds", "system/*.rs", "system/Patient.rs"),
        ("system/Patient.write", "system/*.rs", ""),
        ("system/Patient.rs", "system/Group.rs", ""),
        ("user/Patient.rs", "system/*.rs", ""),
        ("patient/*.rs", "system/*.rs", ""),
        ("system/patient.rs", "system/*.rs", ""),
        ("system/Patient.sr", "system/*.rs", ""),
        ("system/Patient.", "system/*.rs", ""),
        ("system/Observation.rs?category=laboratory", "system/*.rs", ""),
        (MEMBER_MATCH, MEMBER_MATCH, MEMBER_MATCH),
        (MEMBER_MATCH, BULK_MATCH, ""),
        (MEMBER_MATCH, "system/*.cruds", ""),
        (EXPORT_ALIAS, EXPORT_ALIAS, EXPORT_ALIAS),
        (EXPORT_ALIAS, "system/*.rs", EXPORT_ALIAS),
        (EXPORT_ALIAS, "system/Group.rs system/Patient.rs", "system/Group.rs system/Patient.rs"),
        (EXPORT_ALIAS, "system/Observation.c", ""),
        (EXPORT_ALIAS_SLASH, EXPORT_ALIAS, EXPORT_ALIAS_SLASH),
        (EXPORT_ALIAS, EXPORT_ALIAS_SLASH, EXPORT_ALIAS),
        (BULK_MATCH_BEFORE[0], BULK_MATCH, BULK_MATCH_BEFORE[0]),
        (BULK_MATCH_BEFORE[1], BULK_MATCH, BULK_MATCH_BEFORE[1]),
        (BULK_MATCH, BULK_MATCH_BEFORE[0], BULK_MATCH),
        (BULK_MATCH_BEFORE[0], MEMBER_MATCH, ""),
        ("system/Patient.rs", "system/Patient.r system/Patient.s", "system/Patient.r system/Patient.s"),
        ("system/Group.rs", EXPORT_ALIAS, "system/Group.rs"),
        (f"{MEMBER_MATCH} {MEMBER_MATCH} openid", MEMBER_MATCH, MEMBER_MATCH),
        ("", "system/*.rs", ""),
        ("system/*.rs", "", ""),
    ],
)
def test_granted_is_what_is_asked_for_and_agreed(requested: str, registered: str, granted: str) -> None:
    assert " ".join(grant(requested, registered.split())) == granted


@pytest.mark.parametrize(
    ("granted", "needed", "is_allowed"),
    [
        ("system/*.rs", "system/Group.r", True),
        ("system/*.read", "system/Group.rs", True),
        ("system/Group.r", "system/Group.rs", False),
        ("system/Patient.rs", "system/Group.r", False),
        ("system/Patient.rs system/Group.rs", "system/Group.r", True),
        (EXPORT_ALIAS, "system/Group.rs", True),
        (MEMBER_MATCH, MEMBER_MATCH, True),
        (BULK_MATCH, MEMBER_MATCH, False),
        (BULK_MATCH_BEFORE[0], BULK_MATCH, True),
        (EXPORT_ALIAS_SLASH, "system/Group.rs", True),
        ("system/*.cruds", MEMBER_MATCH, False),
        ("", "system/Group.r", False),
    ],
)
def test_needed_is_covered_by_what_was_granted(granted: str, needed: str, is_allowed: bool) -> None:
    assert allows(granted.split(), [needed]) is is_allowed


def test_any_of_the_needed_ones_suffices_and_none_suffices_for_nothing() -> None:
    assert allows([BULK_MATCH], [MEMBER_MATCH, BULK_MATCH])
    assert not allows(["system/*.cruds"], [])


@pytest.mark.parametrize(
    ("granted", "readable"),
    [
        ("system/*.rs", None),
        (EXPORT_ALIAS, None),
        (EXPORT_ALIAS_SLASH, None),
        ("system/Patient.rs system/Coverage.read system/Claim.c", frozenset({"Patient", "Coverage"})),
        (MEMBER_MATCH, frozenset()),
    ],
)
def test_the_types_that_may_be_read(granted: str, readable: frozenset[str] | None) -> None:
    assert types(granted.split()) == readable
