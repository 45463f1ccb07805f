"""Received records given on to the plan's own systems: whole or not at all, private, with counts and checksums."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interpayer.delivery.handoff import OwnSystems, Parcel
from interpayer.model.reason import Fault, FaultKind

NOTICE = {"schema": "handoff/1", "handoff": "h-1", "exchange": "x-1", "records": {"Coverage": 1, "Encounter": 2}}
ADDRESS = "https://own.example/inbox"


def a_parcel() -> Parcel:
    parcel = Parcel()
    for kind, line in (("Encounter", b'{"n":1}'), ("Coverage", b'{"n":2.50}'), ("Encounter", b'{"n":3}')):
        parcel.add(kind, line)
    return parcel


def nobody() -> httpx2.Client:
    raise AssertionError("no address is called")


def test_a_folder_appears_when_everything_is_in_it(tmp_path: Path) -> None:
    own = OwnSystems(str(tmp_path / "inbox"), nobody)
    own.give(NOTICE, a_parcel())
    folder = tmp_path / "inbox" / "x-1"
    assert [path.name for path in sorted((tmp_path / "inbox").iterdir())] == ["x-1"]
    assert (folder / "Encounter.ndjson").read_bytes() == b'{"n":1}\n{"n":3}\n'
    told = json.loads((folder / "manifest.json").read_text())
    assert {f["name"]: (f["count"], f["sha256"]) for f in told["files"]} == {
        name: (count, hashlib.sha256((folder / name).read_bytes()).hexdigest())
        for name, count in (("Coverage.ndjson", 1), ("Encounter.ndjson", 2))
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    own.give(NOTICE, a_parcel())
    assert len(list(folder.iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_a_fault_that_passes(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file")
    with pytest.raises(Fault) as told:
        OwnSystems(str(tmp_path / "inbox"), nobody).give(NOTICE, a_parcel())
    assert (told.value.kind, told.value.reason) == (FaultKind.RETRYABLE, "system.storage")


def test_the_digest_is_the_same_whoever_counts_and_another_for_another_content() -> None:
    other = a_parcel()
    other.add("Coverage", b"{}")
    assert a_parcel().counts == {"Coverage": 1, "Encounter": 2}
    assert a_parcel().digest == a_parcel().digest != other.digest


def answering(status: int, seen: list[httpx2.Request]) -> httpx2.Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(status)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(202, None), (503, FaultKind.RETRYABLE), (429, FaultKind.RETRYABLE), (404, FaultKind.TERMINAL)],
)
def test_an_address_is_told_without_a_record_in_it(status: int, kind: FaultKind | None) -> None:
    seen: list[httpx2.Request] = []
    with answering(status, seen) as client:
        own = OwnSystems(ADDRESS, lambda: client)
        if kind is None:
            own.give(NOTICE, a_parcel())
        else:
            with pytest.raises(Fault) as told:
                own.give(NOTICE, a_parcel())
            assert (told.value.kind, told.value.reason) == (kind, "handoff.unreachable")
    (request,) = seen
    body: dict[str, Any] = json.loads(request.content)
    assert body == NOTICE
    assert request.headers["idempotency-key"] == "h-1"
