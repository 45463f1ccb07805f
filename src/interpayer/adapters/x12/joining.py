"""Claims (837) with the payer's decision about them: the remittances (835) of the same source laid beside.

A remittance belongs to a claim when its number is the one the provider gave the claim, the charge is the same, and the
payee is the billing provider or the member is the same. Where a claim and its replacement have one number, the former
keeps what was decided under the payer's number that the replacement names. Of several decisions the last one counts.

What finds no claim stays a record of its own; so do remittances beyond what is kept in memory, which are found in the
store by their number.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, TypeAlias

from interpayer.adapters.base import Found
from interpayer.adapters.files import Reader
from interpayer.adapters.x12.reading import OUT_OF_SCOPE, read_again, read_x12

REMITTANCE = "x12.835"
CLAIMS = frozenset({"x12.837P", "x12.837I", "x12.837D"})
REPLACING = frozenset({"7", "8"})
# How many bytes of remittances, packed, wait for their claims.
MOST_KEPT = 128 << 20
Content: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class _Kept:
    """A remittance that waits for its claim; `place` is where it stands in the source."""

    packed: bytes
    place: tuple[str, int]
    is_used: bool = False

    def found(self) -> Found:
        """The record again, from its bytes."""
        file, position = self.place
        return replace(read_again(zlib.decompress(self.packed), file), position=position)


_Decided: TypeAlias = tuple[_Kept, Content]


@dataclass(slots=True)
class _Shelf:
    """The remittances by the number of their claim, and which of the payer's numbers were replaced under it."""

    by_claim: dict[str, list[_Kept]] = field(default_factory=dict)
    replaced: dict[str, set[str]] = field(default_factory=dict)
    places: set[tuple[str, int]] = field(default_factory=set)
    weight: int = 0

    def note(self, found: Found) -> None:
        """Lay a sound remittance by, as long as there is room; remember what a replacement takes the place of."""
        if found.content is None:
            return
        if found.entity in CLAIMS and (former := _former(found.content)):
            self.replaced.setdefault(_text(found.content, "claim", "CLM01"), set()).add(former)
        elif found.entity == REMITTANCE and self.weight <= MOST_KEPT:
            kept = _Kept(zlib.compress(found.raw, 1), (found.file, found.position))
            self.weight += len(kept.packed)
            self.places.add(kept.place)
            self.by_claim.setdefault(_text(found.content, "payment", "CLP01"), []).append(kept)

    def decide(self, claim: Content) -> Content | None:
        """The last decision about a claim."""
        number = _text(claim, "claim", "CLM01")
        belonging = [
            (kept, content)
            for kept in self.by_claim.get(number, ())
            if (content := kept.found().content) is not None and _belong(claim, content)
        ]
        belonging = self._own(belonging, former=_former(claim), replaced=self.replaced.get(number, set()))
        for kept, _ in belonging:
            kept.is_used = True
        return sorted((content for _, content in belonging), key=_made_at)[-1] if belonging else None

    def _own(self, belonging: list[_Decided], *, former: str, replaced: set[str]) -> list[_Decided]:
        """Of decisions under one number: a replacement's are not the former's, and the other way round."""
        if former:
            return [one for one in belonging if _text(one[1], "payment", "CLP07") != former]
        kept = [one for one in belonging if _text(one[1], "payment", "CLP07") in replaced]
        return kept or belonging


def join_remittances(read: Callable[[Reader], Iterator[Found]]) -> Iterator[Found]:
    """Every record of a source, its claims with their remittances; ``read`` gives all its files to a reader, twice."""
    shelf = _Shelf()
    for found in read(_read_claims_and_remittances):
        shelf.note(found)
    for found in read(read_x12):
        if found.content is not None and found.entity in CLAIMS:
            decision = shelf.decide(found.content)
            yield replace(found, content=_with(found.content, decision)) if decision else found
        elif (found.file, found.position) not in shelf.places or found.entity != REMITTANCE:
            yield found
    for kept in (one for waiting in shelf.by_claim.values() for one in waiting):
        found = kept.found()
        detail = "a remittance that was read with its claim"
        yield replace(found, content=None, problem=OUT_OF_SCOPE, detail=detail) if kept.is_used else found


def _read_claims_and_remittances(opened: BinaryIO, file: str) -> Iterator[Found]:
    return read_x12(opened, file, only=frozenset({"835", "837"}))


def _former(claim: Content) -> str:
    """The payer's number of the claim that this one replaces (7) or voids (8)."""
    return _text(claim, "claim", "REF_F8", "REF02") if _text(claim, "claim", "CLM05_3") in REPLACING else ""


def _with(claim: Content, decision: Content) -> Content:
    """The claim with its decision, and each line with what was decided about it."""
    services = list(decision["payment"].get("lines", ()))
    lines = [dict(line) for line in claim["claim"].get("lines", ())]
    for line in lines:
        at = next((at for at, service in enumerate(services) if _same_line(line, service)), None)
        if at is not None:
            line["remitted"] = services.pop(at)
    return {**claim, "claim": {**claim["claim"], "lines": lines}, "remittance": decision}


def _same_line(line: Content, service: Content) -> bool:
    """By the provider's number of the line where both have it, else by code and charge."""
    ours, theirs = _text(line, "REF_6R", "REF02"), _text(service, "REF_6R", "REF02")
    if ours and theirs:
        return ours == theirs
    code = _text(line, "SV101_2") or _text(line, "SV202_2") or _text(line, "SV301_2") or _text(line, "SV201")
    charge = _text(line, "SV102") or _text(line, "SV203")
    return code in {_text(service, "SVC01_2"), _text(service, "SVC04")} and _same_amount(charge, service.get("SVC02"))


def _belong(claim: Content, remittance: Content) -> bool:
    biller = claim["billing"].get("provider", {})
    payee = remittance.get("payee", {})
    theirs = {payee.get("N104"), _text(payee, "REF_TJ", "REF02")}
    ours = {biller.get("NM109"), _text(biller, "REF_EI", "REF02"), _text(biller, "REF_SY", "REF02")}
    payment = remittance["payment"]
    people = {_text(payment, "patient", "NM109"), _text(payment, "subscriber", "NM109")}
    is_between_them = bool((theirs & ours) - {None, ""}) or _text(claim, "subscriber", "person", "NM109") in people - {
        ""
    }
    return is_between_them and _same_amount(claim["claim"].get("CLM02"), payment.get("CLP03"))


def _same_amount(one: object, other: object) -> bool:
    """Equal but for the sign: a reversal takes back what was charged."""
    try:
        return abs(Decimal(str(one))) == abs(Decimal(str(other)))
    except InvalidOperation:
        return False


def _made_at(remittance: Content) -> str:
    made = remittance["envelope"].get("created_at") or remittance["envelope"].get("created_on", "")
    return str(made)


def _text(content: Any, *path: str) -> str:
    node = content
    for name in path:
        node = node[0] if isinstance(node, list) and node else node
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, str) else ""
