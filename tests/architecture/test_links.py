"""Every link of every page leads somewhere, down to the heading; every command that a page shows exists."""

import re
from pathlib import Path

from tests.architecture import commands
from tests.architecture.tree import ROOT, pages

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def _broken(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return True
    return bool(anchor) and anchor not in _anchors(target)


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages()
        for link in LINK.findall(FENCE.sub("", page.read_text("utf-8")))
        if _broken(page, link)
    ]
    assert not broken


def test_a_link_to_nowhere_would_be_found() -> None:
    readme = ROOT / "README.md"
    assert _broken(readme, "docs/no-such-page.md")
    assert _broken(readme, "docs/tour.md#no-such-heading")
    assert not _broken(readme, "docs/tour.md")


def test_every_command_that_a_page_shows_exists() -> None:
    shown = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?interpayer ((?:[a-z-]+ ?)+)", re.M)
    gone = [
        f"{page.relative_to(ROOT)}: interpayer {words}"
        for page in pages()
        for block in FENCE.findall(page.read_text("utf-8"))
        for words in shown.findall(block)
        if not commands.exists(words.split())
    ]
    assert not gone
