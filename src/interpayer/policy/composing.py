"""The rules that ship, with a plan's own folder laid over them.

A folder holds what differs: `.cedar` files (a new name adds, a shipped name replaces), a `policy.yaml` with the changed
numbers, `cases.yaml` with cases of its own. An upgrade brings new shipped files under the same own ones.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from interpayer.policy.bundle import (
    CASES,
    FAILURES,
    NUMBERS,
    OWN_CASES,
    OWN_NUMBERS,
    SCHEMA,
    Bundle,
    read_bundle,
    version_of,
)

FLOOR = "never.cedar"
LARGEST_FILE, MOST_FILES = 256 * 1024, 50
_RENAMED = {NUMBERS: OWN_NUMBERS, CASES: OWN_CASES}


def load_bundle(directory: Path | None = None) -> Bundle:
    """The policy that ships, under a folder of one's own where one is given; ValueError names what does not hold."""
    return compose(read_folder(directory) if directory else {})


def read_folder(folder: Path) -> dict[str, str]:
    """A plan's own files by name; ValueError for what does not belong there. Other files are left alone."""
    if not folder.is_dir():
        raise ValueError(f"policy: {folder.name} is no folder")
    return {file.name: file.read_text("utf-8") for file in sorted(folder.iterdir()) if _belongs(file.name)}


def compose(own: Mapping[str, str]) -> Bundle:
    """The shipped policy with these own files over it; ValueError names what does not hold."""
    if not own:
        return shipped()
    _check(own)
    return read_bundle({**shipped().files, **{_RENAMED.get(name, name): text for name, text in own.items()}})


def closed(own: Mapping[str, str], why: str) -> Bundle:
    """What is in force when published files do not load here: the shipped numbers, and a no to every question."""
    files = {**shipped().files, **{_RENAMED.get(name, name): text for name, text in own.items()}}
    return replace(shipped(), version=version_of(files), files=files, broken=why, answers={})


@cache
def shipped() -> Bundle:
    """The policy that ships."""
    folder: Traversable = resources.files("interpayer.policy").joinpath("rules")
    return read_bundle({file.name: file.read_text("utf-8") for file in folder.iterdir() if _belongs(file.name)})


def _check(own: Mapping[str, str]) -> None:
    for name in (SCHEMA, FAILURES, FLOOR):
        if name in own:
            raise ValueError(f"policy: {name} comes with the release and cannot be replaced")
    if unknown := sorted(name for name in own if not _belongs(name)):
        raise ValueError(f"policy: {unknown[0]} is no part of a policy")
    if len(own) > MOST_FILES or any(len(text.encode()) > LARGEST_FILE for text in own.values()):
        raise ValueError(f"policy: at most {MOST_FILES} files of {LARGEST_FILE} bytes")


def _belongs(name: str) -> bool:
    return (name.endswith(".cedar") and not name.startswith(("own.", "."))) or name in (
        *(SCHEMA, NUMBERS, FAILURES, CASES),
    )
