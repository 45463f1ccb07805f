"""Reading HL7 v2 against python-hl7 on the same messages in the same run; ratios count.

python -m bench.canonical.hl7v2 [--data DIR] [--rounds 5] [--json]

Ours is the whole reader: framing, characters, every field with its escapes undone, groups; of a message out of scope it
reads the header, as the product does (all segments: all of them, without groups). The baseline parses each
message and reads every component of every field through its own lookup, so that both gave all there is. Messages the
baseline refuses (a byte order mark) are handed to it without it. Every value the baseline finds must stand in ours.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import hl7

from interpayer.adapters.hl7v2.parsing import read_segments
from interpayer.adapters.hl7v2.reading import read_hl7v2

DEFAULT_DATA = os.environ.get("INTERPAYER_TEST_DATA", "../shared")
PARSERS: dict[str, Callable[[Sequence[bytes]], int]] = {}


def _parser(function: Callable[[Sequence[bytes]], int]) -> Callable[[Sequence[bytes]], int]:
    PARSERS[function.__name__.strip("_").replace("_", " ")] = function
    return function


@_parser
def _interpayer(messages: Sequence[bytes]) -> int:
    """As the product reads a feed: one stream, everything it is given."""
    return sum(1 for _ in read_hl7v2(BytesIO(b"\r".join(messages)), "bench"))


@_parser
def _interpayer_file_by_file(messages: Sequence[bytes]) -> int:
    """Each message a stream of its own, so nothing is remembered from one to the next."""
    return sum(1 for raw in messages for _ in read_hl7v2(BytesIO(raw), "bench"))


@_parser
def _interpayer_all_segments(messages: Sequence[bytes]) -> int:
    """Every segment of every message, the ones out of scope included, nothing remembered."""
    return sum(len(read_segments(raw.decode("utf-8-sig"))) for raw in messages)


@_parser
def _python_hl7_parse(messages: Sequence[bytes]) -> int:
    return sum(len(hl7.parse(_plain(raw))) for raw in messages)


@_parser
def _python_hl7_parse_and_unescape(messages: Sequence[bytes]) -> int:
    return sum(1 for raw in messages for _ in _values(hl7.parse(_plain(raw))))


def _plain(raw: bytes) -> str:
    return raw.decode("utf-8-sig").replace("\r\n", "\r").replace("\n", "\r")


def _values(message: Any) -> Any:
    """Every text of the message, unescaped."""
    for segment in message:
        for field in list(segment)[1:] if str(segment[0]) != "MSH" else list(segment)[3:]:
            yield from _leaves(message, field)


def _leaves(message: Any, part: Any) -> Any:
    if isinstance(part, str):
        if part.strip() and part != '""':
            yield message.unescape(part).strip()
    else:
        for inner in part:
            yield from _leaves(message, inner)


def lost(messages: Sequence[bytes]) -> int:
    """How many values the baseline finds that stand nowhere in ours; escapes are known by neither in the same way."""
    count = 0
    for raw in messages:
        ours = {
            value
            for _, segment in read_segments(raw.decode("utf-8-sig"))
            for field in segment.values()
            for repetition in field
            for value in repetition.values()
        }
        theirs = [value for value in _values(hl7.parse(_plain(raw))) if "\\" not in value]
        count += sum(1 for value in theirs if value not in ours)
    return count


def measure(messages: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Messages a second for each parser: the median of rounds that take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in PARSERS}
    for _ in range(rounds):
        for name, parse in PARSERS.items():
            begin = time.perf_counter()
            parse(messages)
            seconds[name].append(time.perf_counter() - begin)
    return {name: len(messages) / statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path(DEFAULT_DATA))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    messages = [file.read_bytes() for file in sorted((chosen.data / "sample-data/hl7v2").glob("*.hl7"))]
    if not messages:
        print(f"no HL7 v2 messages in {chosen.data}; set INTERPAYER_TEST_DATA")
        return
    rates = measure(messages, chosen.rounds)
    baseline = rates["python hl7 parse and unescape"]
    if chosen.json:
        print(json.dumps({"messages": len(messages), "lost": lost(messages), "per_s": rates}))
        return
    print(f"{len(messages)} messages, {sum(map(len, messages)) / len(messages):.0f} bytes each, {chosen.rounds} rounds")
    for name, rate in rates.items():
        print(f"{name:32} {rate:10,.0f} messages/s  {rate / baseline:6.1f} x python-hl7")
    print(f"values of python-hl7 that ours does not have: {lost(messages)}")


if __name__ == "__main__":
    main()
