"""Clients that know nothing of us but a page of the docs: the programs that stand there, run as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.architecture.tree import DOCS
from tests.support.doors import DoorUnderTest

PAGE = DOCS / "how-to" / "call-us-from-any-language.md"


def block(language: str) -> str:
    """The one program of this language on the page."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return str(found)


class Stranger:
    """A partner whose program came from the page, with its key, its certificate, its folder, and nothing of ours."""

    def __init__(self, door: DoorUnderTest, folder: Path, *, language: str, command: list[str]) -> None:
        self.door, self.folder, self.command = door, folder, command
        (folder / command[-1]).write_text(block(language), encoding="utf-8")
        pair = door.grounds.clients["plan-b"]
        for source, name in ((pair.certificate, "client.crt"), (pair.key, "client.key")):
            shutil.copy(source, folder / name)
        shutil.copy(door.grounds.ca.certificate, folder / "ca.crt")
        curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]
        make = ["openssl", "genpkey", *curve, "-out", "signing.pem"]
        subprocess.run(make, cwd=folder, check=True, capture_output=True)

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Run the program; its exit code and what it printed."""
        done = subprocess.run([*self.command, *arguments], cwd=self.folder, capture_output=True, check=False)
        assert done.stdout, done.stderr.decode()
        return done.returncode, json.loads(done.stdout)

    def call(self, client_id: str, path: str, *, kid: str) -> tuple[int, Any]:
        """A token, then GET this path."""
        return self.run(self.door.base_url, client_id, kid, path)
