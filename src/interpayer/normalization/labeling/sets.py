"""The value sets by which records are found to be sensitive: versioned files, built in or a plan's own.

A plan's folder adds files to the built-in ones; a file of the same name replaces the built-in one. The version is the
hash of all files in force, so that a change of any of them shows.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

FORMAT = 1
_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_KEYS = {
    "systems": {"systems"},
    "set": {"category", "source", "codes", "words"},
    "minors": {"source", "until", "from"},
}
# A code is looked up by the systems in which some set has it, then the system that came with it is compared.
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets in force. Frozen; what was looked up is remembered beside them."""

    version: str
    files: Mapping[str, str]
    """Name of each file to the version that it gives itself."""
    categories: frozenset[str]
    exact: Mapping[str, Mapping[str, frozenset[tuple[str, str]]]] = field(repr=False)
    """By system: normalized code to (category, file)."""
    prefixes: Mapping[str, Mapping[str, frozenset[tuple[str, str]]]] = field(repr=False)
    words: tuple[tuple[bytes, re.Pattern[bytes], str, str], ...] = field(repr=False)
    """(what must be there, how it must stand, category, file)."""
    systems: Mapping[str, frozenset[str]] = field(repr=False)
    """Address of a code system, lower case, to its short names."""
    shapes: Mapping[str, re.Pattern[str]] = field(repr=False)
    minor_until: int = 18
    minor_from: Mapping[str, int] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.version)


@cache
def default_sets() -> Sets:
    """The sets that come with the program."""
    return read_sets(_texts(resources.files("interpayer.normalization.labeling").joinpath("sets")))


def load_sets(folder: Path | None) -> Sets:
    """The built-in sets with those of a plan's own folder over them; ValueError names the file and what is wrong."""
    if folder is None:
        return default_sets()
    if not folder.is_dir():
        raise ValueError(f"{folder}: no folder of value sets")
    built_in = _texts(resources.files("interpayer.normalization.labeling").joinpath("sets"))
    return read_sets({**built_in, **_texts(folder)})


def read_sets(texts: Mapping[str, str]) -> Sets:
    """The sets out of the texts of their files; ValueError names the file and what is wrong."""
    read = {name: _document(name, texts[name]) for name in sorted(texts)}
    digest = hashlib.sha256("\0".join(f"{name}\0{texts[name]}" for name in sorted(texts)).encode()).hexdigest()
    systems = _systems(read)
    exact: dict[str, dict[str, frozenset[tuple[str, str]]]] = {}
    prefixes: dict[str, dict[str, frozenset[tuple[str, str]]]] = {}
    words: list[tuple[bytes, re.Pattern[bytes], str, str]] = []
    sets = {name: document for name, document in read.items() if document["kind"] == "set"}
    for name, document in sets.items():
        _add_codes(name, document, systems, exact=exact, prefixes=prefixes)
        words += [_word(name, word, document["category"]) for word in document.get("words", ())]
    minors = next((document for document in read.values() if document["kind"] == "minors"), {})
    return Sets(
        version=f"labels@{digest[:12]}",
        files={name: str(document["version"]) for name, document in read.items()},
        categories=frozenset(document["category"] for document in sets.values()),
        exact=exact,
        prefixes=prefixes,
        words=tuple(words),
        systems=_addresses(systems),
        shapes={name: re.compile(s["known_by_shape"]) for name, s in systems.items() if "known_by_shape" in s},
        minor_until=int(minors.get("until", 18)),
        minor_from={str(category): int(age) for category, age in minors.get("from", {}).items()},
    )


@lru_cache(maxsize=_REMEMBERED)
def places_of(sets: Sets, code: str) -> frozenset[tuple[str, str, str]]:
    """(system, category, file) wherever some set has this code, whatever system it came with; mostly empty."""
    found: set[tuple[str, str, str]] = set()
    for system in sets.exact.keys() | sets.prefixes.keys():
        spelled = normalized(system, code)
        by_prefix = sets.prefixes.get(system, {})
        hits = set(sets.exact.get(system, {}).get(spelled, ()))
        for length in range(1, len(spelled) + 1):
            hits |= by_prefix.get(spelled[:length], frozenset())
        found |= {(system, category, name) for category, name in hits}
    return frozenset(found)


def is_meant(sets: Sets, system: object, code: str, *, by: str) -> bool:
    """Whether a code with this address beside it is one of the system `by`; unknown addresses go by shape."""
    names = sets.systems.get(system.strip().lower()) if isinstance(system, str) else None
    if names is not None:
        return by in names
    shape = sets.shapes.get(by)
    return shape is not None and shape.fullmatch(normalized(by, code)) is not None


def normalized(system: str, code: str) -> str:
    """One spelling: upper case, no dots and hyphens that only help the eye. ICD-9 procedures (NN.NN) stay apart."""
    text = code.strip().upper()
    if system == "icd-9-cm":
        return f"P{text.replace('.', '')}" if text[2:3] == "." else text.replace(".", "")
    if system in ("icd-10-cm", "icd-10-pcs"):
        return text.replace(".", "")
    if system == "ndc":
        return text.replace("-", "")
    return text.zfill(4) if system == "revenue" and text.isdigit() else text


def _add_codes(
    name: str,
    document: Mapping[str, Any],
    systems: Mapping[str, Any],
    *,
    exact: dict[str, dict[str, frozenset[tuple[str, str]]]],
    prefixes: dict[str, dict[str, frozenset[tuple[str, str]]]],
) -> None:
    told = frozenset({(str(document["category"]), name)})
    for system, code in _codes_in(name, document):
        if system not in systems:
            raise ValueError(f"{name}: {system!r} is no code system of systems.yaml")
        spelled = normalized(system, code.rstrip("*"))
        if not spelled:
            raise ValueError(f"{name}: {code!r} would mean every code")
        by_code = (prefixes if code.endswith("*") else exact).setdefault(system, {})
        by_code[spelled] = by_code.get(spelled, frozenset()) | told


def _codes_in(name: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for system, entries in (document.get("codes") or {}).items():
        for entry in entries:
            for code in _expanded(name, str(entry)):
                yield system, code


def _expanded(name: str, entry: str) -> Iterator[str]:
    """`H0005..H0016` is each code between; `F10..F16*` is each prefix between; anything else is itself."""
    first, dots, last = entry.partition("..")
    if not dots:
        yield entry
        return
    star = "*" if last.endswith("*") else ""
    last = last.rstrip("*")
    stem = re.match(r".*?(?=[0-9]+$)", first)
    lead = stem.group() if stem else ""
    low, high = first[len(lead) :], last[len(lead) :]
    if not (low.isdigit() and high.isdigit() and len(low) == len(high) and last.startswith(lead) and low <= high):
        raise ValueError(f"{name}: {entry!r} is no range of codes")
    for number in range(int(low), int(high) + 1):
        yield f"{lead}{number:0{len(low)}d}{star}"


def _word(name: str, word: object, category: str) -> tuple[bytes, re.Pattern[bytes], str, str]:
    text = str(word).strip().lower()
    stem = text.rstrip("*")
    if len(stem) < 3:
        raise ValueError(f"{name}: {word!r} is too short for a word")
    ends = b"" if text.endswith("*") else rb"(?![a-z0-9])"
    return stem.encode(), re.compile(rb"(?<![a-z0-9])" + re.escape(stem.encode()) + ends), category, name


def _document(name: str, text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: no YAML") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("kind") not in _KEYS:
        raise ValueError(f"{name}: format 1 and a kind (set, minors, systems) are needed")
    unknown = set(document) - {"format", "kind", "version"} - _KEYS[document["kind"]]
    if unknown or "version" not in document:
        raise ValueError(f"{name}: unknown or missing {sorted(unknown) or ['version']}")
    if document["kind"] == "set" and not _NAME.fullmatch(str(document.get("category"))):
        raise ValueError(f"{name}: the category is lower-case letters and underscores")
    return document


def _systems(read: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        system: told for document in read.values() if document["kind"] == "systems"
        for system, told in document["systems"].items()
    }  # fmt: skip


def _addresses(systems: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, told in systems.items():
        for url in told["urls"]:
            found.setdefault(str(url).lower(), set()).add(name)
    return {url: frozenset(names) for url, names in found.items()}


def _texts(folder: Traversable | Path) -> dict[str, str]:
    return {f.name: f.read_text("utf-8") for f in folder.iterdir() if f.name.endswith(".yaml")}
