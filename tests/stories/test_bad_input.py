"""Bad input at every door, over real sockets: a clear no that says what to fix, an event, nothing of it anywhere."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.model.reason import REASONS
from interpayer.partners.scopes import MEMBER_MATCH
from interpayer.simulation.installation import HOST, Installation
from interpayer.system.database import connect, role_url
from interpayer.system.settings import read_settings
from interpayer.system.tls import create_authority, issue_client
from tests.support.doors import OTHER_KEY, assertion, claims
from tests.support.outsider import ASYNC, JSON, Outsider, parameters, stamp
from tests.support.town import Town, enroll, wait_for

MARKER = "Zzyzxmarker"
MALFORMED, PARAMETER, MEDIA = "request.malformed", "request.unsupported_parameter", "request.unsupported_media"
LONG, MIXED = MARKER * 1000, f"{MARKER}\u0430"  # the last letter is Cyrillic
NAME = {"family": "Marlowe", "given": ["Iris"]}
NOT_FOUND, UNKNOWN = "request.not_found", "caller.unknown"
MEMBER = {
    "member_id": "D-1001", "family": "Marlowe", "given": "Iris", "birth_date": "1984-05-17", "sex": "female",
}  # fmt: skip
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NOBODY = b'{"resourceType": "Parameters", "parameter": []}'
MATCH, BULK = "/fhir/Patient/$member-match", "/fhir/Group/$bulk-member-match"
pytestmark = pytest.mark.xdist_group("bad-input")


@dataclass
class Scene:
    """One payer with its doors open, a partner with a finished export, and another partner that has nothing."""

    payer: Installation
    town: Town
    owner: Outsider
    other: Outsider
    ids: dict[str, str] = field(default_factory=dict)

    def events(self, correlation_id: str) -> list[dict[str, Any]]:
        """The refusals on the ledger that carry this correlation id."""
        return [h for h in self.headers() if h["facts"].get("correlation_id") == correlation_id]

    def headers(self) -> list[dict[str, Any]]:
        """The headers of all refusals on the ledger: of callers, of requests, of one member's request."""
        with connect(role_url(read_settings(self.payer.environ), "owner")) as conn:
            rows = conn.execute("select header from audit.event order by id").fetchall()
        found = [json.loads(bytes(row["header"])) for row in rows]
        return [header for header in found if header["outcome"] == "refused"]


@pytest.fixture(scope="module")
def scene(town: Town) -> Iterator[Scene]:
    payer = town.open("doors")
    enroll(payer, town.folder, [MEMBER])
    owner, other = (Outsider(name, payer, town.authority) for name in ("owner", "other"))
    found = Scene(payer, town, owner, other)
    found.ids = _own_things(owner)
    yield found
    for outsider in (owner, other):
        outsider.http.close()
    town.shut("doors")


def _own_things(owner: Outsider) -> dict[str, str]:
    """The owner's group, jobs, file and patient, made by a whole good exchange."""
    kick_off = owner.post("/Group/$bulk-member-match", parameters(owner.match_parts(MEMBER), bulk=True))
    groups = owner.get("/Group").json().get("entry") if owner.result(kick_off) else []
    group = next(e["resource"] for e in groups if e["resource"].get("member"))
    asked = owner.post(f"/Group/{group['id']}/$davinci-data-export", {"resourceType": "Parameters", "parameter": []})
    manifest = owner.result(asked)
    files = [out["url"].rpartition("/")[2] for out in manifest["output"]]
    single = owner.post("/Patient/$member-match", parameters(owner.match_parts(MEMBER)))
    (patient,) = [
        p["valueReference"]["reference"].rpartition("/")[2]
        for p in single.json()["parameter"]
        if p["name"] == "MemberId"
    ]
    return {
        "group": group["id"],
        "job": asked.headers["content-location"].rpartition("/")[2],
        "file": files[0],
        "patient": patient,
    }


@dataclass(frozen=True)
class Bad:
    """One bad call at the partners' door, the answer that it deserves; `{job}` and the like name the owner's things."""

    method: str
    path: str
    status: int
    reason: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    by: str = "owner"


def _match(change: Callable[[dict[str, Any]], None]) -> Callable[[Outsider], bytes]:
    """A good match with one thing changed."""

    def made(owner: Outsider) -> bytes:
        body = parameters(owner.match_parts(MEMBER))
        change(body)
        return json.dumps(body).encode()

    return made


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(parameter=[p for p in body["parameter"] if p["name"] != name])


def _in(part: str, /, **elements: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        next(p for p in body["parameter"] if p["name"] == part)["resource"].update(elements)

    return change


def _only_a_zip(body: dict[str, Any]) -> None:
    patient = next(p for p in body["parameter"] if p["name"] == "MemberPatient")
    patient["resource"] = {"resourceType": "Patient", "id": "member", "address": [{"postalCode": "53259"}]}


# Said by the answer, each element that it names; nobody was looked for.
NAMED = {
    "an empty name": ("MemberPatient.name.family", "MemberPatient.name.given"),
    "a name of 10,000 characters": ("MemberPatient.name.family",),
    "a street of 10,000 characters": ("MemberPatient.address",),
    "two scripts in one name": ("MemberPatient.name.family",),
    "a thousand names": ("MemberPatient.name.family",),
    "a day that does not exist": ("MemberPatient.birthDate",),
    "a birth that is still to come": ("MemberPatient.birthDate",),
    "only a ZIP": (
        "MemberPatient.name.family", "MemberPatient.name.given", "MemberPatient.birthDate", "MemberPatient.gender",
    ),
    "a card number of 10,000 characters": ("CoverageToMatch.subscriberId",),
}  # fmt: skip
BAD_MATCHES: dict[str, tuple[Callable[[Outsider], bytes], int, str]] = {
    "no member": (_match(_without("MemberPatient")), 422, "request.missing_member"),
    "no consent": (_match(_without("Consent")), 422, "request.missing_consent"),
    "no coverage": (_match(_without("CoverageToMatch")), 400, MALFORMED),
    "a part twice": (_match(lambda b: b["parameter"].append(b["parameter"][0])), 400, MALFORMED),
    "an unknown part": (
        _match(lambda b: b["parameter"].append({"name": MARKER, "valueString": MARKER})),
        *(400, PARAMETER),
    ),
    "a resource of another type": (_match(_in("MemberPatient", resourceType="Practitioner")), 400, MALFORMED),
    "parts that are no objects": (_match(lambda b: b.update(parameter=[MARKER])), 400, MALFORMED),
    "a name that is a number": (_match(_in("MemberPatient", name=7)), 422, MALFORMED),
    "names of the wrong shape": (_match(_in("MemberPatient", name=[{"family": [MARKER]}])), 422, MALFORMED),
    "a birth date that is none": (_match(_in("MemberPatient", birthDate=MARKER)), 422, MALFORMED),
    "a birth date that is a number": (_match(_in("MemberPatient", birthDate=19840517)), 422, MALFORMED),
    "an empty name": (_match(_in("MemberPatient", name=[{"family": " ", "given": [""]}])), 422, MALFORMED),
    "a name of 10,000 characters": (_match(_in("MemberPatient", name=[{**NAME, "family": LONG}])), 422, MALFORMED),
    "a street of 10,000 characters": (_match(_in("MemberPatient", address=[{"line": [LONG]}])), 422, MALFORMED),
    "two scripts in one name": (_match(_in("MemberPatient", name=[{**NAME, "family": MIXED}])), 422, MALFORMED),
    "a thousand names": (_match(_in("MemberPatient", name=[NAME] * 1000)), 422, MALFORMED),
    "a day that does not exist": (_match(_in("MemberPatient", birthDate="1984-02-30")), 422, MALFORMED),
    "a birth that is still to come": (_match(_in("MemberPatient", birthDate="2084-05-17")), 422, MALFORMED),
    "only a ZIP": (_match(_only_a_zip), 422, MALFORMED),
    "a card number of 10,000 characters": (_match(_in("CoverageToMatch", subscriberId=LONG)), 422, MALFORMED),
    "a coverage without an id": (_match(_in("CoverageToMatch", identifier=MARKER)), 422, MALFORMED),
    "a consent without a period": (_match(_in("Consent", provision={"type": MARKER})), 422, "consent.malformed"),
    "a consent of the wrong shape": (_match(_in("Consent", provision=[MARKER])), 422, "consent.malformed"),
}

BAD_CALLS: dict[str, Bad] = {
    # what is sent
    "malformed JSON": Bad("POST", MATCH, 400, MALFORMED, f'{{"a": "{MARKER}"'.encode(), JSON),
    "no JSON object": Bad("POST", MATCH, 400, MALFORMED, f'["{MARKER}"]'.encode(), JSON),
    "no body": Bad("POST", MATCH, 400, MALFORMED, b"", JSON),
    "NUL": Bad("POST", MATCH, 400, MALFORMED, b'{"a": "\\u0000"}', JSON),
    "not UTF-8": Bad("POST", MATCH, 400, MALFORMED, b'{"a": "\xff"}', JSON),
    "deep JSON": Bad("POST", MATCH, 400, MALFORMED, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", JSON),
    "another resource": Bad("POST", MATCH, 400, MALFORMED, b'{"resourceType": "Bundle"}', JSON),
    "oversized": Bad("POST", MATCH, 413, "request.too_large", b" " * (1024 * 1024 + 1), JSON),
    "text": Bad("POST", MATCH, 415, MEDIA, MARKER.encode(), {"Content-Type": "text/plain"}),
    "compressed": Bad("POST", MATCH, 415, MEDIA, b"{}", {**JSON, "Content-Encoding": "gzip"}),
    "HTML wanted": Bad("POST", MATCH, 406, MEDIA, b"{}", {**JSON, "Accept": "text/html"}),
    "XML wanted": Bad("GET", f"/fhir/Group?_format={MARKER}", 415, MEDIA),
    "NUL in the query": Bad("GET", "/fhir/Group?code=%00", 400, MALFORMED),
    "bulk, not asynchronous": Bad("POST", BULK, 400, MALFORMED, b'{"resourceType": "Parameters"}', JSON),
    "bulk for nobody": Bad("POST", BULK, 422, "request.missing_member", NOBODY, ASYNC),
    # parameters of an export
    "an unknown parameter": Bad("GET", "{export}?{marker}=1", 400, PARAMETER, headers=ASYNC),
    "_since is no time": Bad("GET", "{export}?_since={marker}", 400, MALFORMED, headers=ASYNC),
    "_since without a zone": Bad("GET", "{export}?_since=2026-01-01T00:00:00", 400, MALFORMED, headers=ASYNC),
    "_until is no time": Bad("GET", "{export}?_until=2026-13-01", 400, MALFORMED, headers=ASYNC),
    "_type is no type": Bad("GET", "{export}?_type=Patient,{marker}", 400, PARAMETER, headers=ASYNC),
    "_typeFilter": Bad("GET", "{export}?_typeFilter=Patient", 400, PARAMETER, headers=ASYNC),
    "_outputFormat": Bad("GET", "{export}?_outputFormat={marker}", 400, PARAMETER, headers=ASYNC),
    "exportType": Bad("GET", "{export}?exportType={marker}", 400, PARAMETER, headers=ASYNC),
    "$everything, unknown": Bad("GET", "/fhir/Patient/{patient}/$everything?{marker}=1", 400, PARAMETER),
    "$everything, _since": Bad("GET", "/fhir/Patient/{patient}/$everything?_since={marker}", 400, MALFORMED),
    "$everything, _type": Bad("GET", "/fhir/Patient/{patient}/$everything?_type={marker}", 400, PARAMETER),
    # what belongs to another partner, to nobody, or cannot be
    "a foreign job": Bad("GET", "/fhir/job/{job}", 404, NOT_FOUND, by="other"),
    "a foreign job's issues": Bad("GET", "/fhir/job/{job}/issues", 404, NOT_FOUND, by="other"),
    "deleting a foreign job": Bad("DELETE", "/fhir/job/{job}", 404, NOT_FOUND, by="other"),
    "a foreign file": Bad("GET", "/fhir/file/{file}", 404, NOT_FOUND, by="other"),
    "a foreign Group": Bad("GET", "/fhir/Group/{group}", 404, NOT_FOUND, by="other"),
    "export of a foreign Group": Bad("GET", "{export}", 404, NOT_FOUND, headers=ASYNC, by="other"),
    "a foreign Patient": Bad("GET", "/fhir/Patient/{patient}/$everything", 404, NOT_FOUND, by="other"),
    "a job of nobody": Bad("GET", "/fhir/job/j-{marker}", 404, NOT_FOUND),
    "an id that cannot be": Bad("GET", "/fhir/job/" + "j" * 200, 404, NOT_FOUND),
    "an id with a quote": Bad("GET", "/fhir/Group/b'or'1", 404, NOT_FOUND),
    "a file of nobody": Bad("GET", "/fhir/file/{marker}", 404, NOT_FOUND),
    "a path of nobody": Bad("GET", "/fhir/Practitioner/{marker}", 404, NOT_FOUND),
    "a method of nobody": Bad("PUT", "/fhir/Group/{group}", 405, NOT_FOUND, b"{}", JSON),
    # who calls
    "no token": Bad("GET", "/fhir/Group", 401, UNKNOWN, headers={"Authorization": ""}),
    "an unknown token": Bad("GET", "/fhir/Group", 401, UNKNOWN, headers={"Authorization": f"Bearer {MARKER}"}),
    "another scheme": Bad("GET", "/fhir/Group", 401, UNKNOWN, headers={"Authorization": f"Basic {MARKER}"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MATCHES)
def test_a_bad_match_at_the_partners_door(scene: Scene, name: str) -> None:
    make, status, reason = BAD_MATCHES[name]
    _refused_by_fhir(scene, Bad("POST", MATCH, status, reason, make(scene.owner), JSON))
    _good_calls_still_work(scene)


@pytest.mark.parametrize("name", NAMED)
def test_a_match_that_cannot_be_decided_says_what_to_correct(scene: Scene, name: str) -> None:
    make, status, _ = BAD_MATCHES[name]
    body = make(scene.owner)
    answer = scene.owner.http.post(MATCH, content=body, headers={**scene.owner.headers, **JSON})
    assert answer.status_code == status
    assert answer.json()["issue"][0]["diagnostics"] == f"supply or correct: {', '.join(NAMED[name])}"
    # the same inside many: the one that cannot be decided is not found, the others are answered
    bad = [{"name": "MemberBundle", "part": json.loads(body)["parameter"]}]
    good = parameters(scene.owner.match_parts(MEMBER), bulk=True)["parameter"]
    kick_off = scene.owner.post("/Group/$bulk-member-match", {"resourceType": "Parameters", "parameter": bad + good})
    manifest = scene.owner.result(kick_off)
    groups = [g for out in manifest["output"] if out["type"] == "Group" for g in scene.owner.lines(out["url"])]
    assert {g["code"]["coding"][0]["code"]: g["quantity"] for g in groups} == {"match": 1, "nomatch": 1}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_at_the_partners_door(scene: Scene, name: str) -> None:
    _refused_by_fhir(scene, BAD_CALLS[name])
    _good_calls_still_work(scene)


def test_a_token_of_somebody_else(scene: Scene) -> None:
    """A stolen token is worth nothing without the certificate that it is bound to."""
    stolen = {"Authorization": f"Bearer {scene.other.token}"}
    _refused_by_fhir(scene, Bad("GET", "/fhir/Group", 401, "caller.certificate_mismatch", headers=stolen))
    _good_calls_still_work(scene)


def test_no_certificate(scene: Scene) -> None:
    bad = Bad("GET", "/fhir/Group", 401, UNKNOWN)
    with scene.owner.client(None) as http:
        _refused_by_fhir(scene, bad, http=http)


def test_a_certificate_of_an_unknown_authority(scene: Scene) -> None:
    rogue = create_authority(scene.owner.folder / "rogue", "Rogue")
    with scene.owner.client(issue_client(scene.owner.folder, rogue, "rogue")) as http, pytest.raises(httpx2.HTTPError):
        http.get("/fhir/metadata")
    _good_calls_still_work(scene)


def test_an_expired_token(scene: Scene) -> None:
    late = Outsider("late", scene.payer, scene.town.authority)
    assert late.get("/Group").status_code == 200
    with connect(role_url(read_settings(scene.payer.environ), "owner")) as conn:
        conn.execute("update gateway.access_token set expires_at = now() where client_id = 'late'")
    _refused_by_fhir(scene, Bad("GET", "/fhir/Group", 401, UNKNOWN), caller=late)
    late._token = ""
    assert late.get("/Group").status_code == 200
    late.http.close()


def test_a_token_for_less(scene: Scene) -> None:
    token = scene.owner.ask_token(scope=MEMBER_MATCH).json()["access_token"]
    less = {"Authorization": f"Bearer {token}"}
    _refused_by_fhir(scene, Bad("GET", "/fhir/Group", 403, "caller.wrong_scope", headers=less))


def test_a_suspended_partner(scene: Scene) -> None:
    gone = Outsider("gone", scene.payer, scene.town.authority)
    assert gone.get("/Group").status_code == 200
    scene.payer.command("partner", "suspend", "gone", "--reason", "contract ended")
    _refused_by_fhir(scene, Bad("GET", "/fhir/Group", 403, "caller.suspended"), caller=gone)
    gone.http.close()


@pytest.mark.parametrize("asked", ["bytes=abc-", "lines=3-", "bytes=999999999-", "bytes=5-2", "bytes=-0"])
def test_a_range_that_cannot_be_is_passed_over(scene: Scene, asked: str) -> None:
    """RFC 9110, 14.2: whoever does not understand a Range sends the whole."""
    whole = scene.owner.get(f"/file/{scene.ids['file']}")
    answer = scene.owner.get(f"/file/{scene.ids['file']}", Range=asked)
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert whole.content


TOKEN_CASES: dict[str, tuple[Callable[[Scene], httpx2.Response], int, str, str]] = {
    "another media type": (
        lambda s: s.owner.http.post("/token", content=b"{}", headers={"Content-Type": "application/json"}),
        *(415, "invalid_request", MEDIA),
    ),
    "no form": (lambda s: _form(s, f"{MARKER}"), 400, "invalid_request", MALFORMED),
    "not ASCII": (lambda s: _form(s, b"grant_type=\xff"), 400, "invalid_request", MALFORMED),
    "a parameter twice": (lambda s: _form(s, "scope=a&scope=b"), 400, "invalid_request", MALFORMED),
    "oversized": (lambda s: _form(s, "a=" + "b" * 60_000), 413, "invalid_request", "request.too_large"),
    "no grant type": (lambda s: s.owner.ask_token(grant_type=""), 400, "invalid_request", MALFORMED),
    "another grant type": (
        lambda s: s.owner.ask_token(grant_type=MARKER), 400, "unsupported_grant_type", MALFORMED,
    ),
    "another assertion type": (
        lambda s: s.owner.ask_token(client_assertion_type=MARKER), 400, "invalid_request", MALFORMED,
    ),
    "no assertion": (
        lambda s: _form(s, f"grant_type=client_credentials&scope=a&client_assertion_type={ASSERTION_TYPE}"),
        *(400, "invalid_request", MALFORMED),
    ),
    "an assertion that is none": (
        lambda s: s.owner.ask_token(client_assertion=MARKER), 401, "invalid_client", UNKNOWN,
    ),
    "an unknown partner": (
        lambda s: s.owner.ask_token(client_assertion=_signed(s, client_id=MARKER)),
        *(401, "invalid_client", UNKNOWN),
    ),
    "signed by another key": (
        lambda s: s.owner.ask_token(client_assertion=_signed(s, key=OTHER_KEY)),
        *(401, "invalid_client", UNKNOWN),
    ),
    "for another audience": (
        lambda s: s.owner.ask_token(client_assertion=s.owner.assertion(aud=f"https://{MARKER}.example/token")),
        *(401, "invalid_client", UNKNOWN),
    ),
    "expired": (
        lambda s: s.owner.ask_token(client_assertion=s.owner.assertion(exp=int(time.time()) - 10)),
        *(401, "invalid_client", UNKNOWN),
    ),
    "too long a life": (
        lambda s: s.owner.ask_token(client_assertion=s.owner.assertion(exp=int(time.time()) + 3600)),
        *(401, "invalid_client", UNKNOWN),
    ),
    "a Patient of nobody as subject": (
        lambda s: s.owner.ask_token(client_assertion=s.owner.assertion(sub=f"Patient/{MARKER}")),
        *(401, "invalid_client", UNKNOWN),
    ),
    "a scope that is not agreed": (
        lambda s: s.owner.ask_token(scope=f"user/{MARKER}.rs"), 400, "invalid_scope", "caller.wrong_scope",
    ),
    "no certificate": (
        lambda s: _without_certificate(s), 401, "invalid_client", UNKNOWN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOKEN_CASES)
def test_a_bad_request_for_a_token(scene: Scene, name: str) -> None:
    call, status, error, reason = TOKEN_CASES[name]
    answer = call(scene)
    _refused_by_oauth(answer, status, error)
    _on_the_ledger(scene, answer, reason)
    _good_calls_still_work(scene)


def test_a_replayed_jti(scene: Scene) -> None:
    text = scene.owner.assertion(jti=f"{MARKER}-{stamp()}")
    assert scene.owner.ask_token(client_assertion=text).status_code == 200
    answer = scene.owner.ask_token(client_assertion=text)
    _refused_by_oauth(answer, 401, "invalid_client")
    _on_the_ledger(scene, answer, "caller.replayed")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(f"{MARKER}\r\n\r\n".encode(), 400, id="no HTTP"),
        pytest.param(b"GET /fhir/Group HTTP/1.1\r\nX-Long: " + MARKER.encode() * 5000, 431, id="long head"),
    ],
)  # fmt: skip
def test_what_is_no_call_at_all(scene: Scene, sent: bytes, status: int) -> None:
    before = len(scene.headers())
    answer = _raw(scene, sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert MARKER.encode() not in answer
    fresh = wait_for(lambda: scene.headers()[before:])
    assert fresh[-1]["facts"]["route"] == f"connection {status}"
    _good_calls_still_work(scene)


API_CASES: dict[str, tuple[str, str, Mapping[str, Any], int, str]] = {
    "no token": ("GET", "/exchanges", {"headers": {"Authorization": ""}}, 401, UNKNOWN),
    "an unknown token": (
        "GET", "/exchanges", {"headers": {"Authorization": f"Bearer {MARKER}"}}, 401, UNKNOWN,
    ),
    "malformed JSON": ("POST", "/exchanges", {"content": f'{{"a": "{MARKER}'.encode()}, 422, MALFORMED),
    "wrong type": ("POST", "/exchanges", {"json": {"member": [MARKER]}}, 422, MALFORMED),
    "a name of 10,000 characters": (
        "POST", "/exchanges", {"json": {"member": {"names": [{"family": LONG, "given": ["Iris"]}]}}}, 422, MALFORMED,
    ),
    "a day that does not exist": (
        "POST", "/exchanges", {"json": {"member": {"birth_date": "1984-02-30"}}}, 422, MALFORMED,
    ),
    "unknown field": ("POST", "/exchanges", {"json": {"ssn": MARKER}}, 422, MALFORMED),
    "deep JSON": ("POST", "/exchanges", {"content": b"[" * 5000 + b"]" * 5000}, 422, MALFORMED),
    "oversized": ("POST", "/exchanges", {"content": b" " * (1024 * 1024 + 1)}, 413, "request.too_large"),
    "text": (
        "POST", "/exchanges", {"content": MARKER.encode(), "headers": {"Content-Type": "text/plain"}},
        415, MEDIA,
    ),
    "unknown parameter": ("GET", f"/exchanges?{MARKER}=1", {}, 400, PARAMETER),
    "a limit that is none": ("GET", f"/exchanges?limit={MARKER}", {}, 422, MALFORMED),
    "an exchange of nobody": ("GET", f"/exchanges/x-{MARKER}", {}, 404, NOT_FOUND),
    "a case of nobody": ("GET", f"/cases/c-{MARKER}", {}, 404, NOT_FOUND),
    "an id that cannot be": ("GET", f"/exchanges/{MARKER}%20{MARKER}", {}, 404, NOT_FOUND),
    "a path of nobody": ("GET", f"/{MARKER}", {}, 404, NOT_FOUND),
    "a method of nobody": ("DELETE", "/exchanges", {}, 405, MALFORMED),
}  # fmt: skip


@pytest.mark.parametrize("name", API_CASES)
def test_bad_input_at_the_plans_own_door(scene: Scene, name: str) -> None:
    method, path, more, status, reason = API_CASES[name]
    answer = _api(scene, method, path, **more)
    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (status, reason), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["title"] and problem["detail"] and problem["remedy"]
    assert MARKER not in answer.text
    _on_the_ledger(scene, answer, reason)
    assert _api(scene, "GET", "/exchanges").status_code == 200


CONSOLE_CASES: dict[str, tuple[str, str, Mapping[str, Any], int, str]] = {
    "a form from elsewhere": ("POST", "/login", {"data": {"token": MARKER, "mark": "1"}}, 403, "caller.not_permitted"),
    "no form": ("POST", "/login", {"json": {"token": MARKER}}, 415, MEDIA),
    "oversized": ("POST", "/login", {"data": {"token": MARKER * 10_000}}, 413, "request.too_large"),
    "a page of nobody": ("GET", f"/{MARKER}", {}, 404, NOT_FOUND),
    "a method of nobody": ("PUT", "/login", {}, 404, NOT_FOUND),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSOLE_CASES)
def test_bad_input_at_the_console(scene: Scene, name: str) -> None:
    method, path, more, status, reason = CONSOLE_CASES[name]
    before = len(scene.headers())
    with _own_http(scene, scene.payer.console_url) as http:
        answer = http.request(method, path, **more)
        assert answer.status_code == status, answer.text
        assert MARKER not in answer.text
        assert REASONS[reason].remedy in answer.text or REASONS[reason].meaning in answer.text
        fresh = wait_for(lambda: scene.headers()[before:])
        assert fresh[-1]["reason"] == reason
        assert http.get("/login").status_code == 200


def test_a_wrong_token_at_the_console(scene: Scene) -> None:
    with _own_http(scene, scene.payer.console_url) as http:
        page = http.get("/login")
        mark = page.text.partition('name="mark" value="')[2].partition('"')[0]
        answer = http.post("/login", data={"token": MARKER, "mark": mark})
        assert (answer.status_code, MARKER in answer.text) == (401, False), answer.text


def test_one_bad_member_of_many_harms_nobody_else(scene: Scene) -> None:
    good, bad = scene.owner.match_parts(MEMBER), scene.owner.match_parts(MEMBER)
    bad[0]["resource"] |= {"id": "bad", "name": 7, "birthDate": [MARKER]}
    body = parameters(good, bulk=True)
    body["parameter"] += parameters(bad, bulk=True)["parameter"]
    manifest = scene.owner.result(scene.owner.post("/Group/$bulk-member-match", body))
    (groups,) = [out for out in manifest["output"] if out["type"] == "Group"]
    told = _lines(scene.owner.get(groups["url"]))
    sizes = {group["code"]["coding"][0]["code"]: group["quantity"] for group in told}
    assert sizes == {"match": 1, "nomatch": 1}


def test_nothing_of_it_is_kept_or_logged(scene: Scene) -> None:
    """After all of the above: no marker in a log or in a header of the ledger; the refused became no exchange."""
    for log in (scene.payer.home / "log").iterdir():
        assert MARKER not in log.read_text(errors="replace"), log
    assert MARKER not in json.dumps(scene.headers())
    assert MARKER not in json.dumps(scene.payer.exchanges())
    assert scene.payer.command("audit", "verify")["intact"]


def _lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def _refused_by_fhir(
    scene: Scene, bad: Bad, *, http: httpx2.Client | None = None, caller: Outsider | None = None
) -> None:
    by = caller or {"owner": scene.owner, "other": scene.other}[bad.by]
    ids = {**scene.ids, "marker": MARKER, "export": f"/fhir/Group/{scene.ids['group']}/$davinci-data-export"}
    path = bad.path
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    headers = {**by.headers, "X-Correlation-Id": stamp(), **bad.headers}
    answer = (http or by.http).request(bad.method, path, content=bad.content, headers=headers)
    assert answer.status_code == bad.status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["details"]["coding"][0]["code"] == bad.reason, answer.text
    assert issue["details"]["text"] and issue["diagnostics"]
    assert MARKER not in answer.text and MARKER not in str(answer.headers)
    _on_the_ledger(scene, answer, bad.reason)


def _refused_by_oauth(answer: httpx2.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    assert MARKER not in answer.text


def _on_the_ledger(scene: Scene, answer: httpx2.Response, reason: str) -> None:
    found = scene.events(answer.headers["x-correlation-id"])
    assert [event["reason"] for event in found] == [reason]
    # one member's bad request is an exchange that stays incomplete; everything else is refused before there is one
    assert found[0]["facts"].get("status", answer.status_code) == answer.status_code
    assert MARKER not in json.dumps(found)


def _good_calls_still_work(scene: Scene) -> None:
    answer = scene.owner.get(f"/Group/{scene.ids['group']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == scene.ids["group"]


def _form(scene: Scene, content: str | bytes) -> httpx2.Response:
    return scene.owner.http.post("/token", content=content, headers=FORM)


def _without_certificate(scene: Scene) -> httpx2.Response:
    with scene.owner.client(None) as http:
        return scene.owner.ask_token(http=http)


def _signed(scene: Scene, *, client_id: str = "owner", key: Any = None) -> str:
    return assertion(claims(f"{scene.payer.base_url}/token", client_id=client_id), key=key or scene.owner.key)


def _raw(scene: Scene, sent: bytes) -> bytes:
    """What comes back for bytes that no HTTP client would send."""
    context = ssl.create_default_context(cafile=str(scene.payer.home / "tls" / "ca.crt"))
    with (
        socket.create_connection((HOST, scene.payer.ports[0]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        secure.sendall(sent)
        return secure.recv(65536)


def _own_http(scene: Scene, base_url: str) -> httpx2.Client:
    context = ssl.create_default_context(cafile=str(scene.payer.home / "tls" / "ca.crt"))
    return httpx2.Client(verify=context, base_url=base_url, trust_env=False, timeout=20)


def _api(scene: Scene, method: str, path: str, **more: Any) -> httpx2.Response:
    headers = {
        "Authorization": f"Bearer {scene.payer.token}",
        "X-Correlation-Id": stamp(),
        "Idempotency-Key": stamp(),
        **({"Content-Type": "application/json"} if "content" in more else {}),
        **more.pop("headers", {}),
    }
    with _own_http(scene, scene.payer.api_url) as http:
        return http.request(method, f"{scene.payer.api_url}{path}", headers=headers, **more)
