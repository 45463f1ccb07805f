"""Evidence: complete, without a value, and the same in the zone and on the ledger."""

import orjson
import pytest

from interpayer.identity import disposition, evidence
from interpayer.identity.disposition import Known, Scales
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.model import default_model
from interpayer.identity.scoring.thresholds import default_thresholds
from interpayer.identity.scoring.weigh import FrequencyTable
from interpayer.identity.standardize import standardize
from interpayer.model.match import Match
from interpayer.model.member import Identifier, IdKind
from tests.support.people import PAYER, a_coverage, a_person

LIMITS = default_thresholds().for_("partner-b", "payer_to_payer")
# Everything that names Susan Horton or her relative, in any form that matching makes of it.
VALUES = ("SUSAN", "HORTON", "1953", "WASHINGTON", "53259", "8305", "2165550143", "W2550", "MARK", "@")


def a_match():
    """Susan is asked for without an id; she and her husband are held."""
    asked = a_person("Susan", ssn4="8305", phone="216-555-0143")
    people = [
        Known("m-1", "m-1", standardize(a_person("Suzan", ssn4="8305"), [a_coverage()], payer=PAYER)),
        Known("m-2", "m-2", standardize(a_person("Mark", sex="male", born="1951-05-06"), [a_coverage()], payer=PAYER)),
    ]
    shares = FrequencyTable({("given", "SUSAN"): 0.004, ("family", "HORTON"): 0.0002}, population=50_000)
    scales = Scales(default_model(), LIMITS, shares)
    outcome = disposition.decide(standardize(asked, payer=PAYER), people, default_rules(), scales=scales)
    return Match(
        outcome.disposition, outcome.reason, outcome.member_id, "e-1", outcome.rule, default_rules().version,
        candidates=outcome.candidates, missing=outcome.missing, score=outcome.score, margin=outcome.margin,
        runner_up=outcome.runner_up, model_version=default_model().version, threshold_version=LIMITS.version,
        purpose=LIMITS.purpose, masked=("email",),
    )  # fmt: skip


def test_every_part_that_a_proof_needs_is_there():
    """Issue, part 5: level, weight, frequency and ledger per field; candidates, runner-up, margin; what was missing
    or masked; rule, model and threshold version; purpose of use."""
    told = evidence.as_document(a_match())
    first = next(c for c in told["candidates"] if c["member_id"] == "m-1")
    fields = {one["field"]: one for one in first["comparisons"]}
    assert fields["birth_date"]["level"] == "equal"
    assert fields["birth_date"]["weight"] > 10
    assert fields["family"]["frequency"] == 0.0002
    assert {one["ledger"] for one in fields.values()} == {"personal", "household"}
    assert fields["phone"]["level"] == "missing"
    assert first["weight"] == pytest.approx(first["personal"] + first["household"], abs=0.02)
    assert {c["member_id"] for c in told["candidates"]} == {"m-1", "m-2"}
    assert told["runner_up"] == "m-2"
    assert told["margin"] > 10
    assert {"member_id", "subscriber_id"} <= set(told["missing"])
    assert told["masked"] == ["email"]
    assert (told["rule_version"][:2], told["model_version"][:2], told["threshold_version"][:2]) == ("d-", "m-", "t-")
    assert told["purpose"] == "payer_to_payer"


def test_no_value_of_anybody_is_in_it():
    match = a_match()
    kept = evidence.pack(match) + orjson.dumps([evidence.ledger_facts(match), evidence.ledger_body(match)])
    text = kept.decode().upper()
    assert [value for value in VALUES if value in text] == []


def test_the_header_names_no_member_and_the_sealed_half_every_candidate():
    match = a_match()
    assert b"m-1" not in orjson.dumps(evidence.ledger_facts(match))
    assert b"m-2" in orjson.dumps(evidence.ledger_body(match))


def test_what_is_kept_and_what_is_sealed_say_the_same():
    match = a_match()
    document = evidence.as_document(match)
    assert evidence.from_body(evidence.ledger_body(match)) == document
    assert evidence.from_body(evidence.kept_body(document)) == document
    assert evidence.unpack(evidence.pack(match)) == document


def test_evidence_of_another_format_is_not_read_wrongly():
    packed = orjson.loads(evidence.pack(a_match()))
    with pytest.raises(ValueError, match="another release"):
        evidence.unpack(orjson.dumps([99, *packed[1:]]))


@pytest.mark.parametrize(
    ("person", "card", "expected"),
    [
        (a_person("UNKNOWN"), None, ("given_name",)),
        (a_person(born="1900-01-01"), None, ("birth_date",)),
        (a_person(ssn4="0000", phone="0000000000"), None, ("ssn4", "phone")),
        (a_person(), a_coverage("PENDING", subscriber_id="none"), ("member_id", "subscriber_id")),
        (a_person(identifiers=(Identifier(IdKind.SSN_LAST4, "***-**-9999"),)), None, ("ssn4",)),
        (a_person(), a_coverage(), ()),
        # not sent is missing, not masked
        (a_person(born=None, address=None, sex=None), a_coverage(None, subscriber_id=None), ()),
    ],
)
def test_what_was_sent_with_nothing_usable_in_it_is_masked(person, card, expected):
    standard = standardize(person, [card] if card else [], payer=PAYER)
    assert evidence.masked(person, card, standard) == expected


@pytest.mark.parametrize(
    ("score", "expected"), [(None, None), (0.0, 0.5), (10.0, 0.999024), (-300.0, 0.0), (900.0, 1.0)]
)
def test_a_score_is_odds(score, expected):
    assert evidence.confidence(score) == expected
