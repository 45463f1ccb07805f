"""Starting PostgreSQL's programs as children that do not outlive us."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from interpayer.system.cluster import Account
from interpayer.system.programs import environment_for

# Runs beside us where the kernel cannot signal a child of a dead parent: end of input without a word = we are dead.
WATCHDOG = """
import os, signal, sys
if os.read(0, 1) == b"":
    os.kill(int(sys.argv[1]), signal.SIGINT)
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the programs are started: from where, as whom, with which output, and who ends them when we die."""

    programs: Path
    account: Account
    output: Path
    by_kernel: bool

    def spawn(self, program: str, *arguments: str, lock: int | None = None) -> subprocess.Popen[bytes]:
        """The running program; it inherits the lock, so the lock is free only when all its children are gone."""
        other = not self.account.is_ours
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [self.programs / program, *arguments],
                cwd="/",
                env=environment_for(self.programs),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=() if lock is None else (lock,),
                # A group of its own: Ctrl-C in a terminal reaches us, and we stop the server.
                start_new_session=True,
                preexec_fn=_die_with_parent() if self.by_kernel else None,
                user=self.account.uid if other else None,
                group=self.account.gid if other else None,
                extra_groups=[] if other else None,
            )


def try_lock(path: Path) -> int | None:
    """The open and locked file, or None when another process holds the lock."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def watch_over(pid: int) -> subprocess.Popen[bytes]:
    """A small process that stops the server when we die; for systems whose kernel does not do that."""
    command = [sys.executable, "-I", "-S", "-c", WATCHDOG, str(pid)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _die_with_parent() -> Callable[[], None]:
    """What the child does before it becomes PostgreSQL: ask the kernel for a fast stop when its parent dies."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent, pr_set_pdeathsig = os.getpid(), 1

    def ask_kernel() -> None:
        prctl(pr_set_pdeathsig, int(signal.SIGINT))
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def dismiss(watchdog: subprocess.Popen[bytes]) -> None:
    """End the watchdog without harm to the server."""
    assert watchdog.stdin is not None
    with suppress(BrokenPipeError), watchdog.stdin as pipe:
        pipe.write(b".")
    watchdog.wait()
