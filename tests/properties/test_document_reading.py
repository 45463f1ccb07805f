"""Laws of the document reader: whatever bytes come, they are passed on whole, or left out with a reason."""

import base64
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.adapters.documents.index import read_index
from interpayer.adapters.documents.reading import read_document

CDA = (
    b'<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2" extension="D"/><code code="34133-9"/><recordTarget>'
    b'<patientRole><id root="1.3" extension="7"/></patientRole></recordTarget><title>T</title></ClinicalDocument>'
)
STARTS = [
    b"%PDF-",
    b"\x89PNG\r\n\x1a\n",
    b"<ClinicalDocument",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"{\\rtf",
    b"text ",
    b"",
]


@settings(max_examples=200, deadline=1000)
@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_any_bytes_are_passed_on_whole_or_left_out_with_a_reason(start: bytes, rest: bytes) -> None:
    (found,) = read_document(BytesIO(start + rest), "7/x")
    assert (found.content is None) == (found.problem is not None)
    assert bool(found.detail) == (found.content is None)
    if found.content is not None:
        assert base64.b64decode(found.content["base64"]) == start + rest


@settings(max_examples=200, deadline=1000)
@given(st.lists(st.tuples(st.integers(0, len(CDA) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(CDA)))
def test_a_damaged_clinical_document_is_never_more_than_refused(edits: list[tuple[int, int]], end: int) -> None:
    raw = bytearray(CDA[:end])
    for place, byte in edits:
        if place < len(raw):
            raw[place] = byte
    (found,) = read_document(BytesIO(bytes(raw)), "x")
    assert (found.content is None) == (found.problem is not None)


@settings(max_examples=150, deadline=1000)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"file,member\n{text}".encode())))
def test_any_index_is_read_to_its_end(raw: bytes) -> None:
    rows = read_index(raw, "a/index.csv")
    assert all(row.position >= 1 and (row.problem or row.file) for row in rows)
