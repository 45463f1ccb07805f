"""The console's pages: what they say, what they hide, and what their forms do."""

from html.parser import HTMLParser

from starlette.applications import Starlette

from interpayer.exchange.durability import store as durable
from interpayer.exchange.durability.work import DeadLetter
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move_one
from interpayer.identity import review
from interpayer.model.exchange import State
from interpayer.operations import exchanges
from tests.store.console.conftest import logged_in
from tests.support.browser import Browser
from tests.support.databases import ScratchDatabase
from tests.support.tools import BORN, a_doubt


def ask(tools: Tools, partner: str = "urn:payers|old") -> str:
    with tools.database.transaction() as conn:
        exchange_id, _ = exchanges.ask(tools, conn, exchanges.Wish({"partner": partner}, Actor("system", "feed")))
    return exchange_id


def fail(tools: Tools, database: ScratchDatabase, exchange_id: str) -> str:
    letter = DeadLetter("d-1", exchange_id, f"{exchange_id}:1", "request_history", exchange_id, "validate", "ours",
                        "system.bug", "", 3)  # fmt: skip
    with tools.database.transaction() as conn:
        move_one(conn, tools.ledger, Move(exchange_id, State.FAILED, "system.bug", outcome="failed"))
    with database.worker.transaction() as conn:
        durable.keep_letter(conn, letter)
    return letter.id


def state(tools: Tools, exchange_id: str) -> str:
    with tools.database.transaction() as conn:
        row = conn.execute("select state from exchange.exchange where id = %s", (exchange_id,)).fetchone()
    return str(row["state"]) if row else ""


class Labels(HTMLParser):
    """What assistive technology needs: fields with labels, tables with captions, headings in order."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: set[str] = set()
        self.labels: set[str] = set()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            self.fields.add(str(given.get("id")))
        if tag == "label":
            self.labels.add(str(given.get("for")))


def test_the_overview_counts_by_state_with_links(operator: Browser, tools: Tools) -> None:
    ask(tools)
    a_doubt(tools)
    text = operator.open("/").text
    assert 'href="/exchanges?state=received&amp;role=requester"' in text
    assert 'href="/exchanges?state=in_review&amp;role=requester"' in text
    assert "<strong>1</strong> case waits" in text


def test_the_list_is_filtered_by_the_address(operator: Browser, tools: Tools) -> None:
    kept, doubt = ask(tools), a_doubt(tools)
    everything = operator.open("/exchanges").text
    assert kept in everything and doubt.exchange_id in everything
    for query in ("only=problems", "state=in_review", "state=in_review&role=requester&partner=&only="):
        text = operator.open(f"/exchanges?{query}").text
        assert kept not in text and doubt.exchange_id in text, query
    assert "No exchange fits" in operator.open("/exchanges?state=<script>").text
    assert operator.open("/exchanges?after=%00").status_code < 500


def test_a_long_list_goes_on(operator: Browser, tools: Tools) -> None:
    made = {ask(tools) for _ in range(52)}
    first = operator.open("/exchanges?role=requester").text
    link = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = operator.open(link).text
    assert {x for x in made if x in first} | {x for x in made if f"/exchanges/{x}" in second} == made
    assert 'rel="next"' not in second


def test_an_exchange_begins_with_its_outcome_and_tells_what_happened(operator: Browser, tools: Tools) -> None:
    doubt = a_doubt(tools)
    text = operator.open(f"/exchanges/{doubt.exchange_id}").text
    assert "to ask urn:payers|old for one member&#39;s history. It stands at: a person must decide." in text
    assert text.index("It stands at") < text.index("<h2")
    assert "A person must decide who is meant" in text
    assert f'href="/cases/{doubt.case_id}"' in text
    assert "Horton" not in text
    assert operator.open("/exchanges/x-none").status_code == 404


def test_a_steward_reads_an_exchange_without_its_timeline(steward: Browser, tools: Tools) -> None:
    assert "What happened" not in steward.open(f"/exchanges/{ask(tools)}").text


def test_a_hostile_name_is_text(steward: Browser, tools: Tools) -> None:
    doubt = a_doubt(tools)
    steward.open(f"/cases/{doubt.case_id}")
    text = steward.send(f"/cases/{doubt.case_id}/unmasked", {}).text
    assert "Horton&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert BORN in text


def test_sides_are_masked_and_looking_behind_is_an_event(
    steward: Browser, operator: Browser, tools: Tools, database: ScratchDatabase
) -> None:
    doubt = a_doubt(tools)
    text = steward.open(f"/cases/{doubt.case_id}").text
    assert "Candidate 2" in text and "= same" in text
    assert "Horton" not in text and BORN not in text
    assert "Candidate" not in operator.open(f"/cases/{doubt.case_id}").text
    assert operator.send(f"/cases/{doubt.case_id}/unmasked", {}).status_code == 403
    steward.send(f"/cases/{doubt.case_id}/unmasked", {})
    with database.operator.transaction() as conn:
        rows = conn.execute("select count(*) as n from audit.timeline where name = 'access.looked'").fetchone()
    assert rows == {"n": 1}


def test_a_decision_is_kept_with_its_person_and_reason(steward: Browser, tools: Tools) -> None:
    doubt = a_doubt(tools)
    path = f"/cases/{doubt.case_id}"
    steward.open(path)
    assert steward.send(f"{path}/assign", {}).headers["location"] == f"{path}?done=assigned"
    same = {"decision": f"same:{doubt.member_ids[1]}", "reason": "documents_checked", "note": "seen"}
    for wrong in ({**same, "reason": ""}, {**same, "reason": "because"}, {**same, "decision": "same:m-none"}, {}):
        assert steward.send(f"{path}/decision", wrong).status_code == 422
    decided = steward.send(f"{path}/decision", same)
    assert decided.headers["location"] == f"{path}?done=decided"
    text = steward.open(decided.headers["location"]).text
    assert 'role="status"' in text and "The decision is kept" in text
    assert "same by steward" in text and "<h2>Decide</h2>" not in text
    assert state(tools, doubt.exchange_id) == "identified"
    with tools.database.transaction() as conn:
        row = review.case(conn, doubt.case_id)
    assert row is not None
    assert (row.member_id, row.decided_by, row.decided_reason) == (doubt.member_ids[1], "steward", "documents_checked")
    assert steward.send(f"{path}/decision", same).status_code == 409


def test_a_form_from_elsewhere_decides_nothing(
    steward: Browser, operator: Browser, tools: Tools, console: Starlette, tokens: dict[str, str]
) -> None:
    doubt = a_doubt(tools)
    path = f"/cases/{doubt.case_id}/decision"
    form = {"decision": "different", "reason": "typing_error"}
    steward.open("/")
    operator.open("/")
    other = logged_in(console, tokens["steward"])
    other.open("/")
    for mark in ("", "x", operator.mark, other.mark):
        assert steward.send(path, form, mark=mark).status_code == 403
    assert state(tools, doubt.exchange_id) == "in_review"
    assert steward.send(path, form).status_code == 303
    assert state(tools, doubt.exchange_id) == "unresolved"


def test_a_dead_letter_is_replayed_with_a_reason(operator: Browser, tools: Tools, database: ScratchDatabase) -> None:
    exchange_id = ask(tools)
    letter = fail(tools, database, exchange_id)
    text = operator.open("/dead-letters").text
    assert exchange_id in text and "A fault of ours" in text
    path = f"/dead-letters/{letter}/replay"
    assert operator.send(path, {"reason": "  "}).status_code == 422
    assert state(tools, exchange_id) == "failed"
    assert operator.send(path, {"reason": "repaired"}).headers["location"] == "/dead-letters?done=replayed"
    assert state(tools, exchange_id) == "received"
    assert "Nothing was given up" in operator.open("/dead-letters").text
    assert operator.send(path, {"reason": "again"}).status_code == 303
    assert operator.send("/dead-letters/d-none/replay", {"reason": "x"}).status_code == 404
    with database.operator.transaction() as conn:
        rows = conn.execute("select name from audit.timeline where name like '%.replayed' order by id").fetchall()
    assert [row["name"] for row in rows] == ["exchange.replayed", "dead_letter.replayed"]


def test_an_exchange_is_cancelled_or_done_again_from_its_page(
    operator: Browser, tools: Tools, database: ScratchDatabase
) -> None:
    cancelled, failed = ask(tools), ask(tools)
    fail(tools, database, failed)
    assert "Do it again" in operator.open(f"/exchanges/{failed}").text
    assert "Cancel this exchange" in operator.open(f"/exchanges/{cancelled}").text
    assert operator.send(f"/exchanges/{cancelled}/cancel", {"reason": "twice"}).status_code == 303
    assert operator.send(f"/exchanges/{failed}/replay", {"reason": "repaired"}).status_code == 303
    assert (state(tools, cancelled), state(tools, failed)) == ("cancelled", "received")


def test_forms_that_are_none_are_refused(operator: Browser, tools: Tools) -> None:
    path = f"/exchanges/{ask(tools)}/cancel"
    operator.open("/")
    client = operator.client
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(path, json={"reason": "x"}).status_code == 415
    assert client.post(path, content=b"x=" + b"y" * 70_000, headers=form).status_code == 413
    assert client.post(path, content=b"reason=\xff", headers=form).status_code == 422
    assert client.post(path, content=b"reason=%ff", headers=form).status_code == 422
    assert client.post(path, content=b"reason=%00", headers=form).status_code == 422


def test_every_field_has_a_label_and_every_table_a_caption(
    operator: Browser, steward: Browser, visitor: Browser, tools: Tools, database: ScratchDatabase
) -> None:
    doubt, failed = a_doubt(tools), ask(tools)
    fail(tools, database, failed)
    pages = [
        *(operator.open(path) for path in ("/", "/exchanges", f"/exchanges/{failed}", "/dead-letters", "/cases")),
        *(steward.open(path) for path in (f"/cases/{doubt.case_id}", f"/exchanges/{doubt.exchange_id}")),
        visitor.open("/login"),
        operator.open("/exchanges/x-none"),
    ]
    for page in pages:
        seen = Labels()
        seen.feed(page.text)
        assert seen.fields <= seen.labels, page.url
        assert seen.tags.count("table") == seen.tags.count("caption"), page.url
        assert seen.tags.count("h1") == 1
        assert 'lang="en"' in page.text and "<title>" in page.text
