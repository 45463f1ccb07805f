"""Examples beside a mapping: `<name>.fixtures/<case>/in.json` is a record, `out.json` what must come of it.

`context.json` may hold what a mapping is told besides (`received_on`, `file`, `given` ...); without it nothing is told.
`out.json` holds `resources` and `issues` (reason, path, source).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from interpayer.normalization.mapping.compiler import Compiled, Context

# A file is read by people: indented, keys as the mapping writes them.
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two JSON documents differ."""

    path: str
    expected: Any
    found: Any


def outcome_of(compiled: Compiled, case: Path) -> bytes:
    """What the mapping makes of the record of a case, as `out.json` holds it."""
    context = case / "context.json"
    told = Context(**orjson.loads(context.read_bytes())) if context.exists() else Context()
    mapped = compiled.apply(orjson.loads((case / "in.json").read_bytes()), told)
    issues = [{"reason": one.reason, "path": one.path, "source": one.source} for one in mapped.issues]
    return orjson.dumps({"resources": mapped.resources, "issues": issues}, option=_FORM)


def differences_of(compiled: Compiled, case: Path) -> list[Difference]:
    """Where the outcome of a case differs from what is expected; empty when it does not."""
    expected = case / "out.json"
    if not expected.exists():
        return [Difference("", "out.json", ABSENT)]
    return list(compared(orjson.loads(expected.read_bytes()), orjson.loads(outcome_of(compiled, case)), ""))


def compared(expected: Any, found: Any, path: str) -> Iterator[Difference]:
    """Every place where two documents differ, in the order of the first."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            where = f"{path}.{key}".lstrip(".")
            yield from compared(expected.get(key, ABSENT), found.get(key, ABSENT), where)
    elif isinstance(expected, list) and isinstance(found, list):
        for at in range(max(len(expected), len(found))):
            old = expected[at] if at < len(expected) else ABSENT
            yield from compared(old, found[at] if at < len(found) else ABSENT, f"{path}[{at}]")
    elif expected != found:
        yield Difference(path, expected, found)
