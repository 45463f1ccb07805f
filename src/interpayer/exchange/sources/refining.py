"""One record of a source becomes FHIR resources that passed the check, or is kept apart, or is left out: never lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.versions import other_release

MAPPED, QUARANTINED, OUT_OF_SCOPE = "mapped", "quarantined", "out_of_scope"
LEFT_OUT = "record.out_of_scope"
INVALID = "record.invalid"
UNSUPPORTED = "record.unsupported_version"
OURS = "system.bug"
# An error of any of these keeps a resource apart; warnings and information do not.
ERRORS = frozenset({"error", "fatal"})


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a resource: FHIRPath, code and words, never a value."""

    path: str
    code: str
    text: str
    severity: str = "error"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check said; what it could not evaluate is named, never silent."""

    flaws: tuple[Flaw, ...] = ()
    not_evaluated: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Flaw, ...]:
        """The flaws that keep the resource apart."""
        return tuple(flaw for flaw in self.flaws if flaw.severity in ERRORS)


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a mapping made of one record; codes that it has no translation for, and places that it could not read."""

    resources: Sequence[dict[str, Any]]
    unmapped: Sequence[str] = ()
    left_out: Sequence[str] = ()


class Rules(Protocol):
    """A compiled mapping, as the pipeline sees it."""

    @property
    def name(self) -> str:
        """`id@version`: which rules, with the hash of their content."""

    def apply(self, found: Found) -> Mapped:
        """The resources in this record; never raises for a record."""


class Check(Protocol):
    """Whether a resource may become a record."""

    def __call__(self, resource: Mapping[str, Any], raw: bytes) -> Checked:
        """What is wrong with it; `raw` are its bytes, with the digits of its numbers."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a resource came from: the record of the source, and the rules that made it (empty: taken as it was)."""

    source: str
    entity: str
    file: str
    position: int
    key: str
    mapping: str
    role: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that passed, the bytes that are kept of it, and its stamp."""

    resource: dict[str, Any]
    raw: bytes
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Rejected:
    """A resource, or a whole record, that is kept apart: why, and what is wrong with it."""

    reason: str
    type: str
    raw: bytes
    stamp: Stamp
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class Refined:
    """What became of one record."""

    state: str
    found: Found
    kept: tuple[Kept, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    reason: str = ""
    detail: str = ""
    unmapped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    not_evaluated: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Refinery:
    """A declared source with the mappings that read each of its entities, and the check."""

    declaration: Declaration
    rules_for: Callable[[str], Sequence[Rules]]
    check: Check
    translate: Callable[[dict[str, Any]], tuple[dict[str, Any], Sequence[str]]] | None = None

    def refine(self, found: Found) -> Refined:
        """What becomes of this record. A fault of ours in one record keeps it apart and never takes the others down."""
        try:
            return self._refined(found)
        except Exception as error:
            # Its words may hold a member's facts: only its kind is told.
            return self._rejected(found, OURS, f"a fault of ours ({type(error).__name__})")

    def _refined(self, found: Found) -> Refined:
        if found.problem == LEFT_OUT:
            return Refined(OUT_OF_SCOPE, found, reason=LEFT_OUT, detail=found.detail)
        rule = self.declaration.entities.get(found.entity)
        if rule is not None and rule.out_of_scope:
            return Refined(OUT_OF_SCOPE, found, reason=LEFT_OUT, detail=rule.out_of_scope)
        if found.content is None:
            return self._rejected(found, found.problem or INVALID, found.detail)
        rules = self.rules_for(found.entity)
        if rules:
            return self._mapped(found, rules)
        if "resourceType" in found.content:
            return self._as_it_is(found, found.content)
        return Refined(OUT_OF_SCOPE, found, reason=LEFT_OUT, detail=f"no mapping reads {found.entity}")

    def refine_all(self, read: Iterator[Found]) -> Iterator[Refined]:
        """Every record, one by one."""
        return map(self.refine, read)

    def _as_it_is(self, found: Found, resource: dict[str, Any]) -> Refined:
        if release := other_release(resource):
            return self._rejected(found, UNSUPPORTED, f"{found.entity}: {release}")
        stamp = self._stamp(found, "")
        if self.translate is None:
            return self._sorted(found, [(resource, found.raw, stamp)])
        translated, unmapped = self.translate(resource)
        raw = found.raw if translated is resource else orjson.dumps(translated)
        return replace(self._sorted(found, [(translated, raw, stamp)]), unmapped=tuple(unmapped))

    def _mapped(self, found: Found, rules: Sequence[Rules]) -> Refined:
        made: list[tuple[dict[str, Any], bytes, Stamp]] = []
        unmapped: list[str] = []
        left_out: list[str] = []
        for one in rules:
            mapped = one.apply(found)
            stamp = self._stamp(found, one.name)
            for resource in mapped.resources:
                made.append(self._made(resource, stamp, unmapped))
            unmapped += mapped.unmapped
            left_out += mapped.left_out
        if made:
            refined = self._sorted(found, made)
        elif left_out:
            refined = self._rejected(found, INVALID, f"cannot be read: {'; '.join(left_out[:5])}")
        else:
            names = ", ".join(one.name.partition("@")[0] for one in rules)
            refined = Refined(OUT_OF_SCOPE, found, reason=LEFT_OUT, detail=f"{names} makes nothing of it")
        return replace(refined, unmapped=tuple(unmapped), left_out=tuple(left_out))

    def _made(self, resource: dict[str, Any], stamp: Stamp, unmapped: list[str]) -> tuple[dict[str, Any], bytes, Stamp]:
        if self.translate is not None:
            resource, untranslated = self.translate(resource)
            unmapped += untranslated
        return resource, orjson.dumps(resource), stamp

    def _sorted(self, found: Found, made: Sequence[tuple[dict[str, Any], bytes, Stamp]]) -> Refined:
        kept: list[Kept] = []
        rejected: list[Rejected] = []
        not_evaluated: dict[str, None] = {}
        for resource, raw, stamp in made:
            checked = self.check(resource, raw)
            if checked.not_evaluated:
                not_evaluated |= dict.fromkeys(checked.not_evaluated)
            if errors := checked.errors:
                rejected.append(Rejected(INVALID, str(resource.get("resourceType")), raw, stamp, errors))
            else:
                kept.append(Kept(resource, raw, stamp))
        return Refined(
            QUARANTINED if rejected else MAPPED,
            found,
            tuple(kept),
            tuple(rejected),
            reason=rejected[0].reason if rejected else "",
            detail=_rules_broken(rejected),
            not_evaluated=tuple(not_evaluated),
        )

    def _rejected(self, found: Found, reason: str, detail: str) -> Refined:
        flaws = (Flaw("", "version" if reason == UNSUPPORTED else "structure", detail or "cannot be read"),)
        kind = str(found.content.get("resourceType", "")) if found.content else ""
        whole = Rejected(reason, kind, found.raw, self._stamp(found, ""), flaws)
        return Refined(QUARANTINED, found, rejected=(whole,), reason=reason, detail=detail)

    def _stamp(self, found: Found, mapping: str) -> Stamp:
        role = self.declaration.role_of(found.entity)
        return Stamp(self.declaration.name, found.entity, found.file, found.position, found.key, mapping, role)


def _rules_broken(rejected: Sequence[Rejected]) -> str:
    """Types, rules and places, without the numbers of list entries: the same trouble reads the same."""
    told = {_words(one.type, flaw): None for one in rejected for flaw in one.flaws}
    return "; ".join(list(told)[:5])


def _words(kind: str, flaw: Flaw) -> str:
    if not flaw.path:
        return f"{kind}: {flaw.text}"
    place = unnumbered(flaw.path)
    return f"{flaw.code} at {place}" if place.split(".")[0] == kind else f"{flaw.code} at {kind}.{place}"


def unnumbered(path: str) -> str:
    """The place without the numbers of list entries."""
    head, *rest = path.split("[")
    return head + "".join(part.partition("]")[2] for part in rest)
