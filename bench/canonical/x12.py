"""Reading X12 against pyx12 on the same transactions in the same run; ratios count.

python -m bench.canonical.x12 [--data DIR] [--rounds 3] [--times 20] [--json]

Ours is the whole reader: envelopes and counts checked, every segment put into its loop, composites, repetitions and
dates taken apart, one record with all it hangs on for each claim, payment and member. The baselines of pyx12 are its
reader of segments, which knows no loops (every element is read once, so that both gave all there is), and its reader
with maps, which knows them and checks more than ours. Its maps stop at the first errata: the version of the guide is
written as one that it knows, for all alike. Every value that pyx12 finds in a transaction set must stand in ours.
"""

import argparse
import io
import json
import logging
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyx12.error_handler
import pyx12.params
import pyx12.x12context
import pyx12.x12file

from interpayer.adapters.x12.reading import read_x12
from interpayer.adapters.x12.splitting import Run, split

DEFAULT_DATA = os.environ.get("INTERPAYER_TEST_DATA", "../shared")
# The versions that pyx12 has maps for.
KNOWN = {b"005010X222A2": b"005010X222A1", b"005010X223A3": b"005010X223A2"}
ENVELOPE = {"ISA", "IEA", "GS", "GE", "ST", "SE"}
READERS: dict[str, Callable[[Sequence[bytes]], int]] = {}


def _reader(function: Callable[[Sequence[bytes]], int]) -> Callable[[Sequence[bytes]], int]:
    READERS[function.__name__.strip("_").replace("_", " ")] = function
    return function


@_reader
def _interpayer(files: Sequence[bytes]) -> int:
    """As the product reads a feed: records with all they hang on."""
    return sum(1 for _ in read_x12(io.BytesIO(b"".join(files)), "bench"))


@_reader
def _interpayer_segments_only(files: Sequence[bytes]) -> int:
    """Segments and elements, no loops."""
    pieces = (piece for piece in split(io.BytesIO(b"".join(files))) if isinstance(piece, Run))
    return sum(len(text.split("*")) for piece in pieces for text in piece.texts)


@_reader
def _pyx12_segments_only(files: Sequence[bytes]) -> int:
    """X12Reader: segments and elements, no loops."""
    return sum(1 for _ in _values(b"".join(files)))


@_reader
def _pyx12_with_maps(files: Sequence[bytes]) -> int:
    """X12ContextReader: segments in their loops."""
    parameters, errors = pyx12.params.params(), pyx12.error_handler.errh_null()
    count = 0
    for raw in files:
        reader = pyx12.x12context.X12ContextReader(parameters, errors, io.StringIO(raw.decode("latin-1")))
        count += sum(1 for _ in reader.iter_segments())
    return count


def _values(raw: bytes) -> Iterator[tuple[str, str]]:
    """Every value pyx12 finds, with the tag of its segment."""
    for segment in pyx12.x12file.X12Reader(io.StringIO(raw.decode("latin-1"))):
        for *_, value in segment.values_iterator():
            if value:
                yield segment.get_seg_id(), value


def lost(files: Sequence[bytes]) -> dict[str, int]:
    """How many values of sound transactions ours does not have, by segment."""
    missing: dict[str, int] = {}
    for raw in files:
        found = list(read_x12(io.BytesIO(raw), "bench"))
        if any(one.problem or one.detail for one in found):
            continue
        ours = {value for one in found for value in _leaves(one.content)}
        for tag, value in _values(raw):
            if tag not in ENVELOPE and value not in ours:
                missing[tag] = missing.get(tag, 0) + 1
    return missing


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _leaves(inner)
    else:
        yield str(node)


def measure(files: Sequence[bytes], *, rounds: int, times: int) -> dict[str, float]:
    """Segments a second for each reader: the median of rounds that take turns; maps are slow, so they read once."""
    segments = sum(raw.count(b"~") for raw in files)
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, read in READERS.items():
            often = 1 if "maps" in name else times
            begin = time.perf_counter()
            read(list(files) * often)
            seconds[name].append((time.perf_counter() - begin) / often)
    return {name: segments / statistics.median(taken) for name, taken in seconds.items()}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path(DEFAULT_DATA))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--times", type=int, default=20)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    logging.disable(logging.CRITICAL)
    paths = sorted((chosen.data / "sample-data/x12").glob("*/83[457]_*/*"))
    files = [re.sub(b"|".join(KNOWN), lambda found: KNOWN[found.group()], path.read_bytes()) for path in paths]
    if not files:
        print(f"no X12 in {chosen.data}; set INTERPAYER_TEST_DATA")
        return
    rates, missing = measure(files, rounds=chosen.rounds, times=chosen.times), lost(files)
    if chosen.json:
        print(json.dumps({"files": len(files), "lost": missing, "segments_per_s": rates}))
        return
    print(f"{len(files)} files, {sum(raw.count(b'~') for raw in files)} segments, {chosen.rounds} rounds")
    for name, rate in rates.items():
        plain, maps = rate / rates["pyx12 segments only"], rate / rates["pyx12 with maps"]
        print(f"{name:26} {rate:12,.0f} segments/s {plain:7.1f} x its segments {maps:9.1f} x its maps")
    print(f"values of pyx12 that ours does not have: {missing or 0}")


if __name__ == "__main__":
    main()
