"""A law of scopes: what is granted was asked for and agreed; nothing in between widens it, in whatever spelling."""

from hypothesis import given
from hypothesis import strategies as st

from interpayer.gateway.scopes import BULK_MATCH, EXPORT_ALIAS, MEMBER_MATCH, allows, grant
from interpayer.partners.scopes import BULK_MATCH_BEFORE, EXPORT_ALIAS_SLASH

KINDS = st.sampled_from(["*", "Patient", "Group", "Coverage"])
RIGHTS = st.sampled_from(["r", "s", "rs", "read", "write", "*", "cud", "cruds", "c"])
OTHERS = st.sampled_from(
    [
        MEMBER_MATCH,
        BULK_MATCH,
        *BULK_MATCH_BEFORE,
        EXPORT_ALIAS,
        EXPORT_ALIAS_SLASH,
        "openid",
        "user/*.rs",
        "system/x.rs",
    ]
)
SCOPES = st.one_of(st.builds("system/{}.{}".format, KINDS, RIGHTS), OTHERS)
# What a call may need: every right alone, on every kind of resource, and the operations.
NEEDS = [f"system/{kind}.{right}" for kind in ("Patient", "Group", "Coverage", "Claim") for right in "cruds"]
NEEDS += [MEMBER_MATCH, BULK_MATCH]


@given(st.lists(SCOPES, max_size=5), st.lists(SCOPES, max_size=5))
def test_a_grant_allows_what_was_asked_for_and_agreed_and_nothing_else(asked: list[str], agreed: list[str]) -> None:
    granted = grant(" ".join(asked), agreed)
    for need in NEEDS:
        if allows(granted, [need]):
            assert allows(asked, [need])
            assert allows(agreed, [need])


@given(st.lists(SCOPES, min_size=1, max_size=4))
def test_whoever_asks_for_what_is_agreed_gets_it(agreed: list[str]) -> None:
    granted = grant(" ".join(agreed), agreed)
    assert all(allows(granted, [need]) == allows(agreed, [need]) for need in NEEDS)
