"""What a partner is told to delete, and what is read of what a partner tells us."""

import orjson

from interpayer.delivery.deletions import MOST, deletion_lines, read_deletions


def test_what_is_told_can_be_read_again_member_by_member() -> None:
    gone = {"m-1": [("Coverage", "r-1"), ("ExplanationOfBenefit", "r-2")], "m-2": [("Coverage", "r-3")], "m-3": []}
    blocks = list(deletion_lines(gone))
    assert [(b.type, b.member_ids, b.count) for b in blocks] == [("Bundle", ("m-1",), 1), ("Bundle", ("m-2",), 1)]
    read = [found for b in blocks for found in read_deletions((b.plain or b"").splitlines())]
    assert read == [("Coverage", "r-1"), ("ExplanationOfBenefit", "r-2"), ("Coverage", "r-3")]
    bundle = orjson.loads(blocks[0].plain or b"")
    assert (bundle["type"], bundle["entry"][0]) == (
        "transaction", {"request": {"method": "DELETE", "url": "Coverage/r-1"}},
    )  # fmt: skip


def test_many_are_told_in_several_bundles() -> None:
    (block,) = deletion_lines({"m-1": [("Coverage", f"r-{n}") for n in range(MOST + 1)]})
    assert block.count == 2
    assert len(list(read_deletions((block.plain or b"").splitlines()))) == MOST + 1


def test_anything_else_is_passed_over() -> None:
    entries = [
        {"request": {"method": "PUT", "url": "Coverage/1"}},
        {"request": 3},
        "x",
        {"request": {"method": "DELETE"}},
    ]
    absolute = {"request": {"method": "DELETE", "url": "https://theirs.example/fhir/Coverage/c1"}}
    lines = [b"\xff", b"[]", b'{"entry": 3}', orjson.dumps({"entry": [*entries, absolute]})]
    assert list(read_deletions(lines)) == [("Coverage", "c1")]
