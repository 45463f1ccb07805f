"""Calls to a partner, against a small partner that follows the guides, or breaks them on purpose."""

import gzip
import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.client import (
    BareParameters,
    ExportWanted,
    FileLink,
    Manifest,
    PartnerClient,
    PartnerClients,
    Running,
    Target,
    Trail,
)
from interpayer.partners.signer import Claims, Ring, Signer, SignerKeyUnsafe, keys_in, new_key, private_text, ring_of
from interpayer.partners.token_source import TokenSource
from interpayer.system.clock import now
from tests.support.doors import CURVE_KEY, OTHER_KEY, RSA_KEY

BASE = "https://plan-b.example/fhir"
TRAIL = Trail("corr-1", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01", idempotency_key="x-1:match")
Answering = Callable[[httpx2.Request], httpx2.Response]


class FakePartner:
    """Discovery and tokens as the guides say; everything else as the test says."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.seen: list[httpx2.Request] = []
        self.assertions: list[dict[str, Any]] = []
        self.lifetime: Any = 300
        self._numbers = itertools.count(1)
        self.http = httpx2.Client(transport=httpx2.MockTransport(self._respond))

    def client(self, **target: Any) -> PartnerClient:
        signer = Signer(lambda: ring_of({"ES384": CURVE_KEY, "RS384": RSA_KEY}))
        return PartnerClients(self.http, signer).client_for(Target(BASE, "plan-a", **target))

    def calls(self, path: str) -> list[httpx2.Request]:
        return [request for request in self.seen if request.url.path == path]

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if request.url.path == "/fhir/.well-known/smart-configuration":
            return httpx2.Response(200, json={"token_endpoint": "https://plan-b.example/token"})
        if request.url.path == "/token":
            return self._token(request)
        return self.answer(request)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        keys = KeySet([CURVE_KEY, RSA_KEY])
        claims = jwt.decode(form["client_assertion"], keys, algorithms=["ES384", "RS384"]).claims
        self.assertions.append({**claims, "scope": form["scope"]})
        body = {"access_token": f"t{next(self._numbers)}", "token_type": "Bearer", "expires_in": self.lifetime}
        return httpx2.Response(200, json=body)


class Raw(httpx2.SyncByteStream):
    """A body that is still on its way."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Any:
        yield self.content


def always(status: int, *, content: bytes | None = None, **options: Any) -> Answering:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, **options, **({"stream": Raw(content)} if content is not None else {}))

    return answer


def in_turn(*answers: httpx2.Response | Exception) -> Answering:
    left = iter(answers)

    def answer(_request: httpx2.Request) -> httpx2.Response:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    return answer


MATCHED = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "MemberIdentifier", "valueIdentifier": {"value": "u-1"}},
        {"name": "MemberId", "valueReference": {"reference": "Patient/m-1"}},
    ],
}


class Memory:
    def __init__(self) -> None:
        self.content, self.restarts = b"", 0

    def begin(self, *, etag: str | None, encoding: str | None) -> None:
        self.head = (etag, encoding)

    def restart(self) -> None:
        self.content, self.restarts = b"", self.restarts + 1

    def write(self, chunk: bytes) -> None:
        self.content += chunk


def test_a_match_carries_what_joins_both_records() -> None:
    partner = FakePartner(always(200, json=MATCHED))
    matched = partner.client().member_match({"resourceType": "Parameters"}, trail=TRAIL)
    assert (matched.identifier, matched.patient_id) == ({"value": "u-1"}, "m-1")
    [call] = partner.calls("/fhir/Patient/$member-match")
    assert call.headers["x-correlation-id"] == "corr-1"
    assert call.headers["traceparent"] == TRAIL.traceparent
    assert call.headers["idempotency-key"] == "x-1:match"
    assert call.headers["authorization"] == "Bearer t1"
    assert call.headers["content-type"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("not-found", "partner.not_found"),
        ("multiple-matches", "partner.multiple"),
        ("suppressed", "partner.consent_constrained"),
    ],
)
def test_a_business_no_is_a_refusal(code: str, reason: str) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
    with pytest.raises(Refusal) as caught:
        FakePartner(always(422, json=outcome)).client().member_match({}, trail=TRAIL)
    assert caught.value.reason == reason


class TestTokens:
    """Asked for once, shared, renewed in time, never sent elsewhere."""

    def test_a_token_is_shared_by_calls_and_threads(self) -> None:
        partner = FakePartner(always(200, json=MATCHED))
        client = partner.client()
        threads = [threading.Thread(target=client.member_match, args=({},), kwargs={"trail": TRAIL}) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(partner.assertions) == 1
        assert len(partner.calls("/fhir/.well-known/smart-configuration")) == 1

    def test_an_assertion_is_what_the_guide_wants(self) -> None:
        partner = FakePartner(always(200, json=MATCHED))
        partner.client(algorithm="RS384").member_match({}, trail=TRAIL)
        partner.client().member_match({}, trail=TRAIL)
        first, second = partner.assertions
        assert first["iss"] == first["sub"] == "plan-a"
        assert first["aud"] == "https://plan-b.example/token"
        assert first["exp"] - first["iat"] <= 300
        assert first["jti"] != second["jti"]
        assert "member-match" in first["scope"]

    def test_a_member_is_named_where_the_partner_wants_it(self) -> None:
        partner = FakePartner(always(200, json={"resourceType": "Bundle"}))
        assert list(partner.client(sub_style="patient").everything("m-1", trail=TRAIL))
        assert list(partner.client().everything("m-1", trail=TRAIL))
        assert [claims["sub"] for claims in partner.assertions] == ["m-1", "plan-a"]

    def test_a_401_is_answered_once_by_a_new_token(self) -> None:
        partner = FakePartner(in_turn(httpx2.Response(401), httpx2.Response(200, json=MATCHED)))
        partner.client().member_match({}, trail=TRAIL)
        assert [call.headers["authorization"] for call in partner.calls("/fhir/Patient/$member-match")] == [
            "Bearer t1",
            "Bearer t2",
        ]

    def test_a_second_401_ends_it(self) -> None:
        with pytest.raises(Fault) as caught:
            FakePartner(always(401)).client().poll(f"{BASE}/job/1", trail=TRAIL)
        assert (caught.value.kind, caught.value.reason) == (FaultKind.CONDITIONAL, "partner.refused")

    def test_a_short_token_is_renewed_before_it_ends(self) -> None:
        clock = [1000.0]
        partner = FakePartner(always(200, json=MATCHED))
        signer = Signer(lambda: ring_of({"ES384": CURVE_KEY}))
        source = TokenSource(partner.http, signer, Target(BASE, "plan-a"), clock=lambda: clock[0])
        client = PartnerClient(partner.http, source)
        for later in (0, 269, 2):
            clock[0] += later
            client.member_match({}, trail=TRAIL)
        assert len(partner.assertions) == 2

    @pytest.mark.parametrize("lifetime", [0, -1, "300", True, None])
    def test_a_lifetime_that_is_none_is_a_bad_answer(self, lifetime: Any) -> None:
        partner = FakePartner(always(200))
        partner.lifetime = lifetime
        with pytest.raises(Fault) as caught:
            partner.client().token()
        assert caught.value.reason == "partner.bad_answer"

    def test_a_refused_token_says_the_standard_code_only(self) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("smart-configuration"):
                return httpx2.Response(200, json={"token_endpoint": "https://plan-b.example/other"})
            return httpx2.Response(400, json={"error": "invalid_client", "error_description": "Jane Doe"})

        http = httpx2.Client(transport=httpx2.MockTransport(answer))
        client = PartnerClients(http, Signer(lambda: ring_of({"ES384": CURVE_KEY}))).client_for(Target(BASE, "plan-a"))
        with pytest.raises(Fault) as caught:
            client.token()
        assert (caught.value.kind, caught.value.reason) == (FaultKind.TERMINAL, "partner.refused")
        assert caught.value.detail == "token refused: invalid_client"

    @pytest.mark.parametrize(
        "url",
        ["https://evil.example/fhir/job/1", "http://plan-b.example/fhir/job/1", "https://plan-b.example:444/job/1"],
    )
    def test_our_token_does_not_go_elsewhere(self, url: str) -> None:
        partner = FakePartner(always(200))
        for call in (
            lambda: partner.client().poll(url, trail=TRAIL),
            lambda: partner.client().delete(url, trail=TRAIL),
            lambda: partner.client().download(url, Memory(), trail=TRAIL),
        ):
            with pytest.raises(Fault) as caught:
                call()
            assert caught.value.reason == "partner.bad_answer"
        assert partner.seen == []


class TestJobs:
    """Kick-off, poll, delete."""

    def test_a_kick_off_gives_the_status_address(self) -> None:
        partner = FakePartner(always(202, headers={"Content-Location": f"{BASE}/job/1"}))
        assert partner.client().bulk_match({"resourceType": "Parameters"}, trail=TRAIL) == f"{BASE}/job/1"
        [call] = partner.calls("/fhir/Group/$bulk-member-match")
        assert call.headers["prefer"] == "respond-async"

    def test_the_other_name_is_tried_where_the_first_is_not_known(self) -> None:
        kicked_off = httpx2.Response(202, headers={"Content-Location": "/fhir/job/1"})
        partner = FakePartner(in_turn(httpx2.Response(404), kicked_off))
        assert partner.client().bulk_match({}, trail=TRAIL) == f"{BASE}/job/1"
        assert partner.calls("/fhir/Group/$multi-member-match")

    def test_an_export_asks_for_what_is_wanted(self) -> None:
        partner = FakePartner(always(202, headers={"Content-Location": f"{BASE}/job/2"}))
        wanted = ExportWanted(since="2026-01-01T00:00:00Z", types=("Patient", "Coverage"), patients=("m-1",))
        partner.client().export("b-1", wanted, trail=TRAIL)
        [call] = partner.calls("/fhir/Group/b-1/$davinci-data-export")
        rows = {row["name"]: row for row in json.loads(call.content)["parameter"]}
        assert rows["exportType"]["valueCanonical"] == "hl7.fhir.us.davinci-pdex#payertopayer"
        assert rows["_type"]["valueString"] == "Patient,Coverage"
        assert rows["_since"]["valueInstant"] == "2026-01-01T00:00:00Z"
        assert rows["patient"]["valueReference"] == {"reference": "Patient/m-1"}
        assert "_until" not in rows

    @pytest.mark.parametrize(
        "answer", [httpx2.Response(202), httpx2.Response(200, headers={"Content-Location": f"{BASE}/job/1"})]
    )
    def test_a_kick_off_without_an_address_is_a_bad_answer(self, answer: httpx2.Response) -> None:
        with pytest.raises(Fault) as caught:
            FakePartner(lambda _request: answer).client().bulk_match({}, trail=TRAIL)
        assert caught.value.reason == "partner.bad_answer"

    def test_a_poll_tells_running_done_and_the_old_shape_apart(self) -> None:
        manifest = {"transactionTime": "2026-11-21T12:00:00Z", "requiresAccessToken": True, "output": []}
        partner = FakePartner(
            in_turn(
                httpx2.Response(202, headers={"Retry-After": "3", "X-Progress": "half"}),
                httpx2.Response(200, json=manifest),
                httpx2.Response(200, json={"resourceType": "Parameters"}),
            )
        )
        client = partner.client()
        answers = [client.poll(f"{BASE}/job/1", trail=TRAIL) for _ in range(3)]
        assert answers[0] == Running("half", 3.0)
        assert isinstance(answers[1], Manifest)
        assert isinstance(answers[2], BareParameters)

    def test_a_job_that_is_gone_can_be_deleted_again(self) -> None:
        FakePartner(always(404)).client().delete(f"{BASE}/job/1", trail=TRAIL)
        FakePartner(always(202)).client().delete(f"{BASE}/job/1", trail=TRAIL)
        with pytest.raises(Fault):
            FakePartner(always(403)).client().delete(f"{BASE}/job/1", trail=TRAIL)


class TestNetworkFaults:
    """What never arrived may be done again; what may have arrived is looked into first."""

    @pytest.mark.parametrize(
        ("error", "kind", "reason"),
        [
            (httpx2.ConnectError("x"), FaultKind.RETRYABLE, "partner.unreachable"),
            (httpx2.ConnectTimeout("x"), FaultKind.RETRYABLE, "partner.unreachable"),
            (httpx2.PoolTimeout("x"), FaultKind.RETRYABLE, "partner.unreachable"),
            (httpx2.ReadTimeout("x"), FaultKind.CONDITIONAL, "partner.timeout"),
            (httpx2.ReadError("x"), FaultKind.CONDITIONAL, "partner.unreachable"),
            (httpx2.RemoteProtocolError("x"), FaultKind.CONDITIONAL, "partner.unreachable"),
        ],
    )
    def test_a_post(self, error: Exception, kind: FaultKind, reason: str) -> None:
        with pytest.raises(Fault) as caught:
            FakePartner(in_turn(error)).client().member_match({}, trail=TRAIL)
        assert (caught.value.kind, caught.value.reason) == (kind, reason)

    @pytest.mark.parametrize("error", [httpx2.ReadTimeout("x"), httpx2.ReadError("x")])
    def test_a_poll(self, error: Exception) -> None:
        with pytest.raises(Fault) as caught:
            FakePartner(in_turn(error)).client().poll(f"{BASE}/job/1", trail=TRAIL)
        assert caught.value.kind is FaultKind.RETRYABLE

    def test_an_answer_that_is_no_json(self) -> None:
        with pytest.raises(Fault) as caught:
            FakePartner(always(200, content=b"<html>")).client().member_match({}, trail=TRAIL)
        assert caught.value.reason == "partner.bad_answer"

    def test_an_answer_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("interpayer.partners.transport.LARGEST_JSON", 1000)
        with pytest.raises(Fault) as caught:
            FakePartner(always(200, content=b"x" * 2000)).client().member_match({}, trail=TRAIL)
        assert caught.value.reason == "partner.bad_answer"


class TestFiles:
    """Copied as sent, resumed only when the bytes are still the same."""

    URL = f"{BASE}/file/1"

    def download(self, answer: Answering, **options: Any) -> tuple[Any, Memory, FakePartner]:
        partner, memory = FakePartner(answer), Memory()
        memory.content = b"old"
        return partner.client().download(self.URL, memory, trail=TRAIL, **options), memory, partner

    def test_a_whole_file(self) -> None:
        packed = gzip.compress(b"{}\n")
        headers = {"ETag": '"a"', "Content-Encoding": "gzip"}
        result, memory, partner = self.download(always(200, content=packed, headers=headers))
        assert memory.content == b"old" + packed
        assert (result.etag, result.encoding, result.bytes_written, result.total) == (
            '"a"',
            "gzip",
            len(packed),
            len(packed),
        )
        [call] = partner.calls("/fhir/file/1")
        assert call.headers["accept-encoding"] == "gzip"
        assert "range" not in call.headers

    def test_a_rest(self) -> None:
        headers = {"ETag": '"a"', "Content-Range": "bytes 3-5/6"}
        result, memory, partner = self.download(always(206, content=b"new", headers=headers), resume_from=3, etag='"a"')
        assert memory.content == b"oldnew"
        assert (result.restarted, result.total) == (False, 6)
        [call] = partner.calls("/fhir/file/1")
        assert (call.headers["range"], call.headers["if-range"]) == ("bytes=3-", '"a"')

    @pytest.mark.parametrize("etag", [None, 'W/"a"'])
    def test_without_a_strong_etag_the_file_starts_anew(self, etag: str | None) -> None:
        result, memory, partner = self.download(always(200, content=b"new"), resume_from=3, etag=etag)
        assert (memory.content, memory.restarts, result.restarted) == (b"new", 1, True)
        assert "range" not in partner.calls("/fhir/file/1")[0].headers

    def test_a_file_that_was_rebuilt_starts_anew(self) -> None:
        result, memory, _ = self.download(
            always(200, content=b"new", headers={"ETag": '"b"'}), resume_from=3, etag='"a"'
        )
        assert (memory.content, result.etag) == (b"new", '"b"')

    def test_a_file_that_is_whole_already(self) -> None:
        result, memory, _ = self.download(
            always(416, headers={"Content-Range": "bytes */3"}), resume_from=3, etag='"a"'
        )
        assert (memory.content, result.bytes_written, result.total) == (b"old", 0, 3)

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [
            ({"Content-Range": "bytes 0-2/6"}, "partner.bad_answer"),
            ({"Content-Range": "bytes 3-5/9"}, "delivery.interrupted"),
            ({}, "partner.bad_answer"),
        ],
    )
    def test_another_part_than_asked_for(self, headers: dict[str, str], reason: str) -> None:
        with pytest.raises(Fault) as caught:
            self.download(always(206, content=b"new", headers=headers), resume_from=3, etag='"a"')
        assert caught.value.reason == reason

    def test_a_part_that_nobody_asked_for(self) -> None:
        with pytest.raises(Fault):
            self.download(always(206, content=b"new", headers={"Content-Range": "bytes 0-2/3"}))

    def test_a_transfer_that_breaks_off_keeps_what_came(self) -> None:
        def broken() -> Any:
            yield b"first"
            raise httpx2.ReadError("x")

        class Broken(httpx2.SyncByteStream):
            def __iter__(self) -> Any:
                return broken()

        partner, memory = FakePartner(lambda _request: httpx2.Response(200, stream=Broken())), Memory()
        with pytest.raises(Fault) as caught:
            partner.client().download(self.URL, memory, trail=TRAIL)
        assert (caught.value.kind, caught.value.reason) == (FaultKind.RETRYABLE, "delivery.interrupted")
        assert memory.content == b"first"

    def test_a_link_that_is_over(self) -> None:
        with pytest.raises(Fault) as caught:
            self.download(always(404, json={"resourceType": "OperationOutcome", "issue": []}))
        assert caught.value.reason == "delivery.link_expired"

    def test_a_new_token_in_the_middle_of_many_files(self) -> None:
        _, memory, partner = self.download(in_turn(httpx2.Response(401), httpx2.Response(200, stream=Raw(b"new"))))
        assert memory.content == b"oldnew"
        assert len(partner.assertions) == 2

    def test_no_token_where_none_is_wanted(self) -> None:
        partner = FakePartner(always(200, content=b"new"))
        partner.client().download("https://storage.example/1", Memory(), with_token=False, trail=TRAIL)
        [call] = partner.seen
        assert "authorization" not in call.headers

    def test_lines_of_a_small_file(self) -> None:
        content = gzip.compress(b'{"resourceType":"Group"}\n') + gzip.compress(b'\n{"id":"2"}\n')
        partner = FakePartner(always(200, content=content, headers={"Content-Encoding": "gzip"}))
        lines = partner.client().fetch_lines(FileLink("Group", self.URL, 2), with_token=True, trail=TRAIL)
        assert lines == [{"resourceType": "Group"}, {"id": "2"}]

    @pytest.mark.parametrize(
        ("content", "encoding"),
        [
            (b"{", None),
            (b"[]", None),
            (b"{}", "gzip"),
            (gzip.compress(b"{}", mtime=0)[:-4], "gzip"),
            (gzip.compress(b" " * 5000, mtime=0), "gzip"),
            (b" " * 5000, None),
        ],
        ids=["cut off", "no objects", "not gzip", "gzip cut off", "large when unpacked", "large"],
    )
    def test_lines_that_are_none(self, content: bytes, encoding: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("interpayer.partners.files.LARGEST_IN_MEMORY", 4000)
        headers = {"Content-Encoding": encoding} if encoding else {}
        partner = FakePartner(lambda _request: httpx2.Response(200, stream=Raw(content), headers=headers))
        with pytest.raises(Fault) as caught:
            partner.client().fetch_lines(FileLink("Group", self.URL, 2), with_token=True, trail=TRAIL)
        assert caught.value.reason == "partner.bad_answer"


class TestEverything:
    """Page by page, as bytes."""

    def page(self, url: str | None, value: str = "72.50") -> httpx2.Response:
        links = f',"link":[{{"relation":"next","url":"{url}"}}]' if url else ""
        return httpx2.Response(200, content=f'{{"resourceType":"Bundle","x":{value}{links}}}'.encode())

    def test_pages_are_followed_and_numbers_keep_their_digits(self) -> None:
        partner = FakePartner(in_turn(self.page(f"{BASE}/page/2"), self.page(None)))
        pages = list(partner.client().everything("m-1", trail=TRAIL))
        assert len(pages) == 2
        assert all(b"72.50" in page for page in pages)

    @pytest.mark.parametrize("url", ["https://evil.example/page/2", f"{BASE}/Patient/m-1/$everything"])
    def test_a_next_page_elsewhere_or_in_a_circle_ends_it(self, url: str) -> None:
        with pytest.raises(Fault) as caught:
            list(FakePartner(lambda _request: self.page(url)).client().everything("m-1", trail=TRAIL))
        assert caught.value.reason == "partner.bad_answer"

    def test_what_is_no_bundle(self) -> None:
        with pytest.raises(Fault):
            list(FakePartner(always(200, json={"resourceType": "Patient"})).client().everything("m-1", trail=TRAIL))


class TestSigner:
    """Our own keys."""

    def test_the_ring_is_asked_at_every_signature(self) -> None:
        rings = [ring_of({"ES384": CURVE_KEY}), ring_of({"ES384": OTHER_KEY})]
        signer = Signer(lambda: rings[0])
        claims = Claims("plan-a", "https://plan-b.example/token", now())
        first = signer.assertion(claims)
        rings.reverse()
        second = signer.assertion(claims)
        jwt.decode(first, CURVE_KEY, algorithms=["ES384"])
        jwt.decode(second, OTHER_KEY, algorithms=["ES384"])
        with pytest.raises(SignerKeyUnsafe):
            signer.assertion(claims, algorithm="RS384")

    def test_a_refusal_soon_after_a_rotation_is_tried_again_and_later_not(self) -> None:
        key = {"ES384": CURVE_KEY}
        for age, kind in ((timedelta(minutes=1), FaultKind.RETRYABLE), (timedelta(hours=1), FaultKind.TERMINAL)):
            ring = Ring(key, (), {"ES384": now() - age})
            http = httpx2.Client(transport=httpx2.MockTransport(self._unknown_key))
            source = TokenSource(http, Signer(lambda ring=ring: ring), Target(BASE, "plan-a"))
            with pytest.raises(Fault) as caught:
                source.token(("system/*.rs",))
            assert (caught.value.kind, caught.value.reason) == (kind, "partner.refused")

    @staticmethod
    def _unknown_key(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("smart-configuration"):
            return httpx2.Response(200, json={"token_endpoint": "https://plan-b.example/token"})
        return httpx2.Response(401, json={"error": "invalid_client"})

    def test_what_is_published_holds_no_secret(self) -> None:
        shown = Signer(lambda: ring_of({"ES384": CURVE_KEY, "RS384": RSA_KEY})).public_jwks()["keys"]
        assert {(key["alg"], key["use"]) for key in shown} == {("ES384", "sig"), ("RS384", "sig")}
        assert not any({"d", "p", "q"} & set(key) for key in shown)

    def test_files_of_earlier_installations_are_read_when_nobody_else_can_read_them(self, tmp_path: Path) -> None:
        path = tmp_path / "assertion-es384.jwk"
        path.write_bytes(private_text(CURVE_KEY))
        path.chmod(0o644)
        with pytest.raises(SignerKeyUnsafe):
            keys_in(tmp_path)
        path.chmod(0o600)
        assert {algorithm: key.kid for algorithm, key in keys_in(tmp_path).items()} == {"ES384": "curve"}
        path.write_bytes(private_text(RSA_KEY))
        with pytest.raises(SignerKeyUnsafe):
            keys_in(tmp_path)

    def test_new_keys_are_strong_and_named_by_their_thumbprint(self) -> None:
        curve = new_key("ES384")
        assert curve.is_private
        assert curve.kid == curve.thumbprint()


def test_how_long_a_call_waits_can_change_while_it_runs() -> None:
    with httpx2.Client(timeout=30) as http:
        clients = PartnerClients(http, Signer(lambda: ring_of({"ES384": CURVE_KEY})))
        clients.be_patient(connect_s=2, silence_s=7)
        assert (http.timeout.connect, http.timeout.read, http.timeout.write) == (2, 7, 7)
