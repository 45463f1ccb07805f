"""What the settings must hold before a door opens."""

from dataclasses import replace
from pathlib import Path

import pytest

from interpayer.app.doors import require_tls
from interpayer.app.peers import peers_of
from interpayer.policy.composing import shipped
from interpayer.system.settings import SettingsInvalid, read_settings


def test_no_door_speaks_plain_http_over_a_network(tmp_path: Path) -> None:
    settings = read_settings({"INTERPAYER_HOME": str(tmp_path)})
    half = replace(settings, tls_certificate=tmp_path / "server.crt")
    for one in (settings, half):
        with pytest.raises(SettingsInvalid, match="https"):
            require_tls(one)
    require_tls(replace(half, tls_key=tmp_path / "server.key"))


def test_authorities_and_proxies_that_cannot_be_used_end_the_start(tmp_path: Path) -> None:
    settings = read_settings({"INTERPAYER_HOME": str(tmp_path)})
    assert peers_of(settings, shipped).anchors is None
    with pytest.raises(SettingsInvalid):
        peers_of(replace(settings, client_ca=tmp_path / "none.crt"), shipped)
    with pytest.raises(SettingsInvalid):
        peers_of(replace(settings, proxies=("proxy.example",)), shipped)
