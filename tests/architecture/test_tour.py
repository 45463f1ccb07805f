"""The tour names files and events that exist and are used; a stop that is gone fails here."""

import re

import pytest

from interpayer.model.event import EVENTS
from tests.architecture.tree import DOCS, PACKAGE, modules, rows

TOUR = (DOCS / "tour.md").read_text("utf-8")
CELLS = [cell for row in rows(TOUR) for cell in row]
FILES = sorted(set(re.findall(r"`([a-z0-9_/]+\.py)`", TOUR)))
NAMES = sorted(
    {name for cell in CELLS for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", cell) if not name.endswith(".py")}
)


def test_the_tour_is_read() -> None:
    stops = [row[0] for row in rows(TOUR) if row[0].isdigit()]
    assert stops == [str(number) for number in range(1, len(stops) + 1)]
    assert len(stops) >= 10
    assert len(FILES) >= 15
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", FILES)
def test_the_file_of_a_stop_exists(name: str) -> None:
    assert (PACKAGE / name).is_file(), f"docs/tour.md names src/interpayer/{name}, which is gone"


@pytest.mark.parametrize("name", NAMES)
def test_the_event_of_a_stop_is_written_by_the_code(name: str) -> None:
    assert name in EVENTS, f"docs/tour.md names the event {name}, which model/event.py does not list"
    texts = (path.read_text("utf-8") for module, path in modules().items() if module != "model.event")
    assert any(f'"{name}"' in text for text in texts), f"docs/tour.md names the event {name}, which no code writes"
