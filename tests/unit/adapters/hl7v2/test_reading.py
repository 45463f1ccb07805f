import base64
from io import BytesIO

import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.hl7v2.reading import read_hl7v2

PID = "PID|1||77^^^PLAN^MR||DOE^JANE"


def _read(*lines: str, head: str = "ADT^A01", version: str = "2.5") -> list[Found]:
    begin = f"MSH|^~\\&|A|B|||20260101||{head}|C-1|P|{version}"
    return list(read_hl7v2(BytesIO("\r".join([begin, *lines]).encode()), "feed.hl7"))


def test_a_message_is_a_record_with_its_place_and_its_key() -> None:
    (found,) = _read(PID, "PV1|1|I", "AL1|1||x", "AL1|2||y")
    assert (found.entity, found.file, found.position, found.key, found.problem) == (
        "hl7v2.ADT", "feed.hl7", 1, "C-1", None,
    )  # fmt: skip
    assert found.content is not None
    assert found.content["event"] == "A01"
    assert found.content["PV1"] == {"1": [{"1": "1"}], "2": [{"1": "I"}]}
    assert [one["3"] for one in found.content["AL1"]] == [[{"1": "x"}], [{"1": "y"}]]


def test_results_are_grouped_by_order_with_their_notes() -> None:
    lines = ("ORC|RE", "OBR|1", "NTE|1||of the order", "OBX|1", "NTE|1||of the value", "OBX|2", "OBR|2", "OBX|1")
    (found,) = _read(PID, *lines, head="ORU^R01")
    assert found.content is not None
    first, second = found.content["results"]
    assert set(first) == {"ORC", "OBR", "OBX"}
    assert first["OBR"]["NTE"][0]["3"] == [{"1": "of the order"}]
    assert first["OBX"][0]["NTE"][0]["3"] == [{"1": "of the value"}]
    assert len(first["OBX"]) == 2
    assert set(second) == {"OBR", "OBX"}


def test_results_of_several_people_are_several_records() -> None:
    found = _read(PID, "OBR|1", "OBX|1", PID.replace("77", "78"), "OBR|1", "OBX|1", head="ORU^R01")
    assert [one.key for one in found] == ["C-1", "C-1#2"]
    contents = [one.content or {} for one in found]
    assert [content["PID"]["3"][0]["1"] for content in contents] == ["77", "78"]
    assert [len(content["results"]) for content in contents] == [1, 1]


def test_vaccinations_are_grouped_with_their_observations() -> None:
    (found,) = _read(PID, "ORC|RE", "RXA|0|1", "RXR|IM", "OBX|1", "ORC|RE", "RXA|0|2", head="VXU^V04")
    assert found.content is not None
    assert [sorted(order) for order in found.content["orders"]] == [["OBX", "ORC", "RXA", "RXR"], ["ORC", "RXA"]]


@pytest.mark.parametrize(
    ("head", "version", "problem", "words"),
    [
        ("SIU^S12", "2.5", "record.out_of_scope", "an appointment"),
        ("QQQ^Q01", "2.5", "record.out_of_scope", "not known here"),
        ("ADT^A29", "2.5", "record.out_of_scope", "deletes a person"),
        ("ADT^A01", "3.0", "record.unsupported_version", "MSH-12"),
        ("", "2.5", "record.invalid", "MSH-9"),
    ],
)
def test_what_is_not_mapped_is_named_with_its_reason(head: str, version: str, problem: str, words: str) -> None:
    (found,) = _read(PID, head=head, version=version)
    assert found.problem == problem
    assert words in found.detail
    assert found.content is None


@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ((), "PID: is missing, so nobody is named"),
        ((PID, PID), "PID: stands twice"),
        ((PID, "what"), "segment 3: does not begin with the name of a segment"),
    ],
)
def test_a_damaged_message_says_where(lines: tuple[str, ...], detail: str) -> None:
    (found,) = _read(*lines)
    assert (found.problem, found.detail, found.content) == ("record.invalid", detail, None)
    assert found.raw.startswith(b"MSH")


def test_the_healthy_messages_around_a_damaged_one_are_used() -> None:
    good = f"MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5\r{PID}\r".encode()
    found = list(read_hl7v2(BytesIO(good + b"MSH|^~\\&|A\rPID|\xff\r" + good), "feed"))
    assert [(one.position, one.problem) for one in found] == [(1, None), (2, "record.invalid"), (3, None)]


def test_a_batch_that_counts_wrong_is_reported() -> None:
    message = f"MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5\r{PID}\r"
    right = list(read_hl7v2(BytesIO(f"BHS|^~\\&|A\r{message}BTS|1\r".encode()), "feed"))
    wrong = list(read_hl7v2(BytesIO(f"BHS|^~\\&|A\r{message}BTS|2\r".encode()), "feed"))
    assert [one.problem for one in right] == [None]
    assert [(one.problem, one.detail) for one in wrong][1:] == [
        ("source.invalid", "BTS-1 counts 2 messages, 1 came"),
    ]


def test_assumed_characters_are_remarked() -> None:
    raw = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5\rPID|||1||José".encode("latin-1")
    (found,) = read_hl7v2(BytesIO(raw), "feed")
    assert found.problem is None
    assert "ISO 8859-1" in found.detail


def test_a_document_is_put_together_from_its_lines() -> None:
    lines = ("TXA|1|PN|TX", "OBX|1|TX|n^Note||first~second", "OBX|2|FT|n^Note||third")
    (found,) = _read(PID, *lines, head="MDM^T02")
    assert found.content is not None
    document = found.content["document"]
    assert document["media_type"] == "text/plain; charset=utf-8"
    assert base64.b64decode(document["base64"]).decode() == "first\nsecond\nthird"


@pytest.mark.parametrize(
    ("data", "media_type", "raw"),
    [
        ("^application^pdf^Base64^JVBERi0=", "application/pdf", b"%PDF-"),
        ("^TEXT^x-hl7-cda-level-one^Base64^PGEvPg==", "text/xml", b"<a/>"),
        ("^IM^JPEG^Hex^FFD8", "image/jpeg", b"\xff\xd8"),
        ("^^^A^plain words", "application/octet-stream", b"plain words"),
    ],
)
def test_an_encapsulated_document_is_given_as_it_is(data: str, media_type: str, raw: bytes) -> None:
    (found,) = _read(PID, "TXA|1|PN", f"OBX|1|ED|n^Note||{data}", head="MDM^T02")
    assert found.content is not None
    assert found.content["document"]["media_type"] == media_type
    assert base64.b64decode(found.content["document"]["base64"]) == raw


@pytest.mark.parametrize(
    ("data", "words"),
    [("^application^pdf^Base64^", "no content"), ("^application^pdf^Base64^!!!", "not what their encoding says")],
)
def test_a_document_without_usable_content_is_damage(data: str, words: str) -> None:
    (found,) = _read(PID, "TXA|1|PN", f"OBX|1|ED|n^Note||{data}", head="MDM^T02")
    assert found.problem == "record.invalid"
    assert words in found.detail


def test_repetitions_of_a_text_are_its_lines_and_of_a_number_its_values() -> None:
    (found,) = _read(PID, "OBR|1", "OBX|1|TX|a||x~y", "OBX|2|NM|b||1~2", "NTE|1||p~q", head="ORU^R01")
    assert found.content is not None
    text, number = found.content["results"][0]["OBX"]
    assert text["5"] == [{"1": "x\ny"}]
    assert number["5"] == [{"1": "1"}, {"1": "2"}]
    assert number["NTE"][0]["3"] == [{"1": "p\nq"}]
