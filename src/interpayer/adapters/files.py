"""The files of a source: which there are, opened (unpacked where gzipped), and what becomes of a damaged one."""

import zlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from isal import igzip, isal_zlib

from interpayer.adapters.base import Found

Reader: TypeAlias = Callable[[BinaryIO, str], Iterator[Found]]
"""Reads the records of one opened file; the text is the file's name in what is found."""

DAMAGED = "source.invalid"
OURS = "system.bug"
_BROKEN: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, cast("type[Exception]", isal_zlib.error))


def files_below(path: Path, patterns: tuple[str, ...] = ("*",)) -> list[tuple[Path, str]]:
    """The files of a file or folder whose names fit (without .gz, whatever the case), in order; with their names."""
    if path.is_file():
        return [(path, path.name)]
    found = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    return [(one, str(one.relative_to(path))) for one in found if fits(one, patterns)]


def fits(file: Path, patterns: tuple[str, ...]) -> bool:
    """Whether the file's name fits one of the patterns."""
    name = plain_name(file)
    return any(fnmatch(name, pattern.lower()) or fnmatch(file.name.lower(), pattern.lower()) for pattern in patterns)


def plain_name(file: Path) -> str:
    """The name in small letters, without .gz."""
    return file.name.lower().removesuffix(".gz")


def open_file(file: Path) -> BinaryIO:
    """The file for reading, unpacked as it is read when its name ends in .gz."""
    if not file.name.lower().endswith(".gz"):
        return file.open("rb")
    return cast("BinaryIO", igzip.open(file, "rb"))  # type: ignore[no-untyped-call]  # isal has no types for it


def read_files(files: list[tuple[Path, str]], reader: Reader) -> Iterator[Found]:
    """The records of all files; a file that cannot be read, or not to its end, is found as damaged."""
    for file, name in files:
        yield from _read_file(file, name, reader)


def _read_file(file: Path, name: str, reader: Reader) -> Iterator[Found]:
    position = 0
    try:
        with open_file(file) as opened:
            for found in reader(opened, name):
                position = found.position
                yield found
    except _BROKEN as error:
        detail = f"the file cannot be read further ({type(error).__name__})"
        yield Found("", None, b"", name, position + 1, problem=DAMAGED, detail=detail)
    except Exception as error:
        # A fault of ours in one file must not hide the others; its words may hold a member's facts, so they stay here.
        detail = f"a fault of ours: the file was not read further ({type(error).__name__})"
        yield Found("", None, b"", name, position + 1, problem=OURS, detail=detail)
