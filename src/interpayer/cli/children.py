"""Child processes that are kept running: what dies is started again, and all end with us."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# Who lived this long had a good start: the next pause is short again.
GOOD_START_S = 60.0
DRAIN_S = 30.0
PROGRAM = (sys.executable, "-m", "interpayer")


@dataclass(slots=True)
class Child:
    """One command of ours that is to run all the time."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    pause_s: float = FIRST_PAUSE_S
    started_at: float = 0.0
    due_at: float = field(default=0.0)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return " ".join(self.arguments)

    def start(self) -> None:
        """Start it; its output goes where our words go."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [*PROGRAM, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            # A session of its own: Ctrl-C reaches us, and we end the children in order.
            start_new_session=True,
            preexec_fn=_end_with_parent() if sys.platform == "linux" else None,
        )

    def look(self, say: Callable[[str], None]) -> None:
        """Start it again when it died, after a pause that grows while it keeps dying."""
        at = time.monotonic()
        if self.process is None:
            if at >= self.due_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        if at - self.started_at >= GOOD_START_S:
            self.pause_s = FIRST_PAUSE_S
        say(f"{self.name} ended ({_how(code)}); it starts again in {self.pause_s:g} s")
        self.process, self.due_at = None, at + self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)

    def end(self, wait_s: float = DRAIN_S) -> None:
        """Ask it to finish, and end it when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def keep_running(children: Sequence[Child], stop: threading.Event, say: Callable[[str], None]) -> None:
    """Watch over the children until told to stop; they are ended by the caller."""
    while not stop.wait(0.2):
        for child in children:
            child.look(say)


def end_all(children: Sequence[Child]) -> None:
    """End them side by side; each may finish what it does."""
    threads = [threading.Thread(target=child.end) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _end_with_parent() -> Callable[[], None]:
    """Before a child begins: the kernel ends it when we die without having said so."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent, pr_set_pdeathsig = os.getpid(), 1

    def ask_kernel() -> None:
        prctl(pr_set_pdeathsig, int(signal.SIGTERM))
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
