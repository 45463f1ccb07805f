"""An answer in words, for the command line: what each source said, what is missing, what contradicts, and which rule
chose. Pure; the words are those of docs/explanation/answers.md."""

from collections.abc import Iterator, Mapping
from typing import Any

_ANSWERS = {
    "complete": "Complete: every required source answered, and all that may go has gone.",
    "partial": "Partial: a required source did not say all that it has, or something could not be used.",
    "empty": "Empty: every source was asked, and each says that it has nothing.",
}
_STATES = {
    "answered": "answered",
    "empty": "says that it has nothing",
    "partial": "said a part",
    "late": "did not answer in time",
    "unreachable": "could not be reached",
    "refused": "refused us",
    "invalid": "gave what cannot be used",
    "deferred": "is not essential and is asked after the answer",
    "chosen": "is being asked",
    "asked": "is being asked",
    "not_asked": "was not asked yet",
}
_KINDS = {
    "absent": "the source says it has none",
    "unknown": "the source cannot say",
    "unreachable": "the source could not be reached; attempts go on",
    "late": "the source did not answer in time; the rest may follow",
    "withheld": "it may not go",
    "unmapped": "it gave a code that we cannot translate; the original code is kept",
    "invalid": "it gave something that cannot be used; correct it at the source",
}
_AGES = {"fresh": "fresh", "stale": "older than agreed", "unknown": "how fresh, nobody promised"}


def answer_in_words(told: Mapping[str, Any]) -> list[str]:
    """The internal rendering of one exchange as sentences; none while there is no answer and no source."""
    lines = [_ANSWERS[told["answer"]]] if told["answer"] in _ANSWERS else []
    lines += [_source(source) for source in told["sources"]]
    lines += [_gap(gap) for gap in told["gaps"]]
    lines += [_conflict(conflict) for conflict in told["conflicting"]]
    return lines


def _source(source: Mapping[str, Any]) -> str:
    said = "".join(_said(source))
    required = " (required)" if source.get("essential") else ""
    later = source.get("since_then")
    after = f" Since then it {_STATES.get(later['state'], later['state'])}." if later else ""
    return f"{source['source']}{required} {_STATES.get(source['state'], source['state'])}{said}.{after}"


def _said(source: Mapping[str, Any]) -> Iterator[str]:
    if source.get("types"):
        yield f": {_counted(source['types'])}"
    if source.get("data_as_of"):
        yield f"; as of {_minute(source['data_as_of'])}"
    if source.get("freshness"):
        yield f" ({_AGES.get(source['freshness'], source['freshness'])})"


def _gap(gap: Mapping[str, Any]) -> str:
    what = " ".join(str(gap[name]) for name in ("count", "type") if gap.get(name)) or "Something"
    return f"Missing: {what} of {gap['source']}: {_KINDS.get(gap['kind'], gap['kind'])} ({gap['reason']})."


def _conflict(conflict: Mapping[str, Any]) -> str:
    says = ", ".join(f"{v['source']} says {_plain(v['value'])}" for v in conflict["values"])
    where = f"{conflict['type']} {conflict['element']}"
    return f"Conflict: {where}: {says}; {_plain(conflict['chosen'])} stands: {conflict['rule']}."


def _counted(types: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(types.items()))


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _minute(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"
