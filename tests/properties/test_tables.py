"""Laws of reading tables: any bytes, no crash, nothing lost; what was written is read; no matter the order of rows."""

import csv
import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.adapters.base import Found
from interpayer.adapters.tables.reading import read_delimited
from interpayer.adapters.tables.spec import table_spec

# What csv writes as it stands; spaces around a value are cut when it is read.
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=6)
VALUES = st.builds(
    lambda a, middle, b: f"{a}{middle}{b}", CELLS, st.sampled_from(["", ",", '"', '""', "\n", " "]), CELLS
)
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=8)
BYTES = st.lists(
    st.sampled_from(
        [b"A", b"B", b",", b"|", b'"', b"\n", b"\r", b"\r\n", b" ", b"\xff", b"\x00", b"\xef\xbb\xbf", b"1"]
    ),
    max_size=60,
)


def read(raw: bytes, **options: Any) -> list[Found]:
    return list(read_delimited(io.BytesIO(raw), "f", table_spec("row", options)))


@settings(max_examples=120, deadline=None)
@given(BYTES, st.sampled_from([",", "|"]), st.booleans())
def test_any_bytes_are_read_and_every_line_is_accounted_for(parts: list[bytes], delimiter: str, grouped: bool) -> None:
    raw = b"".join(parts)
    found = read(raw, delimiter=delimiter, quote="", **({"group_by": "A"} if grouped else {}))
    assert all((one.content is None) == bool(one.problem) for one in found)
    ends = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    lines = [line for line in ends if line.strip()]
    kept = b"\n".join(one.raw for one in found).split(b"\n") if found else []
    head = lines[:1]
    assert sorted(line for line in lines[1:] if line not in head) == sorted(k for k in kept if k not in head) or (
        len(found) == 1 and found[0].problem is not None
    )


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_what_was_written_is_read(rows: list[tuple[str, str, str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("A", "B", "C"), *rows])
    found = read(out.getvalue().encode())
    assert [one.content for one in found] == [dict(zip("ABC", map(str.strip, row), strict=True)) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("xyz")), min_size=1, max_size=12), st.randoms())
def test_groups_gathered_from_anywhere_are_the_same_groups(rows: list[tuple[str, str]], dice: Any) -> None:
    def groups(given_rows: list[tuple[str, str]]) -> dict[str, list[str]]:
        raw = "\n".join(["K,V", *(",".join(row) for row in given_rows)]).encode()
        found = read(raw, group_by="K", grouping="whole")
        return {one.key: sorted(line["V"] for line in (one.content or {})["lines"]) for one in found}

    shuffled = list(rows)
    dice.shuffle(shuffled)
    assert groups(rows) == groups(shuffled) == groups(sorted(rows))
