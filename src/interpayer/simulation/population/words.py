"""Reads words.yaml, once."""

from functools import cache
from importlib.resources import files

import yaml


def words(name: str) -> tuple[str, ...]:
    """One list of words."""
    return tuple(_lists()[name].split())


def pairs(name: str) -> list[tuple[str, str]]:
    """One list of pairs, `this:that`."""
    return [(one, other) for one, _, other in (word.partition(":") for word in words(name))]


@cache
def _lists() -> dict[str, str]:
    text = files("interpayer.simulation.population").joinpath("words.yaml").read_text("utf-8")
    lists: dict[str, str] = yaml.safe_load(text)
    return lists
