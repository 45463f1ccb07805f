"""What must be equal when a record has travelled, and what may differ: an oracle that knows nothing of our own code.

`explain` walks a resource as it was loaded beside the same resource as it arrived. Ids and references may be new ones,
as long as the same old one always becomes the same new one; holder's metadata may differ; money must be gone, and
nothing else may be missing, different or new.
"""

import json
from collections.abc import Iterator
from typing import Any

Json = Any

# An adjudication of one of these categories is an amount, whether it says so by `amount` or by a bare number
# (FHIR R4 adjudication, C4BBAdjudication).
AMOUNTS = {
    "submitted", "copay", "eligible", "deductible", "unallocdeduct", "tax", "benefit", "coinsurance", "noncovered",
    "priorpayerpaid", "paidbypatient", "paidtopatient", "paidtoprovider", "memberliability", "discount", "drugcost",
    "eligpercent", "paidbypatientcash", "paidbypatientother", "paidbypatienthealthaccount",
}  # fmt: skip
MONEY = {"net", "unitPrice", "total", "benefitBalance", "costToBeneficiary", "fundsReserve", "payment"}
MONEY_VALUES = {"valueMoney", "allowedMoney", "usedMoney"}
HOLDERS_META = {"lastUpdated", "versionId", "source"}
# Who holds a record may say why it is sensitive (HL7 v3 confidentiality, sensitivity); what its sender said stays.
HOLDERS_LABELS = {
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode",
}


def read_exactly(raw: bytes | str) -> Json:
    """JSON with every decimal as its digits, so that 72.50 is not 72.5."""
    return json.loads(raw, parse_float=lambda digits: f"decimal {digits}")


class Ids:
    """Which new id each old one became; both ways, so that no two become one."""

    def __init__(self) -> None:
        self.new: dict[tuple[str, str], str] = {}
        self.old: dict[tuple[str, str], str] = {}

    def agree(self, kind: str, old: str, new: str, *, is_person: bool = False) -> bool:
        """True when this pair fits with all pairs before. Several Patients of one person may become one."""
        fits = self.new.setdefault((kind, old), new) == new
        return fits and (is_person or self.old.setdefault((kind, new), old) == old)


def explain(loaded: Json, arrived: Json, ids: Ids) -> list[str]:
    """Every difference that no rule explains, by its path; never empty lists of one side against the other."""
    return list(_resource(loaded, arrived, ids))


def money_in(node: Json, path: str = "") -> list[str]:
    """Every place that holds an amount of money, or the place where one would be."""
    return list(_money(node, path))


def _resource(loaded: Json, arrived: Json, ids: Ids) -> Iterator[str]:
    kind = loaded["resourceType"]
    if "id" in loaded and not ids.agree(kind, loaded["id"], arrived["id"], is_person=kind == "Patient"):
        yield "id"
    meta = {k: v for k, v in loaded.get("meta", {}).items() if k not in HOLDERS_META}
    new_meta = {k: v for k, v in arrived.get("meta", {}).items() if k not in HOLDERS_META}
    yield from _node(meta, _without_added_labels(meta, new_meta), "meta", ids)
    rest = {k: v for k, v in loaded.items() if k not in ("id", "meta")}
    new_rest = {k: v for k, v in arrived.items() if k not in ("id", "meta")}
    if "text" in rest and "text" not in new_rest and money_in(rest):
        del rest["text"]  # the narrative of a resource with money tells the amounts in words
    if kind == "Patient":
        rest, new_rest = _without_our_number(rest, new_rest)
    yield from _node(rest, new_rest, "", ids)


def _without_added_labels(loaded: Json, arrived: Json) -> Json:
    """The meta without labels that were added on the way."""
    said = loaded.get("security", [])
    kept = [one for one in arrived.get("security", []) if one in said or one.get("system") not in HOLDERS_LABELS]
    rest = {k: v for k, v in arrived.items() if k != "security"}
    return {**rest, "security": kept} if kept else rest


def _without_our_number(loaded: Json, arrived: Json) -> tuple[Json, Json]:
    """The Patient comes with the unique member number of who sent it (HRex: `UMB`), beside what it had."""
    numbers = [i for i in arrived.get("identifier", []) if "UMB" not in json.dumps(i)]
    kept = {k: v for k, v in arrived.items() if k != "identifier"}
    return loaded, {**kept, "identifier": numbers} if numbers else kept


def _node(loaded: Json, arrived: Json, path: str, ids: Ids) -> Iterator[str]:
    if isinstance(loaded, dict) and isinstance(arrived, dict):
        yield from _object(loaded, arrived, path, ids)
    elif isinstance(loaded, list) and isinstance(arrived, list):
        yield from _array(loaded, arrived, path, ids)
    elif type(loaded) is not type(arrived) or loaded != arrived:
        yield f"{path}: {str(loaded)[:60]!r} became {str(arrived)[:60]!r}"


def _object(loaded: Json, arrived: Json, path: str, ids: Ids) -> Iterator[str]:
    for key in arrived.keys() - loaded.keys():
        yield f"{path}.{key}: invented"
    for key, value in loaded.items():
        here = f"{path}.{key}"
        if key == "reference" and isinstance(value, str):
            yield from _reference(value, arrived.get(key), here, ids)
        elif key in arrived:
            yield from _node(value, arrived[key], here, ids)
        elif not _is_all_money(key, value, loaded):
            yield f"{here}: lost"


def _array(loaded: list[Json], arrived: list[Json], path: str, ids: Ids) -> Iterator[str]:
    waiting = list(arrived)
    for place, entry in enumerate(loaded):
        here = f"{path}[{place}]"
        if _is_money_entry(path.rpartition(".")[2], entry):
            if waiting and not list(_node(_without_amount(entry), waiting[0], here, ids)):
                waiting.pop(0)
        elif waiting:
            yield from _node(entry, waiting.pop(0), here, ids)
        else:
            yield f"{here}: lost"
    for entry in waiting:
        yield f"{path}: invented {str(entry)[:60]!r}"


def _reference(loaded: str, arrived: Json, path: str, ids: Ids) -> Iterator[str]:
    kind, _, old = loaded.partition("/")
    if not kind.isalpha() or not old:  # contained, absolute, logical and conditional references stay as they are
        if loaded != arrived:
            yield f"{path}: {loaded[:60]} became {str(arrived)[:60]}"
        return
    new_kind, _, new = str(arrived).partition("/")
    if kind != new_kind or not ids.agree(kind, old, new, is_person=kind == "Patient"):
        yield f"{path}: {loaded} became {arrived}"


def _is_all_money(key: str, value: Json, parent: Json) -> bool:
    if key in MONEY_VALUES or (key == "payment" and set(value) <= {"amount", "adjustment", "type"}):
        return not isinstance(value, dict) or key != "payment" or not set(value) - {"amount", "adjustment"}
    if key in MONEY:
        return key != "payment"
    if key in ("adjudication", "extension") and isinstance(value, list):
        return all(_is_money_entry(key, entry) for entry in value)
    if key in ("amount", "adjustment"):
        return True
    return _is_money(value) or (key == "value" and _is_amount(parent))


def _is_money_entry(key: str, entry: Json) -> bool:
    if not isinstance(entry, dict):
        return False
    if key == "adjudication":
        return "amount" in entry or _is_amount(entry)
    return bool(MONEY_VALUES & entry.keys())


def _without_amount(entry: Json) -> Json:
    return {k: v for k, v in entry.items() if k != "amount" and not (k == "value" and _is_amount(entry))}


def _is_amount(entry: Json) -> bool:
    codings = (entry.get("category") or {}).get("coding") or [] if isinstance(entry.get("category"), dict) else []
    return any(coding.get("code") in AMOUNTS for coding in codings)


def _is_money(value: Json) -> bool:
    return isinstance(value, dict) and "currency" in value


def _money(node: Json, path: str) -> Iterator[str]:
    if isinstance(node, list):
        for place, entry in enumerate(node):
            yield from _money(entry, f"{path}[{place}]")
    elif isinstance(node, dict):
        if _is_money(node) or _is_priced(path, node):
            yield path
        for key, value in node.items():
            here = f"{path}.{key}"
            if _is_amount_of(key, value):
                yield here
            else:
                yield from _money(value, here)


def _is_priced(path: str, node: Json) -> bool:
    is_adjudication = path.rpartition(".")[2].startswith("adjudication")
    has_number = "value" in node if _is_amount(node) else "value" in (node.get("amount") or {})
    return is_adjudication and has_number


def _is_amount_of(key: str, value: Json) -> bool:
    if key == "payment":
        return "amount" in value
    if key == "total":
        return any("value" in (entry.get("amount") or {}) for entry in value)
    return key in MONEY_VALUES or key in MONEY
