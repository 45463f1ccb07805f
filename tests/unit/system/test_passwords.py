"""What cannot be changed from here is said, with what would help."""

from pathlib import Path

import pytest

from interpayer.system.passwords import PasswordFixed, rotate_password
from interpayer.system.settings import Settings, read_settings

URL = "postgresql://interpayer_{role}@db.example/interpayer"


def settings(tmp_path: Path, url: str) -> Settings:
    return read_settings({"INTERPAYER_HOME": str(tmp_path), "INTERPAYER_DATABASE_URL": url})


@pytest.mark.parametrize(
    ("url", "role", "says"),
    [
        (URL.replace("@", ":secret@"), "door", "name a passfile"),
        (URL + "?sslcert=/c.crt&sslkey=/c.key", "door", "shows a certificate"),
        ("postgresql://one@db.example/interpayer", "door", "share one login"),
        (URL, "door", "names no passfile"),
        (URL + "?passfile=/nowhere/file", "door", "names no passfile"),
        (URL, "auditor", "no login role"),
        (URL, "owner", "no login role"),
    ],
    ids=["in the address", "a certificate", "one login", "no passfile", "missing passfile", "auditor", "owner"],
)
def test_what_cannot_be_changed_is_said(tmp_path: Path, url: str, role: str, says: str) -> None:
    with pytest.raises(PasswordFixed, match=says) as refused:
        rotate_password(settings(tmp_path, url), role)
    assert "secret" not in str(refused.value)


def test_a_file_without_the_role_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "passfile"
    file.write_text("*:*:*:interpayer_worker:w\n# a word\n")
    with pytest.raises(PasswordFixed, match="no line for interpayer_door"):
        rotate_password(settings(tmp_path, f"{URL}?passfile={file}"), "door")
    assert file.read_text() == "*:*:*:interpayer_worker:w\n# a word\n"
