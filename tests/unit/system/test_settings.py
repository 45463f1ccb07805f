"""Settings: working defaults, one file below the environment, nothing unknown."""

from dataclasses import fields
from pathlib import Path

import pytest

from interpayer.system.settings import MEANINGS, Settings, SettingsInvalid, read_settings


def test_every_setting_has_a_default_and_a_meaning(tmp_path) -> None:
    settings = read_settings({"INTERPAYER_HOME": str(tmp_path)})
    assert settings.environment == "production"
    assert settings.kek == settings.home / "keys" / "kek"
    assert settings.tls_certificate is None
    assert {field.name for field in fields(Settings)} == set(MEANINGS)


def test_the_environment_wins_over_the_file(tmp_path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("environment: test\nlisten: 0.0.0.0:9000\nallowed_private_hosts: [127.0.0.1, '::1']\n")
    settings = read_settings({"INTERPAYER_SETTINGS": str(file), "INTERPAYER_LISTEN": "127.0.0.1:1"})
    assert (settings.environment, settings.listen) == ("test", "127.0.0.1:1")
    assert settings.allowed_private_hosts == ("127.0.0.1", "::1")


def test_files_under_home_are_found_when_they_exist(tmp_path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "server.crt").touch()
    settings = read_settings({"INTERPAYER_HOME": str(tmp_path)})
    assert settings.tls_certificate == tmp_path / "tls" / "server.crt"
    assert settings.tls_key is None
    assert settings.object_store == str(tmp_path / "objects")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"INTERPAYER_HOMEE": "x"}, "INTERPAYER_HOMEE"),
        ({"INTERPAYER_ENVIRONMENT": "staging"}, "environment"),
        ({"INTERPAYER_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"}, "production"),
        ({"INTERPAYER_BASE_URL": "http://here"}, "https"),
        ({"INTERPAYER_LISTEN": "here"}, "listen"),
        ({"INTERPAYER_LISTEN": "here:99999"}, "listen"),
        ({"INTERPAYER_SETTINGS": "/nowhere.yaml"}, "nowhere"),
    ],
)
def test_what_cannot_be_used_is_named(environ, says) -> None:
    with pytest.raises(SettingsInvalid, match=says):
        read_settings(environ)


@pytest.mark.parametrize("text", ["hom: x", "- a", "a: [", "\udcff"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path, text) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsInvalid):
        read_settings({"INTERPAYER_SETTINGS": str(file)})


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read_settings({"INTERPAYER_TOKEN": "", "INTERPAYER_HOME": "/x"}).token is None
    assert read_settings({"INTERPAYER_HOME": "/x"}).home == Path("/x")


def test_a_unix_socket_needs_the_word_unix_among_the_proxies() -> None:
    given = {"INTERPAYER_LISTEN": "unix:/run/door.sock"}
    with pytest.raises(SettingsInvalid, match="proxies"):
        read_settings(given)
    settings = read_settings({**given, "INTERPAYER_PROXIES": "10.1.0.2, unix"})
    assert (settings.listen, settings.proxies) == ("unix:/run/door.sock", ("10.1.0.2", "unix"))
