"""Requests take the form that a partner wants; without a wish, that of the guide."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from interpayer.model.agreement import USUAL_PROFILE, Profile
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.client import PartnerClient, PartnerClients, Trail
from interpayer.partners.shaping import PAYER_TO_PAYER, ExportWanted, export_kick_off, match_names, version_headers
from interpayer.partners.signer import Signer
from interpayer.partners.token_source import Target
from tests.unit.partners.test_client import BASE, CURVE_KEY, FakePartner, always, in_turn, ring_of

WANTED = ExportWanted(since="2026-01-01T00:00:00Z", types=("Patient", "Coverage"))
KICKED_OFF = httpx2.Response(202, headers={"Content-Location": f"{BASE}/job/1"})


def named(body: Any) -> list[tuple[str, Any]]:
    return [(one["name"], next(v for k, v in one.items() if k != "name")) for one in body["parameter"]]


def client(partner: FakePartner, **wishes: Any) -> PartnerClient:
    clients = PartnerClients(partner.http, Signer(lambda: ring_of({"ES384": CURVE_KEY})))
    return clients.client_for(Target(BASE, "plan-a", **wishes))


def test_an_export_is_a_post_with_commas_unless_wished_otherwise() -> None:
    ask = export_kick_off("b-1", WANTED, USUAL_PROFILE)
    assert (ask.method, ask.path) == ("POST", "/Group/b-1/$davinci-data-export")
    assert named(ask.body) == [
        ("exportType", PAYER_TO_PAYER),
        ("_type", "Patient,Coverage"),
        ("_since", "2026-01-01T00:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("style", "types"), [("comma", ["Patient,Coverage"]), ("repeat", ["Patient", "Coverage"]), ("none", [])]
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_types_are_named_as_the_partner_reads_them(method: str, style: str, types: list[str]) -> None:
    ask = export_kick_off("b-1", WANTED, Profile(export_method=method, types=style))
    if method == "POST":
        assert [value for name, value in named(ask.body) if name == "_type"] == types
    else:
        assert ask.body is None
        query = parse_qs(urlsplit(ask.path).query)
        assert query.get("_type", []) == types
        assert query["exportType"] == [PAYER_TO_PAYER]
        assert query["_since"] == ["2026-01-01T00:00:00Z"]


def test_patients_never_stand_in_an_address() -> None:
    ask = export_kick_off("b-1", ExportWanted(patients=("m-1",)), Profile(export_method="GET"))
    assert ask.method == "POST"
    assert "m-1" not in ask.path


def test_the_partners_own_name_of_the_match_is_the_only_one_tried() -> None:
    assert match_names(USUAL_PROFILE) == ("bulk-member-match", "multi-member-match")
    partner = FakePartner(always(404))
    with pytest.raises(Fault):
        client(partner, profile=Profile(bulk_match_operation="multi-member-match")).bulk_match({}, trail=Trail("c-1"))
    assert len(partner.calls("/fhir/Group/$multi-member-match")) == 1
    assert not partner.calls("/fhir/Group/$bulk-member-match")


def test_the_version_is_told_where_it_is_wished() -> None:
    assert version_headers(USUAL_PROFILE) == {}
    partner = FakePartner(in_turn(KICKED_OFF, KICKED_OFF))
    told = client(partner, profile=Profile(spec_version="2.1", export_method="GET"))
    told.bulk_match({}, trail=Trail("c-1"))
    assert told.export("b-1", WANTED, trail=Trail("c-1")) == f"{BASE}/job/1"
    [match] = partner.calls("/fhir/Group/$bulk-member-match")
    [export] = partner.calls("/fhir/Group/b-1/$davinci-data-export")
    assert [call.headers["x-pdex-spec-version"] for call in (match, export)] == ["2.1", "2.1"]
    assert export.method == "GET"
    assert export.headers["prefer"] == "respond-async"


@pytest.mark.parametrize(("knows_keys", "kind"), [(True, FaultKind.RETRYABLE), (False, FaultKind.CONDITIONAL)])
def test_a_lost_answer_is_asked_for_again_only_where_the_contract_knows_our_key(
    knows_keys: bool, kind: FaultKind
) -> None:
    partner = FakePartner(in_turn(httpx2.ReadTimeout("late")))
    with pytest.raises(Fault) as caught:
        client(partner, repeats_by_key=knows_keys).bulk_match({}, trail=Trail("c-1", idempotency_key="k-1"))
    assert (caught.value.kind, caught.value.reason) == (kind, "partner.timeout")
