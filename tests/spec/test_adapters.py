"""What every adapter of files keeps to, as a table: each case runs against each kind. A new kind adds its samples here.

Live sources keep to the same words; their bad days are in tests/stories/test_fhir_source.py.
"""

import gzip
import io
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.catalog import FILE_KINDS, InFiles
from interpayer.model.reason import REASONS
from tests.support.sources import a_declaration, a_workshop
from tests.support.x12 import a_claim, a_subscriber, claim_set, interchange

MESSAGE = (
    "MSH|^~\\&|LAB|CLINIC|PLAN|PLAN|20260301101500||ADT^A01|{n}|P|2.5\rEVN|A01|20260301101500\r"
    "PID|1||{n}^^^CLINIC^MR||ROE^RITA||19910402|F\rPV1|1|I|W^1^1\r"
)
# No record may tell it where others read: it stands where records are damaged.
SECRET = "ZZSECRETZZ"
# A fault of ours is caught, and is never the right answer.
NAMED = set(REASONS) - {"system.bug"}


@dataclass(frozen=True, slots=True)
class Sample:
    """How one kind writes: a good file of `n` records, damage that follows on it, and what a declaration adds."""

    good: Callable[[int], bytes]
    damage: bytes
    suffix: str
    more: str = ""
    # One record is one file, in the folder of its member; else a file holds many.
    is_whole: bool = False
    # The reader works through this much at once; a file is larger than what may be read for the first record.
    ahead: int = 1 << 20


def _claims(n: int) -> bytes:
    return b"".join(interchange("837P", claim_set(a_subscriber(a_claim(f"C-{i}"))), control=i + 1) for i in range(n))


SAMPLES = {
    "fhir_files": Sample(
        lambda n: b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % i for i in range(n)),
        f'{{"resourceType":"Patient","id":"{SECRET}\n'.encode(),
        ".ndjson",
    ),
    "x12": Sample(_claims, f"ISA*00*{SECRET}".encode(), ".x12"),
    "hl7v2": Sample(
        lambda n: "".join(MESSAGE.format(n=i) for i in range(n)).encode(),
        f"MSH|^~\\&|LAB|CLINIC|PLAN|PLAN|20260301||ADT^A01|9|P|2.5\r{SECRET}|1\r".encode(),
        ".hl7",
    ),
    "tables": Sample(
        lambda n: b"ID,NAME\n" + b"".join(b"%d,Roe\n" % i for i in range(n)),
        f"7,{SECRET},one field too many\n".encode(),
        ".csv",
        'entities: {row: {file: "*.csv", key: ID}}\n',
    ),
}
SAMPLES["documents"] = Sample(
    lambda _: b"A letter about nothing in particular.\n",
    f'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>{SECRET}'.encode(),
    ".txt",
    is_whole=True,
)
KINDS = sorted(SAMPLES)
STREAMS = sorted(kind for kind in FILE_KINDS if not SAMPLES[kind].is_whole)


def opened(folder: Path, kind: str) -> InFiles:
    declaration = a_declaration(folder, f"source: it\nkind: {kind}\nwhere: {{path: in}}\n{SAMPLES[kind].more}")
    source = a_workshop().source(declaration)
    assert isinstance(source, InFiles)
    return source


def write(folder: Path, kind: str, files: dict[str, bytes]) -> None:
    """Documents lie in the folder of whom they are about."""
    place = folder / "in" / "77012" if SAMPLES[kind].is_whole else folder / "in"
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)


def read(folder: Path, kind: str, content: bytes, *, suffix: str = "") -> list[Found]:
    """What is found in one file of this content."""
    write(folder, kind, {f"0{suffix or SAMPLES[kind].suffix}": content})
    return list(opened(folder, kind).read())


def read_good(folder: Path, kind: str, n: int, *, damage: bytes = b"", pack: bool = False) -> list[Found]:
    """What is found in `n` good records with this damage after them."""
    sample = SAMPLES[kind]
    packed = (lambda raw: gzip.compress(raw)) if pack else (lambda raw: raw)
    suffix = sample.suffix + (".gz" if pack else "")
    if sample.is_whole:
        files = {f"{i}{suffix}": packed(sample.good(1)) for i in range(n)}
        write(folder, kind, files | ({f"9{suffix}": packed(damage)} if damage else {}))
    else:
        write(folder, kind, {f"0{suffix}": packed(sample.good(n) + damage)})
    return list(opened(folder, kind).read())


def test_every_kind_of_files_has_samples() -> None:
    assert set(FILE_KINDS) | {"tables"} == set(SAMPLES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_is_good_records_in_order(tmp_path: Path, kind: str) -> None:
    found = read_good(tmp_path, kind, 3)
    assert [one.problem for one in found] == [None] * 3
    assert all(one.entity and one.content and one.raw for one in found)
    places = [(one.file, one.position) for one in found]
    assert places == sorted(set(places))
    assert places[0][1] >= 1
    # what a mapping reads is plain JSON
    assert all(orjson.dumps(one.content) for one in found)


@pytest.mark.parametrize("kind", KINDS)
def test_reading_again_gives_the_same(tmp_path: Path, kind: str) -> None:
    first = read_good(tmp_path, kind, 2, damage=SAMPLES[kind].damage)
    assert [str(one) for one in first] == [str(one) for one in opened(tmp_path, kind).read()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_file_is_the_same_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "plain").mkdir()
    plain = read_good(tmp_path / "plain", kind, 3)
    packed = read_good(tmp_path, kind, 3, pack=True)
    assert [(one.entity, one.raw, one.position, one.problem) for one in packed] == [
        (one.entity, one.raw, one.position, None) for one in plain
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_named_and_the_healthy_part_is_used(tmp_path: Path, kind: str) -> None:
    found = read_good(tmp_path, kind, 2, damage=SAMPLES[kind].damage)
    assert sum(one.content is not None for one in found) == 2
    (bad,) = [one for one in found if one.content is None]
    assert bad.problem in NAMED
    assert bad.detail
    assert SECRET not in bad.detail + bad.file + bad.entity


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n\n", b"\xef\xbb\xbf", bytes(range(256)) * 8, b"\x00" * 4096, b"PK\x03\x04", b"<html>", b"ISA", b"MSH|"],
    ids=lambda content: repr(content[:6]),
)
def test_any_bytes_end_in_words(tmp_path: Path, kind: str, content: bytes) -> None:
    for one in read(tmp_path, kind, content):
        assert one.content is not None or (one.problem in NAMED and one.detail)


@pytest.mark.parametrize("kind", KINDS)
def test_any_damage_to_a_good_file_ends_in_words(tmp_path: Path, kind: str) -> None:
    chance = random.Random(4)
    good = SAMPLES[kind].good(2)
    for _ in range(20):
        cut = bytearray(good)
        for _ in range(3):
            place = chance.randrange(len(cut))
            cut[place : place + chance.randrange(4)] = bytes([chance.randrange(256)])
        for one in read(tmp_path, kind, bytes(cut)):
            assert one.content is not None or (one.problem in NAMED and one.detail)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_package_is_named(tmp_path: Path, kind: str) -> None:
    packed = gzip.compress(SAMPLES[kind].good(3))
    found = read(tmp_path, kind, packed[: len(packed) // 2], suffix=f"{SAMPLES[kind].suffix}.gz")
    assert found[-1].problem == "source.invalid"


@pytest.mark.parametrize("kind", STREAMS)
def test_the_first_record_does_not_wait_for_the_last(kind: str) -> None:
    sample = SAMPLES[kind]
    piece = sample.good(200)
    whole = piece * (8 * sample.ahead // len(piece) + 1)
    file = io.BytesIO(whole)
    first = next(FILE_KINDS[kind].reader(file, f"a{sample.suffix}"))
    assert first.content is not None
    assert file.tell() <= 2 * sample.ahead < len(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_no_adapter_knows_who_is_meant(tmp_path: Path, kind: str) -> None:
    """The bytes kept are the record as it came: nothing is added to it, and nothing is taken away."""
    good = SAMPLES[kind].good(3)
    for one in read(tmp_path, kind, good):
        assert all(part in good for part in itertools.chain(one.raw.split(b"~"), one.raw.splitlines()))
