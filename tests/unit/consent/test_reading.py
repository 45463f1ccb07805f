"""The HRex Consent, element by element: read, refused, written back."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.consent.reading import NARROWING, POLICY, Unreadable, read_consent, same_organization
from interpayer.consent.writing import write_consent
from interpayer.model.consent import Authority, Consent, Limits, Scope

NPI = "http://hl7.org/fhir/sid/us-npi"


def actor(system, code, value):
    return {
        "role": {"coding": [{"system": system, "code": code}]},
        "reference": {"identifier": {"system": NPI, "value": value}},
    }


def a_resource(**changes):
    resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "IDSCL"}]}],
        "patient": {"reference": "Patient/1"},
        "performer": [{"reference": "Patient/1"}],
        "sourceReference": {"reference": "http://example.org/DocumentReference/7"},
        "policy": [{"uri": f"{POLICY}sensitive"}],
        "provision": {
            "type": "permit",
            "period": {"start": "2026-01-01", "end": "2026-12-31"},
            "actor": [actor("ppt", "performer", "old"), actor("pt", "IRCP", "new")],
            "action": [{"coding": [{"code": "disclose"}]}],
        },
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        place = resource
        for step in way:
            place = place[step]
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    return resource


def test_what_is_read():
    consent = read_consent(a_resource(), received_from="p-1")
    assert isinstance(consent, Consent)
    assert (consent.scope, consent.performer, consent.received_from) == (Scope.SENSITIVE, "member", "p-1")
    assert (consent.sources, consent.recipients) == ((f"{NPI}|old",), (f"{NPI}|new",))
    assert consent.starts_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert consent.ends_at == datetime(2027, 1, 1, tzinfo=UTC), "the last day is a whole day"
    assert consent.proof == "http://example.org/DocumentReference/7"
    assert len(consent.proof_sha256) == 64
    assert (consent.id, consent.member_id) == ("", None)


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"status": "inactive"}, "status"),
        ({"scope": None}, "scope"),
        ({"category": []}, "category"),
        ({"performer": None}, "performer"),
        ({"performer": [{"reference": "Patient/1"}, {"reference": "Patient/2"}]}, "performer"),
        ({"sourceReference": None}, "sourceReference"),
        ({"policy": []}, "policy"),
        ({"policy": [{"uri": f"{POLICY}regular"}, {"uri": f"{POLICY}sensitive"}]}, "policy"),
        ({"policy": [{"uri": "http://example.org#sensitive"}]}, "policy"),
        ({"provision__type": "deny"}, "provision.type"),
        ({"provision__period": {"start": "2026-01-01"}}, "provision.period.end"),
        ({"provision__period": {"start": "2026", "end": "2027"}}, "provision.period.start"),
        ({"provision__period": {"start": "2026-W01-1", "end": "2027-01-01"}}, "provision.period.start"),
        ({"provision__period": {"start": "2026-01-01T10:00:00", "end": "2027-01-01"}}, "provision.period.start"),
        ({"provision__period": {"start": "2026-01-01", "end": 5}}, "provision.period.end"),
        ({"provision__period": "2026"}, "provision.period.start"),
        ({"provision__actor": [actor("ppt", "performer", "old")]}, "provision.actor(IRCP)"),
        ({"provision__actor": [actor("pt", "IRCP", "new")]}, "provision.actor(performer)"),
        ({"provision__action": None}, "provision.action"),
        ({"provision": None}, "provision.period.start"),
        *(({f"provision__{element}": [{}]}, f"provision.{element}") for element in NARROWING),
    ],
)
def test_what_breaks_the_profile_is_named(changes, element):
    found = read_consent(a_resource(**changes), received_from=None)
    assert found == Unreadable("consent.malformed", element)


def test_no_consent_and_a_period_that_runs_backwards():
    assert read_consent({}, received_from=None) == Unreadable("consent.missing", "Consent")
    backwards = a_resource(provision__period={"start": "2026-12-31", "end": "2026-01-01"})
    assert read_consent(backwards, received_from=None) == Unreadable("consent.contradictory", "provision.period")


@pytest.mark.parametrize(
    ("performer", "contained", "expected"),
    [
        ({"reference": "http://example.org/Patient/1"}, [], "member"),
        ({"reference": "Organization/1"}, [], "organization"),
        ({"reference": "RelatedPerson/1"}, [], "representative"),
        (
            {"reference": "#r"},
            [{"resourceType": "RelatedPerson", "id": "r", "relationship": [{"coding": [{"code": "DPOWATT"}]}]}],
            "representative:DPOWATT",
        ),
        ({"reference": "#missing"}, [], "representative"),
    ],
)
def test_who_consented(performer, contained, expected):
    read = read_consent(a_resource(performer=[performer], contained=contained), received_from=None)
    assert read.performer == expected


def test_a_contained_organization_counts_with_all_its_identifiers():
    inside = {"resourceType": "Organization", "id": "o", "identifier": [{"system": NPI, "value": "1"}, {"value": "X2"}]}
    recipient = {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "#o"}}
    resource = a_resource(contained=[inside], provision__actor=[actor("ppt", "performer", "old"), recipient])
    assert read_consent(resource, received_from=None).recipients == (f"{NPI}|1", "X2")


def test_nothing_that_is_no_object_breaks_the_reader():
    resource = a_resource()
    for path in ("scope", "category", "performer", "sourceReference", "policy", "provision", "contained"):
        for junk in ("text", 7, [None], [7], {"coding": 3}, True):
            found = read_consent({**copy.deepcopy(resource), path: junk}, received_from=None)
            assert isinstance(found, Unreadable) or path == "contained"


def test_what_we_write_we_read_back():
    consent = read_consent(a_resource(), received_from=None)
    written = write_consent(consent, consent_id="c1", patient_ref="Patient/x-1", names={f"{NPI}|new": "New Plan"})
    again = read_consent(written, received_from=None)
    assert (again.sources, again.recipients, again.scope) == (consent.sources, consent.recipients, consent.scope)
    assert (again.starts_at, again.ends_at, again.proof) == (consent.starts_at, consent.ends_at, consent.proof)
    assert written["patient"] == {"reference": "Patient/x-1"}
    assert set(written["provision"]) == {"type", "period", "actor", "action"}
    assert [a["reference"].get("display") for a in written["provision"]["actor"]] == [None, "New Plan"]


def test_a_proof_that_is_no_reference_goes_as_an_identifier():
    consent = read_consent(
        a_resource(sourceReference={"identifier": {"value": "form 12/2026 page 3"}}), received_from=None
    )
    written = write_consent(consent, consent_id="c1", patient_ref="Patient/x-1")
    assert written["sourceReference"] == {"type": "DocumentReference", "identifier": {"value": "form 12/2026 page 3"}}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("a|1", "a|1", True),
        ("a|1", "b|1", False),
        ("1", "b|1", True),
        ("1", "1", True),
        ("1", "2", False),
        ("", "", False),
        ("", "a|", False),
    ],
)
def test_same_organization(one, two, same):
    assert same_organization(one, two) is same
    assert same_organization(two, one) is same


AT, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
OURS = Consent("k", "m", Scope.SENSITIVE, ("old",), ("new",), AT, AT + 9 * DAY, "member", "doc/1")


@pytest.mark.parametrize(
    ("consent", "limits", "word"),
    [
        (OURS, Limits(), "sensitive"),
        (replace(OURS, scope=Scope.REGULAR), Limits(), "regular"),
        (OURS, Limits(labels_withheld=frozenset({"hiv"})), "regular"),
        (replace(OURS, limits=Limits(labels_withheld=frozenset({"hiv"}))), Limits(), "regular"),
        (OURS, Limits(labels_withheld=frozenset({"minor_own"})), "sensitive"),
        (OURS, Limits(types_withheld=frozenset({"Claim"})), "sensitive"),
    ],
)
def test_where_anything_sensitive_stays_out_the_narrower_word_is_said(consent, limits, word):
    written = write_consent(consent, consent_id="c", patient_ref="Patient/1", limits=limits)
    assert written["policy"][0]["uri"] == POLICY + word


@pytest.mark.parametrize(
    "consent",
    [
        OURS,
        replace(OURS, performer="representative:HPOWATT", authority=Authority("HPOWATT", ends_at=AT + DAY)),
        replace(OURS, performer="representative:MTH", authority=Authority("MTH")),
        replace(OURS, performer="organization", proof="MCO-7"),
    ],
    ids=lambda consent: consent.performer,
)
def test_who_spoke_and_until_when_they_may_comes_back_as_it_was_written(consent):
    read = read_consent(write_consent(consent, consent_id="c", patient_ref="Patient/1"), received_from="p-1")
    assert (read.performer, read.authority) == (consent.performer, consent.authority)
    assert (read.starts_at, read.ends_at, read.proof) == (consent.starts_at, consent.ends_at, consent.proof)


@pytest.mark.parametrize(
    ("told", "given_at"),
    [("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)), ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
     ("2026", None), (None, None), (7, None)],
)  # fmt: skip
def test_when_it_was_said(told, given_at):
    assert read_consent(a_resource(dateTime=told) if told else a_resource(), received_from="p-1").given_at == given_at


def test_a_representatives_unreadable_period_is_not_guessed():
    resource = write_consent(replace(OURS, performer="representative:MTH"), consent_id="c", patient_ref="Patient/1")
    resource["contained"][0]["period"] = {"end": "soon"}
    assert read_consent(resource, received_from="p-1") == Unreadable("consent.malformed", "performer.period")
