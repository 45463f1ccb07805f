"""No money leaves, and nothing else is lost with it."""

import json
from typing import Any

import pytest

from interpayer.adapters.fhir_files import read_path
from interpayer.normalization.money import AMOUNT_CATEGORIES, strip_money

C4BB = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication"
KINDS = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator"
MONEY = {"value": 72.5, "currency": "USD"}


def entry(code: str, system: str = C4BB, **more: Any) -> dict[str, Any]:
    return {"category": {"coding": [{"system": system, "code": code}]}, **more}


def an_eob(**more: Any) -> dict[str, Any]:
    return {"resourceType": "ExplanationOfBenefit", "status": "active", **more}


@pytest.mark.parametrize("code", sorted(AMOUNT_CATEGORIES))
def test_every_amount_of_the_code_tables_goes(code: str) -> None:
    stripped, removed = strip_money(an_eob(item=[{"sequence": 1, "adjudication": [entry(code, amount=MONEY)]}]))
    assert stripped["item"] == [{"sequence": 1}]
    assert removed == {"money.adjudication": 1}


@pytest.mark.parametrize(
    "code", ["allowedunits", "adjustmentreason", "benefitpaymentstatus", "denialreason", "consumedunits"]
)
def test_what_is_no_amount_stays(code: str) -> None:
    kept = entry(code, KINDS, value=3, reason={"text": "x"})
    stripped, removed = strip_money(an_eob(adjudication=[kept]))
    assert stripped["adjudication"] == [kept]
    assert not removed


def test_an_amount_of_an_unknown_category_goes_and_its_reason_stays() -> None:
    unknown = entry("NCH-XYZ", "https://somebody.example/codes", amount=MONEY, reason={"text": "why"})
    stripped, _ = strip_money(an_eob(adjudication=[unknown, entry("other", "https://x.example", amount=MONEY)]))
    assert stripped["adjudication"] == [entry("NCH-XYZ", "https://somebody.example/codes", reason={"text": "why"})]


def test_the_decision_of_a_prior_authorization_survives_its_amount() -> None:
    action = {"url": "…/extension-reviewAction", "extension": []}
    stripped, _ = strip_money(an_eob(adjudication=[entry("submitted", extension=[action], amount=MONEY)]))
    assert stripped["adjudication"] == [entry("submitted", extension=[action])]


def test_prices_totals_payments_and_balances_go_at_every_depth() -> None:
    detail = {"sequence": 1, "net": MONEY, "unitPrice": MONEY, "subDetail": [{"sequence": 1, "net": MONEY}]}
    stripped, removed = strip_money(
        an_eob(
            item=[{"sequence": 1, "net": MONEY, "detail": [detail]}],
            addItem=[{"net": MONEY, "productOrService": {"text": "x"}}],
            total=[{"category": {"text": "submitted"}, "amount": MONEY}],
            payment={"type": {"text": "paid"}, "date": "2026-01-01", "amount": MONEY, "adjustment": MONEY},
            benefitBalance=[{"category": {"text": "x"}, "financial": [{"usedMoney": MONEY}]}],
            text={"status": "generated", "div": "<div>paid 72.50</div>"},
        )
    )
    assert stripped == an_eob(
        item=[{"sequence": 1, "detail": [{"sequence": 1, "subDetail": [{"sequence": 1}]}]}],
        addItem=[{"productOrService": {"text": "x"}}],
        payment={"type": {"text": "paid"}, "date": "2026-01-01"},
    )
    assert removed["money.narrative"] == 1
    assert removed["money.net"] == 4


def test_the_utilization_of_a_prior_authorization_stays_without_its_amount() -> None:
    utilization = {"url": "…/PriorAuthorizationUtilization", "valueQuantity": {"value": 3}}
    total = {"extension": [utilization], "category": {"text": "utilized"}, "amount": MONEY}
    stripped, _ = strip_money(an_eob(total=[total]))
    (kept,) = stripped["total"]
    assert kept["extension"] == [utilization]
    assert "currency" not in json.dumps(kept)


def test_cost_sharing_of_a_coverage_goes() -> None:
    coverage = {"resourceType": "Coverage", "id": "c", "costToBeneficiary": [{"valueMoney": MONEY}], "order": 1}
    stripped, removed = strip_money(coverage)
    assert stripped == {"resourceType": "Coverage", "id": "c", "order": 1}
    assert removed == {"money.cost_sharing": 1}


def test_money_in_extensions_and_contained_resources_goes_from_any_resource() -> None:
    priced = {"url": "https://x.example/price", "valueMoney": MONEY}
    device = {"resourceType": "Device", "extension": [priced, {"url": "https://x.example/color", "valueString": "red"}]}
    stripped, _ = strip_money({"resourceType": "Procedure", "contained": [an_eob(total=[{"amount": MONEY}]), device]})
    assert stripped["contained"][0] == an_eob()
    assert stripped["contained"][1]["extension"] == [{"url": "https://x.example/color", "valueString": "red"}]


def test_the_given_resource_is_not_changed() -> None:
    eob = an_eob(item=[{"net": MONEY, "adjudication": [entry("benefit", amount=MONEY)]}], total=[{"amount": MONEY}])
    before = json.dumps(eob)
    strip_money(eob)
    assert json.dumps(eob) == before


def test_no_currency_is_left_in_what_cms_and_carin_publish(test_data: Any) -> None:
    folders = [test_data / "sample-data" / "fhir" / name for name in ("cms-bfd-v3", "ig-examples")]
    seen = 0
    for found in (found for folder in folders for found in read_path(folder)):
        if found.content is None or b'"currency"' not in found.raw:
            continue
        stripped, removed = strip_money(found.content)
        seen += 1
        assert removed
        assert "currency" not in str(stripped), found.file
    assert seen >= 20
