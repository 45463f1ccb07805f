"""Clients that know nothing of us but a page of the docs: the programs that stand there, run as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from interpayer.partners.jwks import check_jwks
from tests.architecture.tree import DOCS
from tests.support.doors import DoorUnderTest, a_partner

LANGUAGES = {"js": ["node", "client.mjs"], "go": ["go", "run", "client.go"]}
PAGE = DOCS / "how-to" / "call-us-from-any-language.md"


def block(language: str) -> str:
    """The one program of this language on the page."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return str(found)


class Stranger:
    """A partner whose program came from the page, with its key, its certificate, its folder, and nothing of ours."""

    def __init__(self, door: DoorUnderTest, folder: Path, *, language: str) -> None:
        self.door, self.folder, self.command = door, folder, LANGUAGES[language]
        missing = [tool for tool in (self.command[0], "openssl") if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"{missing[0]} is not installed")
        (folder / self.command[-1]).write_text(block(language), encoding="utf-8")
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


def gets_in(door: DoorUnderTest, folder: Path, *, language: str) -> None:
    """The program of this language prints its keys, is registered with them, and gets what it asks for, twice."""
    stranger = Stranger(door, folder, language=language)
    _, jwks = stranger.run("--jwks", "2026-11")
    client_id = f"https://{language}.example"
    door.add(a_partner(client_id, id=f"p-{language}", jwks=check_jwks(jwks)))
    for place in ("/fhir/Group/g-1", "/fhir/Group/g-2"):
        code, answer = stranger.call(client_id, place, kid="2026-11")
        assert (code, answer["status"]) == (0, 200), answer
        assert answer["body"]["partner"] == f"p-{language}"
    _, answer = stranger.call("https://nobody.example", "/fhir/Group/g-1", kid="2026-11")
    assert answer["status"] == 401
