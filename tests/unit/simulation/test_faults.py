"""The bad line: passes bytes unchanged in clear weather, and harms by seed otherwise."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from interpayer.simulation.faults import CLEAR, FaultyLine, Weather, faulty_line

BODY = bytes(range(256)) * 400


@pytest.fixture
def target() -> Iterator[int]:
    """A server that reads one line and answers with BODY."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(5)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                if connection.recv(100):
                    connection.sendall(BODY)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def _ask(line: FaultyLine, patience_s: float = 5.0) -> bytes | str:
    """What came back: the bytes, or how it failed."""
    with socket.create_connection(("127.0.0.1", line.port), timeout=patience_s) as connection:
        received = b""
        try:
            connection.sendall(b"please\n")
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            return "silence"
        except OSError:
            return f"broken after {len(received)}" if received else "broken"
    return received or "broken"


def test_clear_weather_changes_nothing(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1) as line:
        assert [_ask(line) for _ in range(5)] == [BODY] * 5
        assert line.happened == {"relayed": 5}


def test_a_lost_connection_breaks_at_once(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1, weather=Weather(lost=1)) as line:
        assert _ask(line) == "broken"


def test_a_cut_connection_has_brought_a_part(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1, weather=Weather(cut=1, cut_after_bytes=(500, 501))) as line:
        answer = _ask(line)
        assert answer != BODY
        assert line.happened == {"cut": 1}


def test_a_silent_line_says_nothing(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1, weather=Weather(silent=1)) as line:
        assert _ask(line, patience_s=0.2) == "silence"


def test_a_slow_line_brings_everything_late(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1, weather=Weather(delay_s=(0.01, 0.02))) as line:
        assert _ask(line) == BODY


def test_the_same_seed_harms_the_same_connections(target: int) -> None:
    def fates(seed: int) -> list[bool]:
        with faulty_line("127.0.0.1", target, seed=seed, weather=Weather(lost=0.5)) as line:
            return [_ask(line) == BODY for _ in range(16)]

    assert fates(4) == fates(4) != fates(5)
    assert set(fates(4)) == {True, False}


def test_the_weather_can_change(target: int) -> None:
    with faulty_line("127.0.0.1", target, seed=1, weather=Weather(lost=1)) as line:
        assert _ask(line) == "broken"
        line.weather = CLEAR
        assert _ask(line) == BODY


def test_a_target_that_is_gone_breaks_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with faulty_line("127.0.0.1", port, seed=1) as line:
        assert _ask(line) == "broken"
        assert line.happened["target_gone"] == 1
