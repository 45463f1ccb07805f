"""Who was forgotten, by the ledger's names, in a file outside the database: a restore must not bring anybody back."""

import os
from pathlib import Path

# Beside the KEK: where a backup of the database does not reach.
FORGOTTEN = "forgotten"


def keep_forgotten(path: Path, name: str) -> None:
    """Add a name to the list (0600), and see it on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())


def forgotten_names(path: Path) -> list[str]:
    """The names on the list, each once; none when there is no list."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
