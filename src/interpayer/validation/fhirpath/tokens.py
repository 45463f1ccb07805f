"""The words of an expression (FHIRPath N1, section on lexical elements)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from interpayer.validation.fhirpath.syntax import NotSupported

_DATE = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_TIME = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_TOKEN = re.compile(
    rf"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<moment>@(?:T{_TIME}|{_DATE}(?:T(?:{_TIME})?(?:Z|[+-]\d\d:\d\d)?)?))
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
    |(?P<variable>\$[a-z]+|%(?:[A-Za-z_][A-Za-z0-9_-]*|`[^`]*`|'[^']*'))
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign><=|>=|!=|!~|[-+*/&|=~<>().,\[\]{{}}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind, its text without quotes and escapes, and where it starts."""

    kind: str
    text: str
    at: int


def read_tokens(text: str) -> Iterator[Token]:
    """Every word of the expression, then one of kind `end`; NotSupported at the first that is none."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise NotSupported(f"no word of FHIRPath at {at}: {text[at : at + 12]!r}")
        if found.lastgroup != "space":
            yield Token(found.lastgroup, _plain(found.lastgroup, found[0]), at)
        at = found.end()
    yield Token("end", "", at)


def _plain(kind: str, text: str) -> str:
    if kind in {"string", "quoted"}:
        return _ESCAPE.sub(lambda found: _unescape(found[1]), text[1:-1])
    if kind == "variable":
        return text[0] + text[1:].strip("`'")
    return text


def _unescape(escaped: str) -> str:
    return chr(int(escaped[1:], 16)) if len(escaped) == 5 else _ESCAPED.get(escaped, escaped)
