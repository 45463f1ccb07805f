"""What `up` keeps running: what dies comes back, what is told to end ends."""

import sys
import threading
import time
from collections.abc import Callable

import pytest

from interpayer.cli import children
from interpayer.cli.children import Child, end_all, keep_running

SLEEPS = "import time; time.sleep(60)"
DIES = "import sys; sys.exit(3)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Child]:
    monkeypatch.setattr(children, "PROGRAM", (sys.executable, "-c"))
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 0.05)
    return lambda code: Child((code,), pause_s=0.05)


def test_what_dies_is_started_again_and_the_pause_grows(child: Callable[[str], Child]) -> None:
    one, said, stop = child(DIES), [], threading.Event()
    threading.Timer(1.5, stop.set).start()
    keep_running([one], stop, said.append)
    end_all([one])
    assert len(said) >= 2
    assert "exit 3" in said[0]
    assert one.pause_s > 0.1


def test_a_killed_child_comes_back(child: Callable[[str], Child]) -> None:
    one, said, stop = child(SLEEPS), [], threading.Event()
    watcher = threading.Thread(target=keep_running, args=([one], stop, said.append))
    one.start()
    first = one.process
    watcher.start()
    try:
        assert first is not None
        first.kill()
        end = time.monotonic() + 10
        while (one.process is None or one.process is first) and time.monotonic() < end:
            time.sleep(0.05)
        assert one.process is not None
        assert one.process.pid != first.pid
        assert "SIGKILL" in said[0]
    finally:
        stop.set()
        watcher.join()
        end_all([one])
    assert one.process.poll() is not None


def test_who_does_not_listen_is_ended(child: Callable[[str], Child], capfd: pytest.CaptureFixture[str]) -> None:
    one = child(STUBBORN)
    one.start()
    end = time.monotonic() + 10
    while not capfd.readouterr().err and time.monotonic() < end:
        time.sleep(0.05)
    one.end(wait_s=0.2)
    assert one.process is not None
    assert one.process.returncode == -9


def test_ending_what_never_began_is_fine(child: Callable[[str], Child]) -> None:
    one = child(SLEEPS)
    end_all([one])
    assert one.process is None
