"""Settings: read once at start from the environment and one optional file; an unknown key ends the start.

Every setting works without being set. Thresholds, mappings, policies and routes are not settings:
they are versioned files whose version goes on the ledger.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

PREFIX = "INTERPAYER_"
ENVIRONMENTS = ("production", "test")

# What each setting means: the reference page and `--help` are made from this table.
MEANINGS: dict[str, str] = {
    "home": "Folder of everything that is kept: database, keys, certificates, objects.",
    "database_url": "A PostgreSQL 16+ of your own instead of the embedded one. `{role}` in it is replaced by "
    "door, worker, operator, migrator or owner; without it, the login must be a member of these roles.",
    "base_url": "The address under which partners reach the FHIR door, without `/fhir`.",
    "environment": "`production` or `test`; credentials of one are refused by the other.",
    "listen": "Where the partners' door listens: host:port, or unix:/path/of/socket for a proxy on this machine "
    "(plain http; `proxies` must then name `unix`).",
    "api_listen": "Where the plan's own API listens: host:port.",
    "console_listen": "Where the console listens: host:port.",
    "tls_certificate": "Certificate chain of our doors (PEM). Default: tls/server.crt under home, when there.",
    "tls_key": "Its private key (PEM). Default: tls/server.key under home, when there.",
    "client_ca": "Authorities whose client certificates we accept (PEM). Default: tls/client-ca.crt, when there.",
    "proxies": "Proxies that may hand client certificates on (header Client-Cert, RFC 9440), comma-separated: "
    "addresses, networks, and `unix` for whoever reaches the unix socket. Default: nobody.",
    "revocation_lists": "Folder of certificate revocation lists (CRL, PEM or DER) of client authorities. "
    "Default: tls/crl under home, when there.",
    "organizations": "YAML file: legal entities, lines of business, names, identifiers, time zone, calendar.",
    "labels": "Folder of value sets of your own that say which records are sensitive, over the built-in ones. "
    "Default: labels under home, when there.",
    "udap_communities": "Folder of UDAP trust communities, a folder for each. Default: udap under home, when there.",
    "object_store": "Where export files live: a folder or an object store URL. Default: objects under home.",
    "fhir_packages": "Folder of FHIR packages read at run time.",
    "kek": "File of the key that wraps all data keys. Default: keys/kek under home, made at first start.",
    "allowed_private_hosts": "Hosts with private addresses that we may call, comma-separated; refused in production.",
    "test_data": "Folder of records used by tests only; what is missing is skipped, and said.",
    "token": "Bearer token by which the local command line acts as a named person.",
    "handoff": "Where what partners sent is given on to: a folder, or an https address of the plan's own system.",
    "run_as": "The account that PostgreSQL runs as when we are root.",
}


class SettingsInvalid(Exception):
    """A setting is unknown or cannot be used; the message names it and says what would work."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, read once and passed as a value."""

    home: Path
    # Neither is shown in a log or a failing test: both can hold a secret.
    database_url: str | None = field(repr=False)
    base_url: str
    environment: str
    listen: str
    api_listen: str
    console_listen: str
    tls_certificate: Path | None
    tls_key: Path | None
    client_ca: Path | None
    proxies: tuple[str, ...]
    revocation_lists: Path | None
    organizations: Path | None
    udap_communities: Path | None
    object_store: str
    labels: Path | None
    fhir_packages: Path | None
    kek: Path
    allowed_private_hosts: tuple[str, ...]
    test_data: Path
    token: str | None = field(repr=False)
    run_as: str
    handoff: str


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from ``INTERPAYER_*`` and, below them, the YAML file named by ``INTERPAYER_SETTINGS``."""
    values = _from_file(environ.get(f"{PREFIX}SETTINGS"))
    for key, text in environ.items():
        if key.startswith(PREFIX) and key != f"{PREFIX}SETTINGS" and text != "":
            values[_known(key[len(PREFIX) :].lower(), shown=key)] = text
    return _settings(values, default_home=_default_home(environ))


def _from_file(path: str | None) -> dict[str, str]:
    if not path:
        return {}
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"the settings file {path} cannot be read: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise SettingsInvalid(f"the settings file {path} must hold keys and values")
    return {_known(str(key), shown=f"{key} in {path}"): _as_text(value) for key, value in content.items()}


def _as_text(value: object) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _known(name: str, *, shown: str) -> str:
    if name not in MEANINGS:
        raise SettingsInvalid(f"unknown setting {shown}; known are: {', '.join(sorted(MEANINGS))}")
    return name


def _default_home(environ: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/interpayer")
    return Path(environ.get("HOME") or "~").expanduser() / ".local" / "share" / "interpayer"


def _settings(values: Mapping[str, str], *, default_home: Path) -> Settings:
    home = Path(values.get("home", default_home)).expanduser().absolute()
    settings = Settings(
        home=home,
        database_url=values.get("database_url"),
        base_url=values.get("base_url", "https://127.0.0.1:8443").rstrip("/"),
        environment=values.get("environment", "production"),
        listen=values.get("listen", "127.0.0.1:8443"),
        api_listen=values.get("api_listen", "127.0.0.1:8444"),
        console_listen=values.get("console_listen", "127.0.0.1:8445"),
        tls_certificate=_path(values, "tls_certificate", home / "tls" / "server.crt"),
        tls_key=_path(values, "tls_key", home / "tls" / "server.key"),
        client_ca=_path(values, "client_ca", home / "tls" / "client-ca.crt"),
        proxies=_words(values, "proxies"),
        revocation_lists=_path(values, "revocation_lists", home / "tls" / "crl"),
        organizations=_path(values, "organizations", home / "organizations.yaml"),
        udap_communities=_path(values, "udap_communities", home / "udap"),
        object_store=values.get("object_store", str(home / "objects")),
        labels=_path(values, "labels", home / "labels"),
        fhir_packages=_path(values, "fhir_packages", home / "fhir-packages"),
        kek=_path(values, "kek", None) or home / "keys" / "kek",
        allowed_private_hosts=_words(values, "allowed_private_hosts"),
        test_data=_path(values, "test_data", None) or Path("../shared"),
        token=values.get("token"),
        run_as=values.get("run_as", "nobody"),
        handoff=values.get("handoff", ""),
    )
    _check(settings)
    return settings


def _path(values: Mapping[str, str], name: str, default: Path | None) -> Path | None:
    if name in values:
        return Path(values[name]).expanduser().absolute()
    return default if default is not None and default.exists() else None


def _words(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in values.get(name, "").split(",") if word.strip())


def _check(settings: Settings) -> None:
    if settings.environment not in ENVIRONMENTS:
        raise SettingsInvalid(f"environment must be one of {', '.join(ENVIRONMENTS)}")
    if settings.environment == "production" and settings.allowed_private_hosts:
        raise SettingsInvalid("allowed_private_hosts is for tests; in production it is refused")
    if not settings.base_url.startswith("https://"):
        raise SettingsInvalid("base_url must begin with https://")
    is_local = settings.listen.startswith("unix:/")
    if is_local and "unix" not in settings.proxies:
        raise SettingsInvalid("listen on a unix socket needs `unix` among the proxies: nobody would be known there")
    for name in ("listen", "api_listen", "console_listen")[is_local:]:
        port = getattr(settings, name).rpartition(":")[2]
        if not port.isdecimal() or not 0 <= int(port) <= 65535:
            raise SettingsInvalid(f"{name} must be host:port")
