"""Passwords of the login roles, changed while everything runs: in the server, and in the file that libpq reads.

Connections that are open stay open; every new one reads the file. The server never sees a password, only its SCRAM
verifier. Client certificates (`sslcert=` in the address) need nothing here: their files are read each time too.
"""

import os
import secrets
from pathlib import Path

from interpayer.system.cluster import LOGIN_ROLES, user_of
from interpayer.system.database import address_parts, connect, identifier, literal, role_url, sql
from interpayer.system.settings import Settings


class PasswordFixed(Exception):
    """The password of a role cannot be changed from here; the message says why and what would help."""


def rotate_password(settings: Settings, role: str) -> Path:
    """Give a login role a new random password; the file that holds it. No process needs a restart."""
    if role not in LOGIN_ROLES:
        raise PasswordFixed(f"{role} is no login role; there are {', '.join(LOGIN_ROLES)}")
    path, user = _passfile(settings, role), user_of(role)
    password = secrets.token_urlsafe(24)
    content = _with_password(path, user, password)
    unfinished = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        with connect(role_url(settings, "owner"), autocommit=True) as conn:
            verifier = conn.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
            conn.execute(sql(f"alter role {identifier(user)} password {literal(verifier)}"))
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _passfile(settings: Settings, role: str) -> Path:
    given = address_parts(role_url(settings, role))
    if given.get("password"):
        raise PasswordFixed("the address of the database holds the password; name a passfile in it instead")
    if given.get("sslcert"):
        raise PasswordFixed("this role shows a certificate: put a new one into its file, nothing else is needed")
    if settings.database_url is not None and "{role}" not in settings.database_url:
        raise PasswordFixed("all processes share one login; put {role} into the address, so that each has its own")
    path = Path(str(given.get("passfile") or ""))
    if not path.is_file():
        raise PasswordFixed("the address names no passfile that is here; where the password lies, it must be changed")
    return path


def _with_password(path: Path, user: str, password: str) -> str:
    """The passfile (host:port:database:user:password) with another password on every line of this user."""
    lines, found = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.rsplit(":", 2)
        is_ours = len(fields) == 3 and fields[1] == user
        lines.append(f"{fields[0]}:{user}:{password}" if is_ours else line)
        found = found or is_ours
    if not found:
        raise PasswordFixed(f"{path} has no line for {user}")
    return "\n".join(lines) + "\n"
