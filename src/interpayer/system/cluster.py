"""Where the embedded PostgreSQL lives: its account, its folders, its passwords, its socket.

Nothing outside the cluster's folder is chmod'ed or chown'ed. Run by root, the server gets an ordinary account;
where that account cannot reach the home, the cluster gets a place of its own under /var/lib/interpayer.
"""

import os
import pwd
import re
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

SHARED_FOLDER = Path("/var/lib/interpayer")
LOGIN_ROLES = ("door", "worker", "operator", "migrator")
OWNER = "owner"
DATABASE = "interpayer"
PORT = 5432
# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
SOCKET_PATH_LIMIT = 103


class ClusterUnusable(Exception):
    """The embedded server cannot run here; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account that the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether it is the account of this very process."""
        return self.uid == os.geteuid()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folders of one embedded server."""

    folder: Path

    @property
    def data(self) -> Path:  # noqa: D102
        return self.folder / "data"

    @property
    def log(self) -> Path:  # noqa: D102
        return self.folder / "log"

    @property
    def passwords(self) -> Path:  # noqa: D102
        return self.folder / "passwords"

    @property
    def socket_record(self) -> Path:
        """The file that says where the socket is."""
        return self.folder / "socket-folder"


def user_of(role: str) -> str:
    """The database login of a role: ``door`` is ``interpayer_door``; the owner is the superuser."""
    if role == OWNER:
        return "postgres"
    if role not in LOGIN_ROLES:
        raise ValueError(f"no login role {role}; there are {', '.join((*LOGIN_ROLES, OWNER))}")
    return f"interpayer_{role}"


def find_account(run_as: str | None) -> Account:
    """Our own account, or as root the named one; root without a usable name is refused, as PostgreSQL would."""
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(run_as or "")
    except KeyError:
        raise ClusterUnusable(f"PostgreSQL does not run as root, and there is no account {run_as!r}") from None
    if entry.pw_uid == 0:
        raise ClusterUnusable("PostgreSQL does not run as root; name another account with --run-as")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(account: Account, path: Path) -> bool:
    """Whether the account may pass through every folder above the path (by mode bits; lists are not read)."""
    return all(_may_pass(account, folder) for folder in path.resolve().parents if folder.exists())


def _may_pass(account: Account, folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def folder_of(home: Path) -> Path:
    """The cluster's folder: ``home/postgres``, or what it points to."""
    return (home / "postgres").resolve()


def prepare_folders(home: Path, account: Account) -> Cluster:
    """The cluster's folders, made where they are missing and given to the account; only they are touched."""
    _make(home, 0o700 if account.is_ours else 0o711)
    place = home / "postgres"
    if not place.exists() and not place.is_symlink() and not can_reach(account, place / "data"):
        place.symlink_to(_place_in_shared_folder(home))
    cluster = Cluster(folder_of(home))
    _make(cluster.folder, 0o700 if account.is_ours else 0o711)
    if not can_reach(account, cluster.data):
        raise ClusterUnusable(f"the account {account.name} cannot reach {cluster.folder}; choose another home")
    for folder, owner in ((cluster.data, account.uid), (cluster.log, account.uid), (cluster.passwords, os.geteuid())):
        make_private(folder, owner)
    return cluster


def _make(folder: Path, mode: int) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)  # whatever the umask says


def make_private(folder: Path, owner: int) -> None:
    """The folder, made if it is missing, that only the owner enters."""
    folder.mkdir(exist_ok=True, mode=0o700)
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, -1)


def _place_in_shared_folder(home: Path) -> Path:
    _make(SHARED_FOLDER, 0o711)
    # A random end: a home that was deleted and made anew must not find the old server.
    name = re.sub(r"[^A-Za-z0-9]+", "-", home.name).strip("-")[:20] or "home"
    return SHARED_FOLDER / f"{name}-{secrets.token_hex(6)}"


def write_password(cluster: Cluster, role: str) -> str:
    """The password of a role: the one in its file, or a new random one put there (0600, form of a passfile)."""
    path = password_file(cluster.folder, role)
    if path.exists():
        return path.read_text(encoding="ascii").strip().rpartition(":")[2]
    password = secrets.token_urlsafe(24)
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"*:*:*:{user_of(role)}:{password}\n")
    unfinished.rename(path)
    return password


def password_file(folder: Path, role: str) -> Path:
    """The file with the password of a role."""
    return folder / "passwords" / role


def prepare_socket_folder(cluster: Cluster, account: Account) -> Path:
    """A folder (0700) for the socket; a short one outside when the cluster's path is too long for a socket."""
    folder = cluster.folder / "socket"
    if not _fits(folder):
        folder = _recorded(cluster, account) or Path(tempfile.mkdtemp(prefix="ip-", dir=_short_base()))
    make_private(folder, account.uid)
    unfinished = cluster.socket_record.with_suffix(".new")
    unfinished.write_text(str(folder), encoding="utf-8")
    unfinished.rename(cluster.socket_record)
    return folder


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT


def _short_base() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = os.geteuid() != 0 and runtime and os.access(runtime, os.W_OK) and len(runtime) < SOCKET_PATH_LIMIT // 2
    return runtime if usable else "/tmp"  # noqa: S108 - mkdtemp makes a 0700 folder of its own in it


def _recorded(cluster: Cluster, account: Account) -> Path | None:
    """The short folder of an earlier start, if it is still a folder that only the account can enter."""
    try:
        folder = Path(cluster.socket_record.read_text(encoding="utf-8"))
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700 and found.st_uid == account.uid
    return folder if private and _fits(folder) else None


def socket_folder(home: Path) -> Path:
    """Where clients find the socket; a home whose server never started has none yet."""
    cluster = Cluster(folder_of(home))
    try:
        return Path(cluster.socket_record.read_text(encoding="utf-8"))
    except OSError:
        return cluster.folder / "socket"
