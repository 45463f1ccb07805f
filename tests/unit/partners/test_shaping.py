"""Requests take the form that a partner wants; without a wish, that of the guide."""

from typing import Any

import httpx2
import pytest

from interpayer.model.agreement import USUAL_PROFILE, Profile
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.client import PartnerClient, PartnerClients, Trail
from interpayer.partners.shaping import PAYER_TO_PAYER, ExportWanted, export_parameters, match_names, version_headers
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


def test_an_export_names_types_with_commas_unless_wished_otherwise() -> None:
    assert named(export_parameters(WANTED, USUAL_PROFILE)) == [
        ("exportType", PAYER_TO_PAYER),
        ("_type", "Patient,Coverage"),
        ("_since", "2026-01-01T00:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("style", "types"), [("comma", ["Patient,Coverage"]), ("repeat", ["Patient", "Coverage"]), ("none", [])]
)
def test_types_are_named_as_the_partner_reads_them(style: str, types: list[str]) -> None:
    body = export_parameters(WANTED, Profile(types=style))
    assert [value for name, value in named(body) if name == "_type"] == types


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
    told = client(partner, profile=Profile(spec_version="2.1"))
    told.bulk_match({}, trail=Trail("c-1"))
    assert told.export("b-1", WANTED, trail=Trail("c-1")) == f"{BASE}/job/1"
    [match] = partner.calls("/fhir/Group/$bulk-member-match")
    [export] = partner.calls("/fhir/Group/b-1/$davinci-data-export")
    assert [call.headers["x-pdex-spec-version"] for call in (match, export)] == ["2.1", "2.1"]


@pytest.mark.parametrize(("knows_keys", "kind"), [(True, FaultKind.RETRYABLE), (False, FaultKind.CONDITIONAL)])
def test_a_lost_answer_is_asked_for_again_only_where_the_contract_knows_our_key(
    knows_keys: bool, kind: FaultKind
) -> None:
    partner = FakePartner(in_turn(httpx2.ReadTimeout("late")))
    with pytest.raises(Fault) as caught:
        client(partner, repeats_by_key=knows_keys).bulk_match({}, trail=Trail("c-1", idempotency_key="k-1"))
    assert (caught.value.kind, caught.value.reason) == (kind, "partner.timeout")
