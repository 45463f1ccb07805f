"""A program in another language, from the docs alone, gets in; with anything wrong it learns what to correct.

The program in Go is compiled, which takes a while: it runs with the drills (tests/drills/test_a_client_in_go.py).
"""

from pathlib import Path

from interpayer.partners.jwks import check_jwks
from tests.support.doors import DoorUnderTest, a_partner
from tests.support.strangers import Stranger, gets_in


def test_a_program_from_the_page_gets_in(door: DoorUnderTest, tmp_path: Path) -> None:
    gets_in(door, tmp_path, language="js")


def test_what_is_wrong_is_said_so_that_it_can_be_corrected(door: DoorUnderTest, tmp_path: Path) -> None:
    stranger = Stranger(door, tmp_path, language="js")
    _, jwks = stranger.run("--jwks", "here")
    door.add(a_partner("https://corrected.example", id="p-corrected", jwks=check_jwks(jwks)))
    code, answer = stranger.call("https://corrected.example", "/fhir/Group/g-1", kid="elsewhere")
    assert (code, answer) == (
        1,
        {
            "status": 401,
            "body": {"error": "invalid_client", "error_description": "no registered key has this kid and fits alg"},
        },
    )
