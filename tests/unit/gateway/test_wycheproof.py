"""Published bad signatures: everything a verifier can refuse is refused (security.md, B1)."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interpayer.model.reason import Refusal
from interpayer.partners.compact import verify_compact

FOLDER = Path(os.environ.get("INTERPAYER_TEST_DATA", Path(__file__).parents[4] / "shared")) / "wycheproof"
VECTORS = FOLDER / "json_web_signature_test.json"
# Byte for byte the token of vector 357, which is valid: no verifier can refuse these and accept that one.
SAME_AS_A_VALID_ONE = {367, 370}
# Valid, and refused by us: figures of algorithms that we never use, and stray characters in base64url.
STRICTER_THAN_NEEDED = 6

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason=f"no test vectors in {FOLDER}")


def cases() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for group in json.loads(VECTORS.read_text("utf-8"))["testGroups"]:
        key = group.get("public", group["private"])
        yield from ((key, case) for case in group["tests"])


def is_accepted(key: dict[str, Any], jws: str) -> bool:
    try:
        verify_compact(jws, key, algorithm=key.get("alg", "none"))
    except Refusal:
        return False
    return True


def test_every_bad_signature_that_can_be_refused_is_refused() -> None:
    bad = [(key, case) for key, case in cases() if case["result"] == "invalid"]
    accepted = {case["tcId"] for key, case in bad if is_accepted(key, case["jws"])}
    assert len(bad) - len(SAME_AS_A_VALID_ONE) == 353
    assert accepted <= SAME_AS_A_VALID_ONE


def test_good_signatures_are_accepted() -> None:
    good = [(key, case) for key, case in cases() if case["result"] == "valid"]
    refused = [case["tcId"] for key, case in good if not is_accepted(key, case["jws"])]
    assert len(good) == 46
    assert len(refused) <= STRICTER_THAN_NEEDED, refused
