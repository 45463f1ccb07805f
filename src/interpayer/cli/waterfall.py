"""A waterfall of weights in the terminal: where a score comes from, bar by bar."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interpayer.cli.output import MANNERS

WIDTH = 36
_COLORS = {"personal": "green", "household": "cyan", "": "white"}


def draw(member_id: str, steps: Sequence[Mapping[str, Any]], *, certain: float | None = None) -> None:
    """Each step as a bar from the sum before it to the sum with it; `|` marks nothing known, `:` the limit."""
    console = Console(no_color=not MANNERS.color, highlight=False, emoji=False, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{member_id}, in bits", title_justify="left")
    table.add_column("")
    table.add_column("ledger")
    table.add_column("weight", justify="right")
    table.add_column("sum", justify="right")
    table.add_column("")
    lowest, highest = _span(steps, certain)
    before = 0.0
    for step in steps:
        color = "red" if step["weight"] < 0 else _COLORS[step["ledger"]]
        bar = Text(bar_of(before, step["total"], lowest=lowest, highest=highest, certain=certain), style=color)
        weight, total = f"{step['weight']:+.1f}", f"{step['total']:.1f}"
        table.add_row(Text(step["words"]), Text(step["ledger"]), Text(weight), Text(total), bar)
        before = step["total"]
    console.print(table)
    if certain is not None:
        console.print(Text(f"certain from {certain:g} (:)", style="dim"))


def bar_of(before: float, after: float, *, lowest: float, highest: float, certain: float | None = None) -> str:
    """One bar as text: `+` where the sum grows, `-` where it shrinks."""
    cells = [" "] * (WIDTH + 1)
    marks = [(0.0, "|")] + ([(certain, ":")] if certain is not None else [])
    for at, mark in marks:
        if lowest <= at <= highest:
            cells[_place(at, lowest, highest)] = mark
    first, last = sorted((_place(before, lowest, highest), _place(after, lowest, highest)))
    for place in range(first, last):
        cells[place] = "+" if after >= before else "-"
    return "".join(cells).rstrip()


def _span(steps: Sequence[Mapping[str, Any]], certain: float | None) -> tuple[float, float]:
    ends = [0.0, *(step["total"] for step in steps)] + ([certain] if certain is not None else [])
    return min(ends), max(ends)


def _place(at: float, lowest: float, highest: float) -> int:
    return round((at - lowest) / (highest - lowest or 1.0) * WIDTH)
