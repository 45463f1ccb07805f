"""Laws of the X12 reader: it reads whatever comes, gives nobody another's record, loses nothing, never runs away."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.adapters.base import Found
from interpayer.adapters.x12.reading import read_again, read_x12
from tests.support.x12 import a_claim, a_payment, a_subscriber, claim_set, interchange, read

PATIENTS = claim_set(
    *(a_subscriber(a_claim(f"{n}-A"), a_claim(f"{n}-B"), member=f"OWN{n}", name=f"ROE{n}*RITA") for n in range(3))
)
GOOD = interchange("837P", PATIENTS)
PAYMENTS = interchange("835", a_payment("C-1"), a_payment("C-2"))
SEGMENTS = GOOD.decode("latin-1").split("~")[:-1]
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([
        GOOD[:106], b"ISA", b"~", b"*", b":", b"GS*HC*A*B*20240101*1200*1*X*005010X222A1~", b"ST*837*1*005010X222A1~",
        b"HL*1**20*1~", b"HL*2*1*22*0~", b"CLM*1*1***11:B:1~", b"LX*1~", b"SE*1*1~", b"GE*1*1~", b"IEA*1*1~",
        b"NM1*IL*1*A~", b"HI*ABK:1~", b"CAS*CO*1*2~", b"\x00", b"\xef\xbb\xbf", b"INS*Y*18*021~", b"CLP*1*1*1*1**12~",
    ]),
)  # fmt: skip
FILES = st.lists(PIECES, max_size=30).map(b"".join)


def belongings(found: list[Found]) -> set[tuple[str, str]]:
    """Whose member number each claim was read with."""
    contents = [one.content for one in found if one.content]
    return {(one["subscriber"]["person"].get("NM109", ""), one["claim"]["CLM01"]) for one in contents}


WHOLE = belongings(read(GOOD))


def joined(segments: list[str]) -> bytes:
    return "".join(f"{one}~" for one in segments).encode("latin-1")


@settings(max_examples=300, deadline=None)
@given(FILES)
def test_any_bytes_are_read_to_the_end(raw: bytes) -> None:
    for found in read(raw):
        assert (found.content is None) == (found.problem is not None)
        assert found.position >= 1 and (found.problem is None or found.detail)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD)), st.binary(max_size=6), st.integers(0, 40))
def test_damage_anywhere_gives_no_claim_to_another_person(at: int, put: bytes, gone: int) -> None:
    found = read(GOOD[:at] + put + GOOD[at + gone :])
    for member, claim in belongings(found):
        # What was hit itself may now be a number that nobody has: it finds nobody.
        assert (member, claim) in WHOLE or _is_new(member) or _is_new(claim)


def _is_new(text: str) -> bool:
    return text not in {one for pair in WHOLE for one in pair}


def test_no_lost_segment_gives_a_claim_to_another_person() -> None:
    for at in range(len(SEGMENTS)):
        found = read(joined(SEGMENTS[:at] + SEGMENTS[at + 1 :]))
        assert belongings(found) <= WHOLE, SEGMENTS[at]
        assert len(found) >= 1
        assert any(one.problem for one in found), SEGMENTS[at]


MEMBERS = ["BGN*00*E1*20240312*0915****2", "N1*P5*OWN EMPLOYER*FI*1", "N1*IN*OWN PLAN*FI*2"] + [
    segment
    for n in range(3)
    for segment in (
        "INS*Y*18*021*20*A***FT", f"REF*0F*OWN{n}", f"NM1*IL*1*ROE{n}*RITA", "N3*9 ELM ST", f"DMG*D8*1991040{n + 1}*F",
        f"HD*021**HLT*PLAN{n}", "DTP*348*D8*20240101",
    )
]  # fmt: skip
PAID = [*a_payment("C-0"), *(s.replace("OWN0007", f"OWN{n}") for n in (1, 2) for s in a_payment(f"C-{n}")[8:])]
REVIEWS = ["BHT*0007*11*R51*20240402*1130*18", "HL*1**20*1", "NM1*X3*2*OWN PLAN*****PI*OP1", "HL*2*1*21*1",
           "NM1*1P*2*OWN CLINIC*****XX*1234567893"] + [
    segment
    for n in range(3)
    for segment in (
        f"HL*{3 + 3 * n}*2*22*1", f"NM1*IL*1*ROE{n}*RITA****MI*OWN{n}", "DMG*D8*19910402*F",
        f"HL*{4 + 3 * n}*{3 + 3 * n}*EV*1", f"TRN*2*T-{n}*9", "UM*HS*I*42", f"HCR*A1*AUTH-{n}", "HI*ABK:S83511A",
        f"HL*{5 + 3 * n}*{4 + 3 * n}*SS*0", "SV1*HC:97110**UN*12",
    )
]  # fmt: skip
TOLD = {
    "834": lambda one: (one["member"].get("REF_0F", [{}])[0].get("REF02"), one["member"]["person"].get("NM103")),
    "835": lambda one: (one["payment"]["patient"].get("NM109"), one["payment"]["CLP01"]),
    "278": lambda one: (one["subscriber"]["person"].get("NM109"), one["event"].get("HCR02")),
}


@pytest.mark.parametrize(("kind", "segments"), [("834", MEMBERS), ("835", PAID), ("278", REVIEWS)])
def test_no_lost_segment_mixes_two_people(kind: str, segments: list[str]) -> None:
    told = TOLD[kind]
    whole = {told(one.content) for one in read(interchange(kind, segments)) if one.content}
    assert len(whole) == 3
    for length in (1, 2, 4):
        for at in range(len(segments) - length + 1):
            found = read(interchange(kind, segments[:at] + segments[at + length :]))
            mixed = {told(one.content) for one in found if one.content} - whole
            assert not [pair for pair in mixed if None not in pair], (at, segments[at], mixed)


def test_no_two_lost_segments_in_a_row_give_a_claim_to_another_person() -> None:
    for length in (2, 3, 5, 12):
        for at in range(1, len(SEGMENTS) - length):
            assert belongings(read(joined(SEGMENTS[:at] + SEGMENTS[at + length :]))) <= WHOLE, (at, length)


def test_no_segment_in_a_wrong_place_gives_a_claim_to_another_person() -> None:
    for at in range(3, len(SEGMENTS) - 4, 3):
        for to in range(3, len(SEGMENTS) - 4, 7):
            rest = SEGMENTS[:at] + SEGMENTS[at + 1 :]
            assert belongings(read(joined([*rest[:to], SEGMENTS[at], *rest[to:]]))) <= WHOLE, (at, to)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([GOOD, PAYMENTS]), min_size=1, max_size=4), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_valid_files_are_read_alike_however_they_are_laid_out(parts: list[bytes], ends: bytes) -> None:
    plain = read(b"".join(parts))
    laid_out = read(b"".join(part.replace(b"~", b"~" + ends) for part in parts))
    assert [one.content for one in laid_out] == [one.content for one in plain]
    assert [one.key for one in laid_out] == [one.key for one in plain]
    assert all(one.content is not None for one in plain)


def test_each_record_says_the_same_when_it_is_read_again() -> None:
    for found in [*read(GOOD), *read(PAYMENTS)]:
        assert found.content is not None
        assert read_again(found.raw, found.file).content == found.content


class _Endless:
    """A file that begins like this and then repeats a piece up to a length; never all in memory."""

    def __init__(self, head: bytes, piece: bytes, length: int) -> None:
        self.head = head
        self.block = piece * (1 + (1 << 15) // len(piece))
        self.left = length

    def read(self, size: int) -> bytes:
        if self.head:
            head, self.head = self.head, b""
            return head
        taken = self.block[: min(size, self.left, len(self.block))]
        self.left -= len(taken)
        return taken


@pytest.mark.parametrize(
    ("piece", "length"),
    [(b"A", 48 << 20), (b"~", 8 << 20), (b"NTE*ADD*X~", 1 << 20), (b"ISA*", 1 << 18), (b"HL*1*1*22*0~", 1 << 19)],
)
def test_memory_is_bounded_whatever_comes(piece: bytes, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAVIEST_RECORD", "HEAVIEST_CONTEXT", "MOST_HELD"):
        monkeypatch.setattr(f"interpayer.adapters.x12.transaction.{name}", 1 << 16)
    source = _Endless(GOOD[: GOOD.index(b"HI*")], piece, length)
    tracemalloc.start()
    assert sum(1 for _ in read_x12(source, "endless.x12")) >= 1  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20


def test_records_without_end_are_given_as_they_come() -> None:
    source = _Endless(GOOD[: GOOD.index(b"CLM*")], b"CLM*1*1***11:B:1~", 1 << 22)
    first = [found for found, _ in zip(read_x12(source, "endless.x12"), range(50), strict=False)]  # type: ignore[arg-type]
    assert len(first) == 50 and source.left > 0
