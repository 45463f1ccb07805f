"""What the account of a source may say: codes, and nothing that may be a person's."""

import pytest

from interpayer.adapters.base import Found
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import MAPPED, Refined


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("HH", "HH"),
        ("F41.1", "F41.1"),
        ("G0008", "G0008"),
        ("mg/dL", "mg/dL"),
        ("(206)3345232", "a text of 12 characters"),
        ("2063345232", "a text of 10 characters"),
        ("EVERYMAN", "a text of 8 characters"),
        ("EVERYWOMAN^EVE^E", "a text of 16 characters"),
    ],
)
def test_an_unknown_code_is_told_as_it_came_only_if_it_looks_like_one(value: str, shown: str) -> None:
    account = Account("lab", "hl7v2", "v1")
    account.add(Refined(MAPPED, Found("hl7v2.ORU", {}, b"", "a.hl7", 1), unmapped=(f"v2-status: {value}",)))
    assert account.as_json()["unmapped"] == {f"v2-status: {shown}": 1}
