"""Members with marked names, dates, numbers and addresses go through everything that happens to an exchange.

Afterwards the marks are looked for wherever something was written: no log, table, file, event header, problem or output
holds one. What is sealed may hold them, for nobody reads it without the keys; that it does is checked too.
"""

import json
import re
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interpayer.partners.scopes import MEMBER_MATCH
from interpayer.simulation.installation import Installation
from interpayer.system.classification import PLAIN_ON_THE_LEDGER, classification
from tests.support.outsider import ASYNC, JSON, Outsider, parameters
from tests.support.town import Town, enroll, holdings, member_id_of, opted_in, settled, wait_for
from tests.support.traces import Search, files_of, said, tables_of

pytestmark = pytest.mark.xdist_group("no-trace")
MARK = "zzyzxvor"
BORN, BORN_TOO = "1911-03-07", "19110307"
PHONE, SSN4 = "6085550199", "8642"
WORDS = (MARK, BORN, BORN_TOO, PHONE, f'"{SSN4}"', f"={SSN4}")
# What a line of a library's has beside ours: who said it.
OF_LIBRARIES = {"logger"}
OLD, NEW, NOWHERE = "trace-old", "trace-new", "trace-nowhere"


def person(number: int, *, plan: str, **more: str) -> dict[str, str]:
    """A row of an enrollment feed in which everything that could tell who it is carries a mark."""
    return {
        "member_id": f"{MARK}-{plan}-{number}",
        "family": f"{MARK}family{number}",
        "given": f"{MARK}given",
        "birth_date": BORN,
        "sex": "female",
        "ssn_last4": SSN4,
        "phone": PHONE,
        "email": f"{number}@{MARK}.example",
        "address_line": f"{number} {MARK} Street",
        "address_city": f"{MARK}ville",
        "address_state": "WI",
        "address_postal_code": "53719",
        **more,
    }


DELIVERED, WITHDRAWN, AMBIGUOUS, LOST, BROKEN = 1, 2, 3, 4, 5


@dataclass
class Scene:
    """Two payers after everything has happened, and what their doors answered to it."""

    town: Town
    old: Installation
    new: Installation
    answers: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def scene(town: Town) -> Iterator[Scene]:
    old, new = town.open_all(OLD, NEW)
    found = Scene(town, old, new, [])
    _what_the_old_plan_holds(found)
    _exchanges(found)
    _other_keys(found)
    _a_crash_in_the_middle(found)
    _bad_input(found)
    _a_dead_letter(found)
    yield found
    town.shut(OLD, NEW)


def test_no_mark_is_found_anywhere(scene: Scene, tmp_path: Path) -> None:
    search = Search(WORDS)
    for place, content in scene.answers:
        search.look(place, content)
    for one in (scene.old, scene.new):
        one.command("db", "backup", str(tmp_path / one.name))
        search.look(f"{one.name} backup manifest", (tmp_path / one.name / "manifest.json").read_bytes())
        exported = _ledger_of(one, tmp_path / f"{one.name}-ledger")
        for place, content in (*files_of(one), *tables_of(one), *_outputs(one), *exported):
            search.look(place, content)
    assert search.hits == []
    _assert_looked_everywhere(search)


def test_every_field_of_a_log_is_one_that_may_be_logged(scene: Scene) -> None:
    """The list of classification.toml holds in the processes too; of libraries only the place is added."""
    logs = [path for one in (scene.old, scene.new) for path in (one.home / "log").glob("*.log")]
    texts = [path.read_text() for path in logs if path.name != "database.log"]
    lines = [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
    fields = {field for line in lines for field in line}
    assert fields <= classification().logs | OF_LIBRARIES
    assert len(lines) > 10


def test_every_open_fact_on_the_ledger_has_a_class_that_may_stand_there(scene: Scene) -> None:
    """What events really said, whatever the code builds it from: nothing that tells who somebody is, unsealed."""
    read, names = classification(), set()
    for one in (scene.old, scene.new):
        for exchange in one.exchanges():
            _, told = one.api("GET", f"/audit/exchanges/{exchange['exchange']}")
            names |= {name for event in told["events"] for name in event["facts"]}
    classes = {name: read.of_field(name, place="event") for name in names}
    assert {n: c for n, c in classes.items() if c not in PLAIN_ON_THE_LEDGER} == {}
    assert len(names) > 10


def test_what_is_sealed_holds_them(scene: Scene) -> None:
    """Otherwise nothing would have been shown: the marks really went through, and the search really finds."""
    member_id = member_id_of(scene.town, scene.new, f"{MARK}-new-{DELIVERED}")
    bodies = json.dumps(holdings(scene.town, scene.new, member_id), default=str)
    assert f"{MARK} condition" in bodies
    search = Search(WORDS)
    search.look("a row", f"1\t\\x{bodies.encode().hex()}\n")
    search.look("a log", f"member {MARK.upper()} born {BORN}")
    assert {hit.partition(":")[0] for hit in search.hits} == {"a row (bytes)", "a log"}


def test_all_of_it_happened(scene: Scene) -> None:
    """A delivery, refusals, a case, another wrapping key, a crash, a quarantine and a dead letter."""
    reached = {exchange["state"] for exchange in scene.new.exchanges()}
    assert {"completed", "unresolved", "failed"} <= reached
    assert {exchange["state"] for exchange in scene.old.exchanges()} >= {"completed", "in_review", "blocked"}
    assert scene.new.command("dead-letter", "list")["letters"]
    for one in (scene.old, scene.new):
        assert one.log("worker-1").read_text().count("worker.started") == 2
        assert [key["version"] for key in one.command("vault", "status")["versions"]] == [2]


def _what_the_old_plan_holds(scene: Scene) -> None:
    folder = scene.town.folder
    rows = [person(n, plan="old") for n in (DELIVERED, WITHDRAWN, LOST)]
    card = f"{MARK}-family-card"
    rows += [person(AMBIGUOUS, plan=plan, subscriber_id=card) for plan in ("old", "old-again")]
    enroll(scene.old, folder, rows)
    withdrawn = {"opt_in": "withdrawn", "opt_in_on": "2026-01-02", "opt_in_proof": "form 13"}
    enroll(scene.old, folder, [person(WITHDRAWN, plan="old", **withdrawn)])
    records = folder / "marked-records"
    records.mkdir()
    for n in (DELIVERED, LOST):
        lines = [_patient(f"{MARK}-old-{n}", n), *(_condition(n, c) for c in range(3))]
        (records / f"{n}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    # a record of nobody, one that breaks the contract, and a line that is no JSON
    stray = {**_condition(LOST, 9), "subject": {"reference": f"Patient/{MARK}-nobody"}}
    wrong = {"resourceType": "Observation", "id": f"{MARK}-o", "subject": {"reference": f"Patient/p{LOST}"}}
    (records / "stray.ndjson").write_text(f'{json.dumps(stray)}\n{json.dumps(wrong)}\n{{"id": "{MARK}\n')
    scene.answers.append(("load fhir", said(scene.old, "load", "fhir", str(records))))
    feed = folder / "marked-faults.csv"
    feed.write_text(f"member_id,family,given,birth_date,as_of,coverage_start,status\n{MARK},{MARK},{MARK},{MARK},,,\n")
    scene.answers.append(("load enrollments", said(scene.old, "load", "enrollments", str(feed))))
    feed.write_text(f"member_id,{MARK}\n1,2\n")
    scene.answers.append(("load enrollments", said(scene.old, "load", "enrollments", str(feed))))


def _exchanges(scene: Scene) -> None:
    rows = [person(n, plan="new", **opted_in(OLD, member_id=f"{MARK}-old-{n}")) for n in (DELIVERED, WITHDRAWN)]
    told = opted_in(OLD, member_id="") | {"prior_subscriber_id": f"{MARK}-family-card"}
    rows.append(person(AMBIGUOUS, plan="new", **told))
    enroll(scene.new, scene.town.folder, rows)
    _all_settled(scene)


def _other_keys(scene: Scene) -> None:
    """The wrapping key changes while doors and workers run, and the old one is destroyed: what follows must go on."""
    for one in (scene.old, scene.new):
        assert one.command("vault", "rotate")["version"] == 2
        one.command("vault", "retire", "1")


def _a_crash_in_the_middle(scene: Scene) -> None:
    """Both payers' workers and doors are killed while an exchange is under way."""
    enroll(scene.new, scene.town.folder, [person(LOST, plan="new", **opted_in(OLD, member_id=f"{MARK}-old-{LOST}"))])
    wait_for(lambda: {"sent", "acknowledged", "receiving"} & {e["state"] for e in scene.new.exchanges()})
    for one in (scene.old, scene.new):
        for name in ("worker-1", "doors"):
            one.kill(name)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: one.start("doors", "worker"), (scene.old, scene.new)))
    _all_settled(scene)


def _bad_input(scene: Scene) -> None:
    """Marks in every place of a call where a caller could put them by mistake."""
    partner = Outsider("outsider", scene.old, scene.town.authority)
    parts = partner.match_parts(person(DELIVERED, plan="old"))
    lacking = [p for p in parts if p["name"] != "Consent"]
    with partner.http as http:
        # a good one: its files stay, for nobody deletes the job
        partner.result(partner.post("/Group/$bulk-member-match", parameters(parts, bulk=True)))
        answers = [
            partner.post("/Patient/$member-match", parameters(lacking)),
            partner.post("/Patient/$member-match", {"resourceType": "Parameters", "parameter": [{"name": MARK}]}),
            partner.post("/Group/$bulk-member-match", parameters(lacking, bulk=True)),
            http.post("/fhir/Patient/$member-match", content=f'{{"a": "{MARK}', headers={**partner.headers, **JSON}),
            http.get(f"/fhir/Patient/{MARK}/$everything?_since={BORN}", headers=partner.headers),
            http.get(f"/fhir/Group/{MARK}/$davinci-data-export?{MARK}=1", headers={**partner.headers, **ASYNC}),
            http.get(f"/fhir/{MARK}?name={MARK}", headers=partner.headers),
            http.get("/fhir/Group", headers={"Authorization": f"Bearer {MARK}"}),
            partner.ask_token(client_assertion=MARK),
            partner.ask_token(client_assertion=partner.assertion(sub=f"Patient/{MARK}")),
            partner.ask_token(scope=f"patient/{MARK}.rs"),
        ]
    scene.answers += [(f"answer {a.status_code} of the FHIR door", a.content) for a in answers]
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/exchanges", {"member": {f"{MARK} 1": MARK}}),
        ("POST", "/exchanges", {"member": {"names": [{"family": MARK}], "birth_date": f"{BORN}T"}}),
        ("GET", f"/exchanges?name={MARK}", None),
        ("GET", f"/exchanges/{MARK}", None),
        ("POST", f"/cases/c-{MARK}/decision", {"decision": "same", "reason": MARK, "note": MARK}),
    ]
    for method, path, body in asked:
        status, told = scene.old.api(method, path, body, key="bad-input")
        assert 400 <= status < 500, (path, told)
        scene.answers.append((f"answer {status} of the API", json.dumps(told).encode()))


def _a_dead_letter(scene: Scene) -> None:
    """A partner whose address answers nothing that its guide knows."""
    document = {
        "name": "Nowhere",
        "client_id": NOWHERE,
        "our_client_id": scene.new.base_url,
        "organizations": [NOWHERE],
        "environment": scene.new.environment,
        "jwks": scene.old.command("partner", "keys"),
        "scopes": [MEMBER_MATCH],
        "endpoints": [{"fhir_base": f"{scene.old.base_url}/nowhere", "environment": scene.new.environment}],
    }
    registration = scene.new.home / "nowhere.json"
    registration.write_text(json.dumps(document))
    scene.new.command("partner", "add", str(registration))
    told = {"names": [{"family": f"{MARK}family{BROKEN}", "given": [f"{MARK}given"]}], "birth_date": BORN}
    card = [{"type": "member_id", "value": f"{MARK}-x", "issuer": NOWHERE}]
    row = person(BROKEN, plan="new", **opted_in(NOWHERE, member_id=f"{MARK}-x"))
    enroll(scene.new, scene.town.folder, [row])
    body = {"partner": OLD, "member": {**told, "external_identifiers": card}, "basis": "opt_in"}
    status, answer = scene.new.api("POST", "/exchanges", body, key="asked-by-hand")
    assert status == 202, answer
    scene.answers.append(("answer of the API", json.dumps(answer).encode()))
    wait_for(lambda: scene.new.command("dead-letter", "list")["letters"])
    _all_settled(scene)


def _all_settled(scene: Scene) -> None:
    wait_for(scene.new.exchanges)
    for exchange in scene.new.exchanges():
        settled(scene.new, exchange["exchange"])


def _patient(member_number: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [
            {
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]},
                "value": member_number,
            }
        ],
        "name": [{"family": f"{MARK}family{number}", "given": [f"{MARK}given"]}],
        "birthDate": BORN,
        "gender": "female",
        "telecom": [{"system": "phone", "value": PHONE}],
    }


def _condition(number: int, count: int) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"c{number}-{count}",
        "subject": {"reference": f"Patient/p{number}", "display": f"{MARK}family{number}"},
        "code": {"text": f"{MARK} condition {count}"},
        "note": [{"text": f"told by {MARK}"}],
        "recordedDate": "2026-02-01",
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
    }


def _outputs(one: Installation) -> list[tuple[str, bytes]]:
    """What a person on duty reads: lists, single things, the ledger in words, and the API's answers."""
    exchanges = one.exchanges()
    first = exchanges[0]["exchange"]
    commands = [
        ("exchange", "show", first), ("case", "list"), ("standing", "list"), ("dead-letter", "list"),
        ("audit", "search"), ("audit", "show", first), ("doctor",), ("vault", "status"), ("vault", "holds"),
        ("vault", "forgettings"), ("partner", "list"), ("recall", "list"), ("handoff", "list"), ("policy", "list"),
    ]  # fmt: skip
    with ThreadPoolExecutor(3) as pool:
        outputs = list(pool.map(lambda words: (f"{one.name} {' '.join(words)}", said(one, *words)), commands))
    paths = ["/exchanges", *(f"/exchanges/{e['exchange']}" for e in exchanges)]
    paths += [f"/exchanges/{e['exchange']}/events" for e in exchanges] + ["/cases", "/standing", "/partners"]
    outputs += [(f"{one.name} GET {path}", json.dumps(one.api("GET", path)).encode()) for path in paths]
    return outputs + _pages(one, [e["exchange"] for e in exchanges])


def _pages(one: Installation, exchange_ids: list[str]) -> list[tuple[str, bytes]]:
    """What the console shows an operator, as HTML: no role that sees more is logged in."""
    token = one.command("access", "add", "Olga Perez", "--role", "operator")["token"]
    paths = ["/", "/exchanges", "/dead-letters", "/cases", *(f"/exchanges/{x}" for x in exchange_ids)]
    context = ssl.create_default_context(cafile=str(one.home / "tls" / "ca.crt"))
    with httpx2.Client(base_url=one.console_url, verify=context, trust_env=False, timeout=30) as http:
        mark = re.search(r'name="mark" value="([^"]*)"', http.get("/login").text)
        assert mark is not None
        came_in = http.post("/login", data={"token": token, "mark": mark[1]}, headers={"Origin": one.console_url})
        assert came_in.status_code == 303, came_in.text
        pages = [(f"{one.name} page {path}", http.get(path)) for path in paths]
    assert all(page.status_code == 200 for _, page in pages)
    return [(place, page.content) for place, page in pages]


def _ledger_of(one: Installation, folder: Path) -> list[tuple[str, bytes]]:
    """The ledger as it is given to an auditor outside."""
    one.command("audit", "export", str(folder))
    return [(f"{one.name} ledger {path.name}", path.read_bytes()) for path in folder.iterdir()]


def _assert_looked_everywhere(search: Search) -> None:
    """The kinds of places that must have been there to be looked at."""
    looked = "\n".join(search.places)
    for place in (
        *("log/worker-1.log", "log/doors.log", "log/database.log", "checkpoints/", "objects/"),
        *("exchange.exchange", "exchange.step_done", "engine.workflow_status", "delivery.job", "audit.event"),
        *("gateway.idempotency", "partners.partner", "identity.review_case", "records.quarantine", "backup manifest"),
        *("exchange.dead_letter", "policy.decision", "dead-letter list", "page /exchanges", "ledger events.ndjson"),
    ):
        assert place in looked, place
