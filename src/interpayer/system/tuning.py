"""The settings that the embedded PostgreSQL runs with."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from interpayer.system.cluster import PORT, Cluster

FORCED = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_timezone": "UTC",
    # Statements, parameters and details of an error can hold members' data: none of them is logged.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
# Memory is taken as it is used: the index of a million members stays in it, a small site never fills it.
DEFAULTS = {
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "shared_buffers": "512MB",
}


def write_settings(cluster: Cluster, sockets: Path, tuning: Mapping[str, str]) -> None:
    """Our settings into ``postgresql.auto.conf``; what an operator set by ALTER SYSTEM stays, unless it is forced."""
    path = cluster.data / "postgresql.auto.conf"
    kept = _read_settings(path)
    forced = FORCED | {"unix_socket_directories": f'"{sockets}"', "log_directory": str(cluster.log)}
    lines = [
        f"{key} = '{_quoted(value)}'\n" for key, value in sorted((DEFAULTS | kept | dict(tuning) | forced).items())
    ]
    unfinished = cluster.data / "postgresql.auto.conf.new"
    unfinished.write_text("# Kept by Interpayer; change settings with ALTER SYSTEM.\n" + "".join(lines))
    os.chown(unfinished, cluster.data.stat().st_uid, -1)
    unfinished.chmod(0o600)
    unfinished.rename(path)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _read_settings(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pattern = re.compile(r"^\s*([A-Za-z_.]+)\s*=\s*'((?:[^'\\]|''|\\.)*)'", re.MULTILINE)
    found = pattern.findall(path.read_text(encoding="utf-8"))
    return {key: value.replace("''", "'").replace("\\\\", "\\") for key, value in found}
