"""What a person says about consents at the command line: recorded, restricted, explained; contracts, deaths."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interpayer.cli import output
from interpayer.operations.feed import COLUMNS
from interpayer.partners import directory
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner
from tests.support.tools import BORN

PARTIES = ("--from", "payer-a", "--to", "payer-b", "--start", "2026-01-01", "--end", "2029-12-31")


@pytest.fixture
def member(admin: Run, database: ScratchDatabase, tmp_path: Path) -> str:
    """A member of the plan, and a payer to talk with."""
    feed = tmp_path / "feed.csv"
    usual = {"member_id": "BL100001", "family": "Horton", "given": "Susan", "birth_date": BORN, "status": "active"}
    row = {**dict.fromkeys(COLUMNS, ""), **usual, "coverage_start": "2020-01-01", "as_of": "2026-11-01"}
    feed.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    loaded = admin("load", "enrollments", str(feed))
    assert loaded.exit_code == output.DONE, loaded.stderr
    with database.owner.transaction() as conn:
        directory.add_partner(conn, a_partner("payer-a", organizations=("payer-a",)), None, by="tests")
        (found,) = conn.execute("select member_id from identity.member").fetchall()
    return str(found["member_id"])


def test_a_representative_with_a_proof_and_a_signed_original(admin: Run, member: str, tmp_path: Path) -> None:
    key, document = ed25519.Ed25519PrivateKey.generate(), tmp_path / "form.pdf"
    document.write_bytes(b"%PDF I agree")
    terms = tmp_path / "terms.json"
    given: dict[str, Any] = {
        "performer": "representative:HPOWATT",
        "authority": {"proof": "court order 4", "ends_at": "2027-01-01T00:00:00Z"},
        "leaves_out": {"types_withheld": ["Claim"], "fields_withheld": ["*.note"]},
        "signature": base64.b64encode(key.sign(b"%PDF I agree")).decode(),
        "signer": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }
    terms.write_text(json.dumps(given))
    words = ("consent", "record", member, *PARTIES, "--proof", "doc-1", "--scope", "sensitive", "--terms", str(terms))
    assert admin(*words, "--document", str(terms)).exit_code == output.REFUSED, "another document was signed"
    done = admin(*words, "--document", str(document), "--withhold", "hiv")
    assert done.exit_code == output.DONE, done.stderr
    (kept,) = told(admin("consent", "list", member, "--json"))["consents"]
    assert kept["leaves_out"] == {
        "labels_withheld": ["hiv"], "types_withheld": ["Claim"], "fields_withheld": ["*.note"],
    }  # fmt: skip
    assert (kept["signature"]["algorithm"], kept["authority"]["proof"]) == ("EdDSA", "court order 4")
    terms.write_text(json.dumps({"scope": "regular"}))
    assert admin(*words).exit_code == output.USAGE, "what an option says stands in no file"


def test_restrict_deny_explain_and_take_back(admin: Run, member: str) -> None:
    admin("consent", "record", member, *PARTIES, "--proof", "doc-1", "--scope", "sensitive")
    restricted = told(admin("consent", "restrict", member, "--withhold", "hiv", "--proof", "call 7", "--json"))
    assert restricted["consent"].startswith("k-")
    assert admin("consent", "restrict", member, "--proof", "call 7").exit_code == output.USAGE, "it names nothing"
    way = told(admin("consent", "explain", member, "--payer", "payer-a", "--json"))["we_ask"]
    assert (way["answer"], way["leaves_out"]) == ("narrowed", {"labels_withheld": ["hiv"]})
    denied = told(admin("consent", "deny", member, "--from", "payer-a", "--proof", "call 8", "--json"))
    way = told(admin("consent", "explain", member, "--payer", "payer-a", "--json"))["we_ask"]
    assert (way["answer"], way["reason"]) == ("refused", "consent.revoked")
    assert admin("consent", "explain", member, "--payer", "payer-a").exit_code == output.DONE
    assert admin("consent", "revoke", denied["consent"], "--reason", "called again").exit_code == output.DONE
    way = told(admin("consent", "explain", member, "--payer", "payer-a", "--json"))["we_ask"]
    assert way["answer"] == "narrowed"
    died = admin("consent", "died", member, "--on", "2026-10-01", "--proof", "certificate")
    assert died.exit_code == output.DONE, died.stderr
    way = told(admin("consent", "explain", member, "--payer", "payer-a", "--json"))["we_ask"]
    assert way["reason"] == "consent.deceased"
    assert admin("consent", "died", member, "--take-back").exit_code == output.DONE
    assert admin("consent", "died", member, "--take-back").exit_code == output.NOT_FOUND
    assert admin("consent", "emancipated", member).exit_code == output.USAGE


def test_a_contract_stands_until_it_is_ended(admin: Run) -> None:
    made = admin("consent", "basis", "add", "--contract", "MCO-7", *PARTIES, "--proof", "shelf 3")
    assert made.exit_code == output.DONE, made.stderr
    basis = made.stdout.strip()
    ended = told(admin("consent", "basis", "end", basis, "--reason", "contract over", "--json"))
    assert (ended["basis"], ended["exchanges"]) == (basis, [])
    (listed,) = told(admin("consent", "basis", "list", "--json"))["bases"]
    assert (listed["leaves_out"], listed["ended_at"] is not None) == ({"labels_withheld": ["substance_use"]}, True)
