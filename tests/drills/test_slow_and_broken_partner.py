"""A partner that is slow, breaks off, drops calls or says nothing; a disk that is full at the one that answers.

Runbooks: docs/how-to/a-partner-is-slow-or-down.md, docs/how-to/disk-full.md.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from interpayer.simulation.faults import CLEAR, Weather
from interpayer.simulation.installation import Installation
from tests.drills.conftest import Pair
from tests.support.quick_worker import REST_S
from tests.support.town import settled, wait_for

pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("pair"), pytest.mark.timeout(300)]
# Bytes of answers that a connection carries before it is cut: more than any answer but a file.
ALLOWANCE = 30_000


@pytest.fixture(autouse=True)
def _clear_again(pair: Pair) -> Iterator[None]:
    yield
    pair.line.weather = CLEAR


def test_a_file_that_is_cut_off_again_and_again_is_resumed(pair: Pair) -> None:
    """Runbook: a-partner-is-slow-or-down.md. The file is larger than what a connection lives for, so only resuming
    it (Range) can ever bring it whole."""
    name = pair.member("cutter", records=300, noise=300)
    pair.line.weather = Weather(cut=1.0, cut_after_bytes=(ALLOWANCE, ALLOWANCE + 1), delay_s=(0.0, 0.01))
    before = pair.line.happened["cut"]
    (exchange_id,) = pair.ask(name)
    found = settled(pair.new, exchange_id, within_s=120)
    assert (found["state"], found["answer"]) == ("completed", "complete")
    # text of base64 letters packs to three quarters at best
    assert max(file["bytes"] for file in found["receipt"]["files"]) * 0.7 > 2 * ALLOWANCE
    assert pair.line.happened["cut"] - before >= 3
    assert pair.conditions(name) == 300


def test_a_partner_that_is_down_is_left_alone_until_it_answers(pair: Pair) -> None:
    """Runbook: a-partner-is-slow-or-down.md. The breaker opens, few calls go out, the exchange waits with its clocks;
    one probe closes it."""
    name = pair.member("breaker")
    pair.quicken()
    wait_for(lambda: pair.new.log("worker-1").read_text().count("worker.started") >= 2)
    pair.line.weather = Weather(lost=1.0)
    (exchange_id,) = pair.ask(name)
    wait_for(lambda: _breaker(pair.new) == "open")
    waiting = _exchange(pair.new, exchange_id)
    assert waiting["state"] == "queued"
    assert waiting["clock"]["is_overdue"] is False
    lost = pair.line.happened["lost"]
    time.sleep(3 * REST_S)
    # a probe per rest at most, each with its tries for a token
    assert pair.line.happened["lost"] - lost <= 2 * 3
    pair.line.weather = CLEAR
    found = settled(pair.new, exchange_id, within_s=90)
    assert found["state"] == "completed"
    assert _breaker(pair.new) == "closed"
    assert pair.releases(name) == 1


def test_a_full_disk_stops_an_export_and_nothing_else(pair: Pair) -> None:
    """Runbook: disk-full.md. The step says that it waits, the partner hears 202; with room again it goes on alone."""
    name = pair.member("filler")
    objects = pair.old.home / "objects"
    kept = objects.rename(objects.with_name("objects.kept"))
    # what the worker sees is a store that takes nothing: a file where its folder should be
    objects.write_bytes(b"")
    try:
        (exchange_id,) = pair.ask(name)
        wait_for(lambda: '"reason":"system.storage"' in pair.old.log("worker-1").read_text())
        assert _exchange(pair.new, exchange_id)["state"] in {"acknowledged", "receiving"}
        assert pair.old.exchanges()
    finally:
        objects.unlink()
        kept.rename(objects)
    found = settled(pair.new, exchange_id, within_s=90)
    assert found["state"] == "completed"
    assert pair.conditions(name) == 3
    assert pair.releases(name) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "weather",
    [
        pytest.param(Weather(delay_s=(0.05, 0.3)), id="slow"),
        pytest.param(Weather(lost=0.5), id="drops"),
        pytest.param(Weather(silent=0.4), id="silent"),
        pytest.param(Weather(cut=0.5, cut_after_bytes=(3_000, 9_000)), id="cuts"),
        pytest.param(Weather(lost=0.2, silent=0.1, cut=0.3, delay_s=(0.0, 0.1)), id="everything"),
    ],
)
def test_no_weather_loses_or_repeats_anything(pair: Pair, request: pytest.FixtureRequest, weather: Weather) -> None:
    """Runbook: a-partner-is-slow-or-down.md."""
    word = request.node.callspec.id
    names = [pair.member(f"{word}{letter}") for letter in "abc"]
    pair.line.weather = weather
    for exchange_id in pair.ask(*names):
        assert settled(pair.new, exchange_id, within_s=240)["state"] == "completed"
    assert [pair.conditions(name) for name in names] == [3, 3, 3]
    assert [pair.releases(name) for name in names] == [1, 1, 1]


def _exchange(one: Installation, exchange_id: str) -> dict[str, Any]:
    status, found = one.api("GET", f"/exchanges/{exchange_id}")
    assert status == 200, found
    return dict(found)


def _breaker(one: Installation) -> str:
    shown = one.command("partner", "show", "drill-old")
    return str(shown["endpoints"][0]["breaker"])
