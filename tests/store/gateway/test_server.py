"""The whole door over a real TLS socket: what gets in, what does not, and what is written about it."""

import json
import ssl
import uuid
from typing import Any

import httpx2
import pytest

from interpayer.gateway import scopes
from interpayer.gateway.door import Answer, Body, Call, Operation, Rate
from interpayer.gateway.problems import refused
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import directory
from interpayer.system.database import Connection
from tests.support.databases import ScratchDatabase
from tests.support.doors import SCOPES, DoorUnderTest, Grounds, a_partner, assertion, claims

MARKER = "Zzyzx-1961-04-01"
MATCH = "/fhir/Patient/$member-match"


def call(door: DoorUnderTest, method: str = "GET", path: str = "/fhir/Group/b-1", **options: Any) -> httpx2.Response:
    """A call by plan-b with a good token, unless the options say otherwise."""
    certificate = options.pop("certificate", "plan-b")
    token = options.pop("token", None) or door.token()
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    with door.client(certificate) as http:
        return http.request(method, path, headers=headers, **options)


def match(door: DoorUnderTest, content: bytes, **headers: str) -> httpx2.Response:
    given = {"Content-Type": "application/fhir+json", **{name.replace("_", "-"): v for name, v in headers.items()}}
    return call(door, "POST", MATCH, content=content, headers=given)


def reason_of(response: httpx2.Response) -> str:
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    assert response.headers["content-type"] == "application/fhir+json"
    return str(body["issue"][0]["details"]["coding"][0]["code"])


def test_a_partner_with_a_token_gets_its_answer(door: DoorUnderTest) -> None:
    response = call(door, path="/fhir/Group/b-1?code=match&code=nomatch")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["partner"] == "p-plan-b"
    assert shown["path"] == "/Group/b-1"
    assert shown["query"] == {"code": ["match", "nomatch"]}
    assert shown["url"] == f"{door.base_url}/fhir/Group/b-1?code=match&code=nomatch"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("3f2b8c1e-0d6a-4b6e-9b1e-000000000001", True), ("short", False), ("Smith; born 1961", False)],
)
def test_the_correlation_id_comes_back_when_it_is_well_formed(door: DoorUnderTest, sent: str, kept: bool) -> None:
    response = call(door, headers={"X-Correlation-Id": sent})
    assert (response.headers["x-correlation-id"] == sent) is kept
    assert response.headers["x-correlation-id"]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"{", 400, "request.malformed"),
        (b"", 400, "request.malformed"),
        (b"[]", 400, "request.malformed"),
        (b'"text"', 400, "request.malformed"),
        (b"null", 400, "request.malformed"),
        (b"\xff\xfe{}", 400, "request.malformed"),
        (b'{"a": NaN}', 400, "request.malformed"),
        (b'{"a": "\\ud800"}', 400, "request.malformed"),
        (b'{"a": "\\u0000"}', 400, "request.malformed"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, 400, "request.malformed"),
        (b'{"a":' * 30_000, 413, "request.too_large"),
        (b'{"a":' * 9_000, 400, "request.malformed"),
        (b'{"a":"' + b"x" * 70_000 + b'"}', 413, "request.too_large"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_a_bad_body_is_told_and_recorded(door: DoorUnderTest, content: bytes, status: int, reason: str) -> None:
    response = match(door, content)
    assert response.status_code == status
    assert reason_of(response) == reason
    event = door.events[-1]
    assert (event.name, event.reason, event.chain) == ("request.refused", reason, "partner:p-plan-b")


def test_a_body_of_unknown_length_is_cut_at_the_limit(door: DoorUnderTest) -> None:
    token = door.token()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    with door.client() as http:
        response = http.post(MATCH, content=(b" " * 4096 for _ in range(40)), headers=headers)
    assert response.status_code == 413
    assert reason_of(response) == "request.too_large"


def test_sixty_four_levels_are_not_too_deep(door: DoorUnderTest) -> None:
    assert match(door, b'{"a":' * 63 + b"[1]" + b"}" * 63).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/xml"}, 415),
        ({"Content_Type": "application/fhir+xml"}, 415),
        ({"Content_Type": "application/json", "Content_Encoding": "gzip"}, 415),
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "text/html"}, 406),
        ({"Accept": "application/fhir+json;fhirVersion=4.0"}, 200),
        ({"Accept": "text/html, */*;q=0.1"}, 200),
    ],
)
def test_media_types_are_enforced(door: DoorUnderTest, headers: dict[str, str], status: int) -> None:
    response = match(door, b'{"resourceType": "Parameters"}', **headers)
    assert response.status_code == status, response.text
    if status != 200:
        assert reason_of(response) == "request.unsupported_media"
        assert door.events[-1].reason == "request.unsupported_media"


def test_the_format_parameter_knows_json_only(door: DoorUnderTest) -> None:
    token = door.token()
    assert call(door, path="/fhir/Group/b-1?_format=xml", token=token).status_code == 415
    assert call(door, path="/fhir/Group/b-1?_format=json", token=token).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/fhir/Group/b%00", "/fhir/Group/..%2f..", "/fhir/Group/" + "x" * 65, "/fhir/Nothing/1", "/", "/fhir/Group/b-1/"],
)
def test_what_nobody_has_is_not_found(door: DoorUnderTest, path: str) -> None:
    response = call(door, path=path)
    assert response.status_code == 404
    assert reason_of(response) == "request.not_found"


def test_a_method_that_nobody_serves_is_said_so(door: DoorUnderTest) -> None:
    response = call(door, "PUT", "/fhir/Group/b-1")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert call(door, "HEAD", "/fhir/Group/b-1").status_code == 405


def test_nul_in_a_query_is_refused(door: DoorUnderTest) -> None:
    assert reason_of(call(door, path="/fhir/Group/b-1?code=%00")) == "request.malformed"


def test_an_answer_never_repeats_what_was_sent(door: DoorUnderTest) -> None:
    token = door.token()
    answers = [
        match(door, f'{{"name": "{MARKER}", '.encode()),
        call(door, path=f"/fhir/Patient/{MARKER}", token=token),
        call(door, path=f"/fhir/Group/b-1?_format={MARKER}", token=token),
        call(door, token=MARKER),
        door.ask_token(MARKER),
        door.ask_token(scope=MARKER),
        door.ask_token(grant_type=MARKER),
    ]
    assert all(answer.status_code >= 400 for answer in answers)
    assert not any(MARKER in answer.text or MARKER in str(answer.headers) for answer in answers)
    assert not any(MARKER in str(event) for event in door.events)


class TestWhoCalls:
    """The certificate, the token, and that they belong together."""

    def test_no_certificate(self, door: DoorUnderTest) -> None:
        response = call(door, certificate=None)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert reason_of(response) == "caller.unknown"
        assert door.events[-1].name == "caller.refused"
        assert door.events[-1].chain.startswith("day:")

    def test_no_certificate_at_the_token_endpoint(self, door: DoorUnderTest) -> None:
        response = door.ask_token(certificate=None)
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"

    @pytest.mark.parametrize("name", ["rogue", "server-usage"])
    def test_a_certificate_that_we_do_not_accept_ends_the_handshake(self, door: DoorUnderTest, name: str) -> None:
        with pytest.raises((httpx2.ReadError, httpx2.ConnectError, httpx2.RemoteProtocolError, httpx2.WriteError)):
            door.ask_token(certificate=name)

    def test_a_token_with_the_certificate_of_another(self, door: DoorUnderTest) -> None:
        response = call(door, certificate="plan-c", token=door.token())
        assert response.status_code == 401
        assert reason_of(response) == "caller.certificate_mismatch"
        assert door.events[-1].chain == "partner:p-plan-b"

    def test_a_certificate_named_in_a_header_counts_for_nothing(self, door: DoorUnderTest) -> None:
        pem = door.grounds.clients["plan-b"].certificate.read_text()
        forged = {"Client-Cert": f":{''.join(pem.splitlines()[1:-1])}:", "X-Forwarded-Client-Cert": "Hash=abc"}
        assert call(door, certificate=None, headers=forged).status_code == 401

    @pytest.mark.parametrize(
        "authorization", ["", "Bearer", "Basic cGxhbi1iOng=", "Bearer a b", "Bearer " + "x" * 300, "token"]
    )
    def test_what_is_no_bearer_token(self, door: DoorUnderTest, authorization: str) -> None:
        with door.client() as http:
            response = http.get("/fhir/Group/b-1", headers={"Authorization": authorization})
        assert response.status_code == 401
        assert reason_of(response) == "caller.unknown"

    def test_two_tokens_at_once(self, door: DoorUnderTest) -> None:
        token = door.token()
        with door.client() as http:
            headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
            assert http.get("/fhir/Group/b-1", headers=headers).status_code == 401

    def test_a_token_that_is_over(self, fresh_door: DoorUnderTest) -> None:
        token = fresh_door.token()
        with fresh_door.database.owner.transaction() as conn:
            conn.execute("update gateway.access_token set expires_at = now() - interval '1 second'")
        assert call(fresh_door, token=token).status_code == 401

    @pytest.mark.parametrize("status", [PartnerStatus.SUSPENDED, PartnerStatus.QUARANTINED, PartnerStatus.RETIRED])
    def test_a_suspension_ends_tokens_that_are_out(self, fresh_door: DoorUnderTest, status: PartnerStatus) -> None:
        token = fresh_door.token()
        with fresh_door.database.operator.transaction() as conn:
            directory.set_status(conn, "p-plan-b", status, by="tests", reason="shown")
        response = call(fresh_door, token=token)
        assert response.status_code == 403
        assert reason_of(response) == "caller.suspended"

    def test_a_certificate_no_longer_agreed_ends_tokens_that_are_out(self, fresh_door: DoorUnderTest) -> None:
        token = fresh_door.token()
        with fresh_door.database.operator.transaction() as conn:
            directory.replace_certificates(conn, "p-plan-b", ["B" * 43], by="tests", reason="key lost")
        assert reason_of(call(fresh_door, token=token)) == "caller.certificate_mismatch"

    def test_a_scope_that_does_not_cover_the_call(self, door: DoorUnderTest) -> None:
        response = call(door, token=door.token(scope="system/Patient.rs"))
        assert response.status_code == 403
        assert "insufficient_scope" in response.headers["www-authenticate"]
        assert door.events[-1].reason == "caller.wrong_scope"

    def test_old_tls_is_refused(self, door: DoorUnderTest) -> None:
        context = door.grounds.client_context("plan-b")
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx2.ConnectError), httpx2.Client(verify=context, trust_env=False) as http:
            http.get(f"{door.base_url}/fhir/metadata")


class TestWhatWeSayAboutOurselves:
    """Metadata and the well-known files: plain TLS, no certificate, at both bases."""

    @pytest.mark.parametrize("base", ["", "/fhir"])
    @pytest.mark.parametrize("name", ["smart-configuration", "davinci-configuration", "jwks.json"])
    def test_well_known_files_need_no_certificate(self, door: DoorUnderTest, base: str, name: str) -> None:
        with door.client(None) as http:
            response = http.get(f"{base}/.well-known/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"

    def test_the_token_address_is_the_one_that_works(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            smart = http.get("/fhir/.well-known/smart-configuration").json()
        assert smart["token_endpoint"] == door.door.token_url
        assert smart["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
        assert door.token()

    def test_the_configuration_is_json_whatever_is_accepted(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            found = http.get("/fhir/.well-known/smart-configuration", headers={"Accept": "text/html"})
        assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
        addresses = [value for name, value in found.json().items() if name.endswith(("endpoint", "uri"))]
        assert addresses
        assert all(address.startswith("https://") for address in addresses)
        assert "issuer" not in found.json(), "only where people sign on (SMART App Launch 2.2, conformance)"

    def test_every_scope_that_is_named_can_be_granted(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            named = http.get("/.well-known/smart-configuration").json()["scopes_supported"]
        assert scopes.grant(" ".join(named), [*SCOPES, "system/Group.rs", scopes.EXPORT_ALIAS]) == tuple(named)

    def test_both_versions_are_named(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            davinci = http.get("/.well-known/davinci-configuration").json()
        assert set(davinci["endpoints"]) == {"davinci_pdex_payer_endpoint#2.1", "davinci_pdex_payer_endpoint#2.2"}
        assert davinci["identifier"] == {"system": "urn:payers", "value": "plan-a"}

    def test_the_statement_names_what_is_there_and_nothing_else(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            statement = http.get("/fhir/metadata").json()
        [rest] = statement["rest"]
        named = {row["type"]: row for row in rest["resource"]}
        assert set(named) == {"Group", "Patient"}
        assert [op["name"] for op in named["Patient"]["operation"]] == ["member-match"]
        assert named["Group"]["searchParam"] == [{"name": "code", "type": "token"}]
        assert "private" not in json.dumps(statement)

    def test_our_keys_are_public_ones(self, door: DoorUnderTest) -> None:
        with door.client(None) as http:
            keys = http.get("/.well-known/jwks.json").json()["keys"]
        assert keys
        assert all("d" not in key for key in keys)


class TestOperations:
    """What an operation may do, and what the door makes of it."""

    def opened(self, database: ScratchDatabase, grounds: Grounds, run: Any, **options: Any) -> DoorUnderTest:
        operation = Operation("POST", "/Thing/$do", run, scopes=("system/Thing.r",), body=Body.OPTIONAL)
        door = DoorUnderTest(database, grounds, extra=[operation], **options)
        door.add(a_partner("plan-b"))
        door.add(a_partner("plan-c"))
        return door

    @pytest.mark.parametrize(
        ("raised", "status", "shown"),
        [
            (Refusal("identity.weak"), 422, "identity.not_enrolled"),
            (Refusal("identity.conflict_birth_date", MARKER), 422, "identity.not_enrolled"),
            (Refusal("consent.expired"), 422, "consent.expired"),
            (Refusal("policy.denied"), 422, "consent.missing"),
            (Refusal("request.not_found"), 404, "request.not_found"),
            (Refusal("record.withheld"), 500, "system.bug"),
            (Fault(FaultKind.RETRYABLE, "system.storage", retry_after_s=7), 503, "system.storage"),
            (Fault(FaultKind.OURS, "system.bug"), 500, "system.bug"),
            (ValueError(MARKER), 500, "system.bug"),
            (RecursionError(MARKER), 500, "system.bug"),
        ],
        ids=str,
    )
    def test_whatever_is_raised_is_rendered_once_and_changes_nothing(
        self, database: ScratchDatabase, grounds: Grounds, raised: Exception, status: int, shown: str, capfd: Any
    ) -> None:
        def run(_call: Call, conn: Connection) -> Answer:
            conn.execute("insert into gateway.rate values ('written before the failure', now())")
            raise raised

        door = self.opened(database, grounds, run)
        try:
            response = call(door, "POST", "/fhir/Thing/$do")
        finally:
            door.close()
        assert response.status_code == status
        assert reason_of(response) == shown
        assert MARKER not in response.text
        assert MARKER not in "".join(capfd.readouterr())
        assert (status == 503) == ("retry-after" in response.headers)
        with database.owner.transaction() as conn:
            row = conn.execute("select count(*) as n from gateway.rate where bucket like 'written%'").fetchone()
        assert row == {"n": 0}

    def test_a_no_that_is_returned_keeps_what_was_written(self, database: ScratchDatabase, grounds: Grounds) -> None:
        def run(call: Call, conn: Connection) -> Answer:
            conn.execute("insert into gateway.rate values ('kept', now())")
            return refused("identity.not_enrolled", call.context)

        door = self.opened(database, grounds, run)
        try:
            response = call(door, "POST", "/fhir/Thing/$do")
        finally:
            door.close()
        assert response.status_code == 422
        with database.owner.transaction() as conn:
            row = conn.execute("select count(*) as n from gateway.rate where bucket = 'kept'").fetchone()
        assert row == {"n": 1}

    def test_a_stream_comes_whole_or_is_cut(self, database: ScratchDatabase, grounds: Grounds, capfd: Any) -> None:
        closed: list[str] = []

        def chunks(breaks: bool) -> Any:
            try:
                yield b"one\n"
                if breaks:
                    raise ValueError(MARKER)
                yield b"two\n"
            finally:
                closed.append("closed")

        def run(call: Call, _conn: Connection) -> Answer:
            return Answer(body=chunks("break" in call.query), media_type="application/fhir+ndjson")

        door = self.opened(database, grounds, run)
        try:
            assert call(door, "POST", "/fhir/Thing/$do").text == "one\ntwo\n"
            with pytest.raises(httpx2.RemoteProtocolError):
                call(door, "POST", "/fhir/Thing/$do?break=1")
        finally:
            door.close()
        assert closed == ["closed", "closed"]
        assert MARKER not in "".join(capfd.readouterr())

    def test_a_database_that_is_away_is_no_verdict(self, fresh_door: DoorUnderTest) -> None:
        token = fresh_door.token()
        fresh_door.database.door.close()
        response = call(fresh_door, token=token)
        assert response.status_code == 503
        assert reason_of(response) == "system.overloaded"
        assert response.headers["retry-after"]


class TestIdempotency:
    """The same key is the same call."""

    @pytest.fixture
    def key(self) -> str:
        return uuid.uuid4().hex

    BODY = b'{"resourceType": "Parameters", "parameter": []}'

    def test_a_finished_answer_is_repeated(self, door: DoorUnderTest, key: str) -> None:
        first = match(door, self.BODY, Idempotency_Key=key)
        again = match(door, b'{"parameter": [], "resourceType":"Parameters"}', Idempotency_Key=key)
        other = match(door, self.BODY, Idempotency_Key=f"{key}-other")
        assert first.status_code == again.status_code == 200
        assert first.json()["nonce"] == again.json()["nonce"] != other.json()["nonce"]

    def test_another_body_under_the_same_key_is_refused(self, door: DoorUnderTest, key: str) -> None:
        match(door, self.BODY, Idempotency_Key=key)
        response = match(door, b'{"resourceType": "Parameters"}', Idempotency_Key=key)
        assert response.status_code == 422
        assert reason_of(response) == "request.duplicate_differs"

    def test_a_key_belongs_to_its_partner(self, door: DoorUnderTest, key: str) -> None:
        mine = match(door, self.BODY, Idempotency_Key=key).json()
        theirs = call(
            door,
            "POST",
            MATCH,
            content=self.BODY,
            certificate="plan-c",
            token=door.token(client_id="plan-c"),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        ).json()
        assert theirs["partner"] == "p-plan-c"
        assert theirs["nonce"] != mine["nonce"]

    def test_a_kept_answer_cannot_be_read_in_the_database(self, door: DoorUnderTest, key: str) -> None:
        match(door, f'{{"name": "{MARKER}"}}'.encode(), Idempotency_Key=key)
        with door.database.owner.transaction() as conn:
            [row] = conn.execute("select answer from gateway.idempotency where key = %s", [key]).fetchall()
        assert row["answer"]
        assert MARKER.encode() not in bytes(row["answer"])

    def test_a_key_that_is_in_work_is_told_to_wait(self, door: DoorUnderTest, key: str) -> None:
        token = door.token()
        with door.database.owner.transaction() as conn:
            conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"p-plan-b {key}"])
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            response = call(door, "POST", MATCH, content=self.BODY, token=token, headers=headers)
        assert response.status_code == 409
        assert response.headers["retry-after"] == "1"

    @pytest.mark.parametrize("unusable", ["", "x" * 256])
    def test_an_unusable_key_is_refused(self, door: DoorUnderTest, unusable: str) -> None:
        assert match(door, self.BODY, Idempotency_Key=unusable).status_code == 400


def test_too_many_calls_wait_and_others_do_not(database: ScratchDatabase, grounds: Grounds) -> None:
    rates = {"token": Rate(600, 100), "read": Rate(60, 3)}
    door = DoorUnderTest(database, grounds, rates=rates)
    try:
        door.add(a_partner("plan-b"))
        door.add(a_partner("plan-c"))
        token = door.token()
        answers = [call(door, token=token) for _ in range(5)]
        theirs = call(door, certificate="plan-c", token=door.token(client_id="plan-c"))
    finally:
        door.close()
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    assert answers[4].status_code == 429
    assert int(answers[4].headers["retry-after"]) >= 1
    assert reason_of(answers[4]) == "caller.too_many"
    assert door.events[-1].reason == "caller.too_many"
    assert theirs.status_code == 200


def test_the_token_endpoint_has_a_rate_before_it_looks_at_signatures(
    database: ScratchDatabase, grounds: Grounds
) -> None:
    door = DoorUnderTest(database, grounds, rates={"token": Rate(60, 2), "read": Rate(60, 3)})
    try:
        answers = [door.ask_token("nonsense") for _ in range(4)]
    finally:
        door.close()
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert answers[3].headers["retry-after"]


def test_a_refusal_stands_when_the_ledger_is_away_and_is_counted_later(fresh_door: DoorUnderTest) -> None:
    fresh_door.fail_to_record = True
    assert call(fresh_door, certificate=None).status_code == 401
    fresh_door.fail_to_record = False
    fresh_door.close()
    assert [event.facts["count"] for event in fresh_door.events if "count" in event.facts] == [1]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
def test_the_token_endpoint_reads_forms_only(door: DoorUnderTest, kind: str) -> None:
    with door.client() as http:
        response = http.post("/token", content=b"grant_type=client_credentials", headers={"Content-Type": kind})
    assert response.status_code == 415
    assert response.json()["error"] == "invalid_request"


def test_a_form_without_end_is_cut(door: DoorUnderTest) -> None:
    response = door.ask_token(note="x" * 60_000)
    assert response.status_code == 413
    assert response.json()["error"] == "invalid_request"


def test_the_echo_operation_sees_a_parsed_body(door: DoorUnderTest) -> None:
    assert match(door, b'{"resourceType": "Parameters"}').json()["body"] == {"resourceType": "Parameters"}


def test_an_assertion_good_once_is_good_for_one_of_two(door: DoorUnderTest) -> None:
    text = assertion(claims(door.door.token_url))
    assert [door.ask_token(text).status_code for _ in range(2)] == [200, 401]
    assert door.events[-1].reason == "caller.replayed"
