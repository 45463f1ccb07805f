"""What XHTML a narrative may be."""

import pytest

from interpayer.validation.fhirpath.narrative import narrative_faults

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "html",
    [
        f"<div {XMLNS}>Plain</div>",
        f'<div {XMLNS}><table class="t"><tr><td colspan="2">1</td></tr></table></div>',
        f'<div {XMLNS}><img src="#p" alt="x"/></div>',
        f"<div {XMLNS}>a&nbsp;b &amp; c</div>",
    ],
)
def test_good(html: str) -> None:
    assert narrative_faults(html) == []


@pytest.mark.parametrize(
    "html",
    [
        f"<div {XMLNS}><script>x()</script></div>",
        f'<div {XMLNS}><p onclick="x()">a</p></div>',
        f"<div {XMLNS}>  </div>",
        f"<p {XMLNS}>a</p>",
        f"<div {XMLNS}>a",
        '<!DOCTYPE x [<!ENTITY a "b">]><div>&a;</div>',
        "no markup",
        "",
        7,
        None,
    ],
)
def test_bad(html: object) -> None:
    assert narrative_faults(html) != []
