"""A partner's file arrives in pieces, breaks off, goes on, and counts only when it is what was announced."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from interpayer.delivery.inbox import Announced, Inbox, Incoming
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.objects import ObjectStore

LINES = [b'{"resourceType":"Patient","id":"ZebraMarker%d"}' % n for n in range(3000)]
PLAIN = b"\n".join(LINES) + b"\n"
RIGHT = Announced(count=3000, sha256=hashlib.sha256(PLAIN).hexdigest())


class Partner:
    """A partner's file behind a connection that breaks after so many bytes."""

    def __init__(self, content: bytes, *, breaks: list[int | None] | None = None, encoding: str | None = None) -> None:
        self.content, self.encoding, self.etag = content, encoding, '"1"'
        self.breaks = list(breaks or [None])
        self.asked: list[tuple[int, str | None]] = []

    def __call__(self, incoming: Incoming) -> None:
        self.asked.append((incoming.resume_from, incoming.etag))
        start = incoming.resume_from if incoming.etag == self.etag else 0
        if incoming.resume_from and not start:
            incoming.restart()
        incoming.begin(etag=self.etag, encoding=self.encoding)
        stop = self.breaks.pop(0) if self.breaks else None
        rest = self.content[start:] if stop is None else self.content[start : start + stop]
        for offset in range(0, len(rest), 1000):
            incoming.write(rest[offset : offset + 1000])
        if stop is not None:
            raise Fault(FaultKind.RETRYABLE, "delivery.interrupted")


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(ObjectStore(str(tmp_path / "objects")), b"k" * 32, "j-1")


def attempts(inbox: Inbox, partner: Callable[[Incoming], None], announced: Announced = RIGHT) -> list[str]:
    """Reasons of the failed attempts until the file is there."""
    failed: list[str] = []
    for _ in range(10):
        try:
            inbox.download("f", partner, announced)
        except Fault as fault:
            failed.append(f"{fault.kind}:{fault.reason}")
            if fault.kind is FaultKind.TERMINAL:
                return failed
        else:
            return failed
    raise AssertionError("never done")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_kept_and_read_line_by_line(inbox: Inbox, *, packed: bool) -> None:
    half = len(PLAIN) // 2
    content = gzip.compress(PLAIN[:half]) + gzip.compress(PLAIN[half:]) if packed else PLAIN
    partner = Partner(content, encoding="gzip" if packed else None)
    received = inbox.download("f", partner, RIGHT)
    assert (received.lines, received.plain_length, received.raw_length) == (3000, len(PLAIN), len(content))
    assert list(inbox.lines("f")) == LINES
    assert inbox.download("f", partner, RIGHT) == received
    assert len(partner.asked) == 1


def test_it_goes_on_where_it_stopped_also_in_another_process(inbox: Inbox, tmp_path: Path) -> None:
    partner = Partner(PLAIN, breaks=[5000, 12345, None])
    assert attempts(inbox, partner) == ["retryable:delivery.interrupted"] * 2
    assert partner.asked == [(0, None), (5000, '"1"'), (17345, '"1"')]
    again = Inbox(ObjectStore(str(tmp_path / "objects")), b"k" * 32, "j-1")
    assert list(again.lines("f")) == LINES


def test_a_file_that_changed_meanwhile_starts_anew(inbox: Inbox) -> None:
    partner = Partner(b"x" * 9000, breaks=[5000, None])
    with pytest.raises(Fault):
        inbox.download("f", partner, RIGHT)
    partner.content, partner.etag = PLAIN, '"2"'
    inbox.download("f", partner, RIGHT)
    assert list(inbox.lines("f")) == LINES


def test_a_wrong_file_is_fetched_once_more_and_then_given_up(inbox: Inbox) -> None:
    wrong = Partner(PLAIN[:-1] + b" ")
    assert attempts(inbox, wrong) == ["retryable:delivery.checksum_mismatch", "terminal:delivery.checksum_mismatch"]
    assert wrong.asked == [(0, None), (0, None)]
    with pytest.raises(LookupError):
        list(inbox.lines("f"))


def test_a_checksum_of_the_gzip_form_counts_where_it_came_as_gzip(inbox: Inbox) -> None:
    packed = gzip.compress(PLAIN)
    right, wrong = (Announced(gzip_sha256=hashlib.sha256(some).hexdigest()) for some in (packed, b"other"))
    assert attempts(inbox, Partner(packed), wrong)[0] == "retryable:delivery.checksum_mismatch"
    assert inbox.download("g", Partner(packed), right).lines == 3000
    assert inbox.download("h", Partner(PLAIN), right).lines == 3000, "what came plain has no such checksum"


def test_a_wrong_count_is_told_as_such(inbox: Inbox) -> None:
    assert attempts(inbox, Partner(PLAIN), Announced(count=2999))[0] == "retryable:delivery.count_mismatch"


def test_the_last_line_may_have_no_end(inbox: Inbox) -> None:
    assert inbox.download("f", Partner(PLAIN[:-1]), Announced(count=3000)).lines == 3000
    assert list(inbox.lines("f")) == LINES


def test_an_empty_file_is_a_file(inbox: Inbox) -> None:
    assert inbox.download("f", Partner(b""), Announced(count=0)).lines == 0
    assert list(inbox.lines("f")) == []


@pytest.mark.parametrize(
    "content", [gzip.compress(PLAIN, mtime=0)[:-20], gzip.compress(PLAIN, mtime=0)[:2000], b"\x1f\x8bnonsense" * 9]
)
def test_gzip_that_is_cut_off_or_none_is_fetched_again(inbox: Inbox, content: bytes) -> None:
    with pytest.raises(Fault) as fault:
        inbox.download("g", Partner(content), RIGHT)
    assert fault.value.reason == "delivery.interrupted"
    inbox.download("g", Partner(gzip.compress(PLAIN)), RIGHT)


def test_a_bomb_is_not_unpacked(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.delivery.inbox.EXPANSION_FREE", 1 << 20)
    with pytest.raises(Fault) as fault:
        inbox.download("f", Partner(gzip.compress(b"0" * (1 << 24))), Announced())
    assert (fault.value.kind, fault.value.reason) == (FaultKind.TERMINAL, "partner.bad_answer")


def test_a_line_that_never_ends_is_refused(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.delivery.inbox.LONGEST_LINE", 1000)
    inbox.download("f", Partner(b"x" * 5000), Announced())
    with pytest.raises(Fault) as fault:
        list(inbox.lines("f"))
    assert fault.value.reason == "partner.bad_answer"


def test_nothing_readable_is_kept_and_remove_removes_it(inbox: Inbox, tmp_path: Path) -> None:
    inbox.download("f", Partner(PLAIN), RIGHT)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"ZebraMarker" in path.read_bytes() for path in kept)
    inbox.remove("f")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
