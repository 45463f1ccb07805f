"""What the doctor says of authorities and revocation lists, with files that were put there."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import yaml

from interpayer.cli.doctor import _revocation_lists, _trusted
from interpayer.system.certificates.anchors import fingerprint
from interpayer.system.clock import now
from interpayer.system.settings import Settings, read_settings
from tests.support.certificates import certify

ROOT = certify("Root", ca=True, at=now())


def settings_in(folder: Path) -> Settings:
    return read_settings({"INTERPAYER_HOME": str(folder)})


def test_lists_that_are_over_or_soon_will_be_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "tls" / "crl"
    folder.mkdir(parents=True)
    for name, hours in (("a.crl", -2), ("b.crl", 3), ("c.crl", 30)):
        begin = now() - timedelta(hours=24 if hours < 0 else 0)
        (folder / name).write_bytes(ROOT.crl(begin, hours=24 + hours if hours < 0 else hours))
    (folder / "d.crl").write_bytes(b"no list")
    found = [(one.state, one.words) for one in _revocation_lists(settings_in(tmp_path))]
    assert [state for state, _ in found] == ["ill", "warning", "well", "ill"]
    assert "d.crl" in found[3][1]
    assert list(_revocation_lists(settings_in(tmp_path / "nowhere"))) == []


def test_exceptions_that_end_and_files_that_cannot_be_used_are_found(tmp_path: Path) -> None:
    authorities = tmp_path / "client-ca.crt"
    authorities.write_bytes(ROOT.pem)
    settings = replace(settings_in(tmp_path), client_ca=authorities)
    assert list(_trusted(settings)) == []
    for days, state in ((-1, "ill"), (10, "warning"), (100, "well")):
        until = (now() + timedelta(days=days)).date()
        row = {"sha256": fingerprint(ROOT.certificate), "allow": ["no_key_usage"], "why": "old", "until": until}
        (tmp_path / "exceptions.yaml").write_text(yaml.safe_dump([row]))
        assert [one.state for one in _trusted(settings)] == [state]
    authorities.write_bytes(b"no certificate")
    assert [one.state for one in _trusted(settings)] == ["ill"]
