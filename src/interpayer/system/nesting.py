"""How deeply JSON is nested, told before anything is built out of it: what walks through it later is recursive."""

import re

# FHIR's own resources stay below twenty.
DEEPEST = 64
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BRACKETS = bytes.maketrans(b"{}", b"[]")
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def is_deep(raw: bytes, deepest: int = DEEPEST) -> bool:
    """Whether brackets nest deeper than this: each pass strips the innermost pairs.

    Unbalanced ones are no JSON, which the parser says (it has a limit of its own).
    """
    if raw.count(b"[") + raw.count(b"{") <= deepest:
        return False
    brackets = STRING.sub(b"", raw).translate(BRACKETS, NO_BRACKETS)
    for _ in range(deepest):
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            return False
        brackets = shorter
    return b"[]" in brackets
