"""The XHTML that a narrative may be (FHIR R4, narrative: htmlChecks of txt-1 and txt-2)."""

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

_ELEMENT_NAMES = """
a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i
img li map area ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var bdo del
ins kbd
"""
_ATTRIBUTE_NAMES = """
abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff
charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name
nowrap rel rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace
width xmlns xml:lang xml:space
"""
_ELEMENTS, _ATTRIBUTES = frozenset(_ELEMENT_NAMES.split()), frozenset(_ATTRIBUTE_NAMES.split())
# Text between tags that is no entity, of which one could be a space.
_SURE_TEXT = re.compile(r">[^<&]*[^<&\s]")
_FULL = frozenset({"img"})
_LONGEST = 2_000_000


class _Reader:
    """What the parser met: faults, and whether there is anything to read."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.is_filled = False
        self._depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._depth == 0 and name != "div":
            self.faults.append("the outermost element is no div")
        self._depth += 1
        if name not in _ELEMENTS:
            self.faults.append("an element that a narrative may not have")
        if any(each not in _ATTRIBUTES for each in attributes):
            self.faults.append("an attribute that a narrative may not have")
        self.is_filled = self.is_filled or name in _FULL

    def text(self, text: str) -> None:
        self.is_filled = self.is_filled or bool(text.strip())

    def declared(self, *_: Any) -> None:
        self.faults.append("a document type declaration")


def narrative_faults(html: object) -> list[str]:
    """What is wrong with the XHTML of a narrative; empty when it may stand."""
    if not isinstance(html, str):
        return ["no text"]
    if len(html) > _LONGEST or "<!DOCTYPE" in html or "<!ENTITY" in html:
        return ["too long, or a document type declaration"]
    return [] if _is_plain(html) else _faults_of(html)


def _is_plain(html: str) -> bool:
    """Whether it surely may stand, told without looking at each piece of text; no only means: look closer."""
    if not html.startswith("<div") or "<!" in html or _SURE_TEXT.search(html) is None:
        return False
    unknown: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name not in _ELEMENTS or (attributes and not _ATTRIBUTES.issuperset(attributes)):
            unknown.append(name)

    parser = expat.ParserCreate()
    parser.UseForeignDTD(True)
    parser.StartElementHandler = start
    try:
        parser.Parse(html, True)
    except expat.ExpatError:
        return False
    return not unknown


def _faults_of(html: str) -> list[str]:
    reader = _Reader()
    parser = expat.ParserCreate()
    # Named entities of HTML are unknown to XML without a declaration: they are skipped, not refused.
    parser.UseForeignDTD(True)
    parser.StartElementHandler, parser.CharacterDataHandler = reader.start, reader.text
    parser.StartDoctypeDeclHandler = reader.declared
    try:
        parser.Parse(html, True)
    except expat.ExpatError as error:
        return [f"no well-formed XHTML ({expat.ErrorString(error.code)})"]
    return reader.faults or ([] if reader.is_filled else ["nothing to read"])
