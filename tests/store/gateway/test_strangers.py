"""A program in another language, from the docs alone, gets in; with anything wrong it learns what to correct.

The program in Go is compiled, which takes a while: it runs with the long drills.
"""

import shutil
from pathlib import Path

import pytest

from interpayer.partners.jwks import check_jwks
from tests.support.doors import DoorUnderTest, a_partner
from tests.support.strangers import Stranger

LANGUAGES = {"js": ["node", "client.mjs"], "go": ["go", "run", "client.go"]}


@pytest.mark.parametrize("language", ["js", pytest.param("go", marks=pytest.mark.long)])
def test_a_program_from_the_page_gets_in(door: DoorUnderTest, tmp_path: Path, language: str) -> None:
    command = LANGUAGES[language]
    if shutil.which(command[0]) is None or shutil.which("openssl") is None:
        pytest.skip(f"{command[0]} or openssl is not installed")
    stranger = Stranger(door, tmp_path, language=language, command=command)
    _, jwks = stranger.run("--jwks", "2026-11")
    client_id = f"https://{language}.example"
    door.add(a_partner(client_id, jwks=check_jwks(jwks)))
    code, answer = stranger.call(client_id, "/fhir/Group/g-1", kid="2026-11")
    assert (code, answer["status"]) == (0, 200), answer
    assert answer["body"]["partner"] == f"p-{client_id}"
    _, answer = stranger.call(client_id, "/fhir/Group/g-2", kid="2026-11")
    assert answer["status"] == 200, "a second time is as good as the first"
    _, answer = stranger.call("https://nobody.example", "/fhir/Group/g-1", kid="2026-11")
    assert answer["status"] == 401


def test_what_is_wrong_is_said_so_that_it_can_be_corrected(door: DoorUnderTest, tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("openssl") is None:
        pytest.skip("node or openssl is not installed")
    stranger = Stranger(door, tmp_path, language="js", command=LANGUAGES["js"])
    _, jwks = stranger.run("--jwks", "here")
    door.add(a_partner("https://corrected.example", jwks=check_jwks(jwks)))
    code, answer = stranger.call("https://corrected.example", "/fhir/Group/g-1", kid="elsewhere")
    assert (code, answer) == (
        1,
        {
            "status": 401,
            "body": {"error": "invalid_client", "error_description": "no registered key has this kid and fits alg"},
        },
    )
