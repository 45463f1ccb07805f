"""A supervisor of the embedded PostgreSQL in a process of its own, as root or as an ordinary account.

`python -m tests.support.supervised HOME ACCOUNT WATCH` prints one line of JSON when the server answers, and stops it
when its input ends.
"""

import codecs
import contextlib
import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

from interpayer.system.database import DatabaseGone, connect
from interpayer.system.postgres import EmbeddedPostgres, server_status
from tests.support.postgres_server import ROOT

TUNING = {"fsync": "off", "shared_buffers": "16MB", "max_wal_senders": "0", "wal_level": "minimal"}


class Supervised:
    """The running supervisor; ``pid`` is its own, ``server_pid`` that of the server."""

    def __init__(self, home: Path, account: str, *, watch: str = "kernel") -> None:
        command = [sys.executable, "-m", "tests.support.supervised", str(home), account, watch]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "TMP"))}
        environment["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            assert self._process.stderr is not None
            error = self._process.stderr.read().decode()
            self.end()
            raise RuntimeError(error)
        self.home, self.pid, self.server_pid = home, self._process.pid, int(json.loads(answer)["server_pid"])

    def kill(self) -> None:
        """kill -9 of the supervisor only."""
        self._process.kill()
        self.end()

    def end(self) -> int:
        """End it the good way, and see it gone; returns its exit status."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    """Wait until the process is gone; fails after twenty seconds."""
    end = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} lives on"
        time.sleep(0.02)


def _become(account: str) -> None:
    """The ordinary account for good, after everything that must be read is read."""
    with contextlib.suppress(DatabaseGone):
        connect("host=/nowhere")
    codecs.lookup("ascii")
    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = "/nonexistent"


if __name__ == "__main__":
    home, account, watch = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if os.geteuid() == 0 and account != "root":
        _become(account)
    with EmbeddedPostgres(home, "nobody", tuning=TUNING, watch=watch):
        print(json.dumps({"server_pid": server_status(home).pid}), flush=True)
        sys.stdin.buffer.read()
