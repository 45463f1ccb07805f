"""Money is taken out (42 CFR 422.121(b)(4)(ii): no provider remittances, no enrollee cost sharing).

The C4BB Basis profiles do not forbid amounts, so they are removed actively (standards.md, trap 5 and 6.2). What goes:
amounts the code tables name, any other amount in the places where amounts stand, and whatever else looks like money.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from interpayer.normalization.references import MASKED, Resource

FINANCIAL_TYPES = frozenset({
    "ExplanationOfBenefit", "Claim", "ClaimResponse", "Coverage",
    "CoverageEligibilityRequest", "CoverageEligibilityResponse",
})  # fmt: skip
# Remittances and bills: nothing in them is exchanged.
REMITTANCE_TYPES = frozenset({
    "PaymentNotice", "PaymentReconciliation", "Invoice", "ChargeItem", "Account",
    "EnrollmentRequest", "EnrollmentResponse",
})  # fmt: skip
# Base R4 adjudication and C4BBAdjudication; matched by code, because senders write the system in several ways.
AMOUNT_CATEGORIES = frozenset({
    "submitted", "copay", "eligible", "deductible", "unallocdeduct", "eligpercent", "tax", "benefit",
    "coinsurance", "noncovered", "priorpayerpaid", "paidbypatient", "paidbypatientcash", "paidbypatientother",
    "paidbypatienthealthaccount", "paidtopatient", "paidtoprovider", "memberliability", "discount", "drugcost",
})  # fmt: skip
AMOUNT_SYSTEMS = ("/adjudication", "/C4BBAdjudication")
_MONEY_KEYS = ("valueMoney", "allowedMoney", "usedMoney")
_PRICES = ("net", "unitPrice", "fundsReserve")
_LINES = ("item", "detail", "subDetail", "addItem", "insurance")


def strip_money(resource: Resource, *, has_money: bool = True) -> tuple[Resource, Counter[str]]:
    """The resource without money, and how much was removed, by rule; the given one is not changed.

    ``has_money=False`` promises that no value of type Money is inside: then only the known places are gone through.
    """
    removed: Counter[str] = Counter()
    stripped = _strip_resource(resource, removed, has_money=has_money)
    return stripped, removed


def _strip_resource(resource: Resource, removed: Counter[str], *, has_money: bool) -> Resource:
    stripped = dict(resource)
    contained = stripped.get("contained")
    if isinstance(contained, list):
        stripped["contained"] = [
            _strip_resource(c, removed, has_money=has_money) if isinstance(c, dict) else c for c in contained
        ]
    if stripped.get("resourceType") in FINANCIAL_TYPES:
        for key, strip in _PLACES.items():
            if key in stripped:
                strip(stripped, key, removed)
        _strip_prices(stripped, removed)
        _strip_lines(stripped, removed)
    swept = _sweep(stripped, removed) if has_money else stripped
    assert isinstance(swept, dict)
    if removed and "text" in swept:
        # A narrative repeats in words what was just removed.
        del swept["text"]
        removed["money.narrative"] += 1
    return swept


def _drop(rule: str) -> Callable[[Resource, str, Counter[str]], None]:
    def drop(resource: Resource, key: str, removed: Counter[str]) -> None:
        value = resource.pop(key)
        removed[rule] += len(value) if isinstance(value, list) else 1

    return drop


def _strip_payment(resource: Resource, key: str, removed: Counter[str]) -> None:
    payment = resource[key]
    if not isinstance(payment, dict):
        return
    kept = {name: value for name, value in payment.items() if name not in {"amount", "adjustment"}}
    removed["money.payment"] += len(payment) - len(kept)
    if kept:
        resource[key] = kept
    else:
        del resource[key]


def _strip_totals(resource: Resource, key: str, removed: Counter[str]) -> None:
    """Totals go; those of a prior authorization that carry its utilization stay, with the amount masked."""
    totals = resource.pop(key)
    entries = totals if isinstance(totals, list) else [totals]
    kept = [_mask_amount(entry) for entry in entries if isinstance(entry, dict) and entry.get("extension")]
    removed["money.total"] += len(entries)
    if kept and isinstance(totals, list):
        resource[key] = kept


def _strip_adjudication(resource: Resource, key: str, removed: Counter[str]) -> None:
    entries = resource[key]
    if not isinstance(entries, list):
        return
    kept = [stripped for entry in entries if (stripped := _strip_entry(entry, removed)) is not None]
    if kept:
        resource[key] = kept
    else:
        del resource[key]


def _strip_entry(entry: Any, removed: Counter[str]) -> Resource | None:
    """None when the adjudication is an amount and says nothing else (a decision or a reason stays)."""
    if not isinstance(entry, dict):
        return None
    is_amount = _is_amount(entry.get("category"))
    if not is_amount and "amount" not in entry:
        return entry
    removed["money.adjudication"] += 1
    gone = {"amount", "value"} if is_amount else {"amount"}
    kept = {name: value for name, value in entry.items() if name not in gone}
    says_more = kept.keys() & {"reason", "value", "extension"}
    return kept if says_more else None


def _is_amount(category: Any) -> bool:
    codings = category.get("coding") if isinstance(category, dict) else None
    return any(
        coding.get("code") in AMOUNT_CATEGORIES
        and str(coding.get("system") or "/adjudication").endswith(AMOUNT_SYSTEMS)
        for coding in codings or ()
        if isinstance(coding, dict)
    )


def _strip_prices(node: Resource, removed: Counter[str]) -> None:
    for key in _PRICES:
        if key in node:
            del node[key]
            removed[f"money.{key}"] += 1
    if "adjudication" in node:
        _strip_adjudication(node, "adjudication", removed)


def _strip_lines(node: Resource, removed: Counter[str]) -> None:
    """Lines within lines: item, detail, subDetail, addItem; the lists are copied on the way down."""
    for key in _LINES:
        lines = node.get(key)
        if isinstance(lines, list):
            node[key] = [_strip_line(line, removed) if isinstance(line, dict) else line for line in lines]


def _strip_line(line: Mapping[str, Any], removed: Counter[str]) -> Resource:
    copied = dict(line)
    _strip_prices(copied, removed)
    _strip_lines(copied, removed)
    return copied


def _mask_amount(entry: Mapping[str, Any]) -> Resource:
    return {**entry, "amount": {"extension": [dict(MASKED)]}} if "amount" in entry else dict(entry)


def _sweep(node: Any, removed: Counter[str]) -> Any:
    """The last net: values of type Money wherever they stand, extensions above all."""
    if type(node) is dict:
        kept = {}
        for key, value in node.items():
            if key in _MONEY_KEYS or _is_money(value):
                removed["money.other"] += 1
            else:
                kept[key] = _sweep(value, removed)
        return kept
    if type(node) is list:
        return [_sweep(value, removed) for value in node if not _is_priced_extension(value, removed)]
    return node


def _is_priced_extension(node: Any, removed: Counter[str]) -> bool:
    if type(node) is not dict or "valueMoney" not in node:
        return False
    removed["money.extension"] += 1
    return True


def _is_money(value: Any) -> bool:
    return type(value) is dict and "currency" in value and value.keys() <= {"value", "currency", "id", "extension"}


_PLACES: dict[str, Callable[[Resource, str, Counter[str]], None]] = {
    "total": _strip_totals,
    "payment": _strip_payment,
    "benefitBalance": _drop("money.benefit_balance"),
    "costToBeneficiary": _drop("money.cost_sharing"),
}
