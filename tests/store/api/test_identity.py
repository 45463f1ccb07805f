"""Why a request was decided as it was, and what is published: by role, with each look at values on the ledger."""

from interpayer.identity import evidence
from tests.support.tools import BORN, a_doubt


def looks(database):
    with database.owner.transaction() as conn:
        rows = conn.execute("select header from audit.event where name = 'access.looked'").fetchall()
    return [bytes(row["header"]) for row in rows]


def test_evidence_of_an_exchange_its_case_and_by_itself_is_the_same(api, tools):
    doubt = a_doubt(tools, family="Horton")
    by_exchange = api("GET", f"/identity/evidence/{doubt.exchange_id}").json()
    by_case = api("GET", f"/identity/evidence/{doubt.case_id}").json()
    alone = api("GET", f"/identity/evidence/{by_exchange['evidence']['evidence_id']}").json()
    assert by_exchange["evidence"] == by_case["evidence"] == alone["evidence"]
    assert by_exchange["case_id"] == doubt.case_id
    assert by_exchange["evidence"]["disposition"] == "review"
    assert by_exchange["evidence"]["purpose"] == "payer_to_payer"
    assert {c["member_id"] for c in by_exchange["evidence"]["candidates"]} == set(doubt.member_ids)
    assert by_exchange["words"][0].startswith("A person has to decide")
    assert by_exchange["limits"]["version"] == by_exchange["evidence"]["threshold_version"]


def test_the_ledger_carries_the_same_evidence_sealed(api, tools, database):
    doubt = a_doubt(tools, family="Horton")
    told = api("GET", f"/identity/evidence/{doubt.exchange_id}").json()
    assert told["ledger"]["name"] == "member.in_review"
    assert told["ledger"]["says_the_same"] is True
    with database.operator.transaction() as conn:
        event_id = told["ledger"]["event"]
        row = conn.execute("select header, body from audit.evidence where id = %s", (event_id,)).fetchone()
        sealed = tools.ledger.bodies(conn, [event_id])[event_id]
    assert evidence.from_body(sealed) == told["evidence"]
    header = bytes(row["header"]).decode()
    assert told["evidence"]["model_version"] in header
    assert told["evidence"]["threshold_version"] in header
    # neither half shows who the candidates are without the key, nor any value with it
    assert doubt.member_ids[0] not in header + str(row["body"])
    assert "Horton".upper() not in (header + str(row["body"]) + str(sealed)).upper()
    assert BORN not in str(sealed)


def test_evidence_that_was_changed_in_the_zone_is_told_apart_from_the_ledgers(api, tools, database):
    doubt = a_doubt(tools, family="Horton")
    told = api("GET", f"/identity/evidence/{doubt.exchange_id}").json()
    with database.owner.transaction() as conn:
        conn.execute(
            "update identity.evidence set detail = convert_to(replace(convert_from(detail, 'UTF8'), %s, %s), 'UTF8')",
            ('"birth_date","equal"', '"birth_date","typo"'),
        )
    again = api("GET", f"/identity/evidence/{doubt.exchange_id}").json()
    assert told["ledger"]["says_the_same"] is True
    assert again["ledger"]["says_the_same"] is False


def test_an_operator_reads_why_and_never_who(api, tools):
    doubt = a_doubt(tools, family="Horton")
    told = api("GET", f"/identity/evidence/{doubt.exchange_id}")
    assert told.json()["sides"] is None
    assert "Horton" not in told.text
    refused = api("POST", f"/identity/evidence/{doubt.exchange_id}/look", json={"reason": "curious"})
    assert refused.status_code == 403
    assert api("GET", f"/identity/evidence/{doubt.exchange_id}", role="admin").status_code == 403


def test_a_steward_sees_masked_sides_and_a_look_at_values_is_an_event_with_its_reason(api, tools, database):
    doubt = a_doubt(tools, family="Horton")
    masked = api("GET", f"/identity/evidence/{doubt.case_id}", role="steward")
    assert masked.json()["sides"]["asked"] is not None
    assert "Horton" not in masked.text
    assert BORN not in masked.text
    assert looks(database) == []
    path = f"/identity/evidence/{doubt.case_id}/look"
    assert api("POST", path, role="steward", json={"reason": ""}).status_code == 422
    assert looks(database) == []
    clear = api("POST", path, role="steward", json={"reason": "documents arrived"})
    assert "Horton" in clear.text
    assert BORN in clear.text
    seen = looks(database)
    assert len(seen) == 1
    assert b"documents arrived" in seen[0]
    assert masked.json()["evidence"]["evidence_id"].encode() in seen[0]


def test_what_nobody_knows_is_not_explained(api, tools):
    for subject in ("e-nothing", "x-nothing", "c-nothing", "m-nothing"):
        assert api("GET", f"/identity/evidence/{subject}").status_code == 404


def test_the_policy_is_told_to_every_role_and_to_nobody_without_one(api):
    for role in ("operator", "steward", "analyst", "admin", "system"):
        told = api("GET", "/identity/policy", role=role).json()
        assert told["thresholds"]["everywhere"]["certain"] > 0
        assert told["escalation"]
        assert told["retention_days"]["evidence"] == 2192
    assert api("GET", "/identity/policy", role=None).status_code == 401
