"""One source, declared in one YAML file (docs/reference/sources/declaration.md): read, checked, nothing opened.

What is wrong is said as `Refusal(request.malformed)` with the place in the file and what would work, never a value.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from interpayer.adapters.strict_yaml import NoYaml, read_yaml
from interpayer.model.reason import Refusal

KINDS = ("fhir_files", "fhir_server", "x12", "hl7v2", "tables", "documents")
KEYS = (
    "source", "kind", "where", "essential", "role", "entities", "members", "types", "maps", "translate", "context",
    "time_zone", "as_of", "fresh_within", "limits",
)  # fmt: skip
WHERE = {
    "tables": ("path", "pattern", "database"),
    "fhir_server": ("url", "client_id", "scopes", "by", "group", "ca"),
}
# How a FHIR server is asked.
WAYS = ("search", "everything", "bulk")
# What kind of knowledge a source has; decides which of two contradicting sources is believed.
ROLES = ("enrollment", "claims", "clinical", "documents")
ENVIRONMENT = "env:"
# Values under these names are secrets: only the name of an environment variable may stand in the file.
SECRETS = frozenset({"password", "secret", "token", "key", "database", "client_secret"})
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")
_TYPE = re.compile(r"^[A-Z][A-Za-z]{2,63}$")
_DAY = re.compile(r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")
_SPAN = re.compile(r"^(\d{1,6})\s*(s|m|h|d)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ROLE_OF_ENTITY = {"x12.834": "enrollment", "Coverage": "enrollment", "ExplanationOfBenefit": "claims"}
_ROLE_OF_KIND = {
    "fhir_files": "clinical", "fhir_server": "clinical", "x12": "claims", "hl7v2": "clinical", "tables": "claims",
    "documents": "documents",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntityRule:
    """What becomes of one kind of record: mappings that read it, or why it is left out; `options` are the reader's."""

    mappings: tuple[str, ...] = ()
    out_of_scope: str = ""
    role: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Members:
    """Under which identifier system the source carries our member number; none means: under any. `by_id` says that the
    id of a FHIR source's Patient is that number.
    """

    system: str = ""
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast the source may be asked, and how long one member's question may take."""

    per_second: float = 5.0
    at_once: int = 2
    budget_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared source. `folder` is where relative paths begin; `version` changes with the text of the declaration."""

    name: str
    kind: str
    where: Mapping[str, Any]
    folder: Path
    version: str
    text: str = field(repr=False)
    essential: bool = False
    role: str = ""
    entities: Mapping[str, EntityRule] = field(default_factory=dict)
    members: Members = Members()
    types: tuple[str, ...] = ()
    maps: Path | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"
    translate: tuple[str, ...] = ()
    as_of: str = ""
    fresh_within: timedelta | None = None
    limits: Limits = Limits()

    @property
    def is_live(self) -> bool:
        """True when the source is asked while an answer is made; false when its files are loaded ahead."""
        return self.kind == "fhir_server" or (self.kind == "tables" and "database" in self.where)

    @property
    def path(self) -> Path:
        """The file or folder of a source of files."""
        return self.folder / str(self.where["path"])

    def role_of(self, entity: str) -> str:
        """What kind of knowledge these records are: as declared, else what their form is used for."""
        rule = self.entities.get(entity)
        declared = (rule.role if rule is not None else "") or self.role
        return declared or _ROLE_OF_ENTITY.get(entity) or _ROLE_OF_KIND[self.kind]


def read_declaration(path: Path) -> Declaration:
    """The source that this file declares. Raises Refusal(request.malformed), FileNotFoundError."""
    return parse_declaration(path.read_bytes(), folder=path.absolute().parent, file=path.name)


def parse_declaration(raw: bytes, *, folder: Path, file: str) -> Declaration:
    """The declared source; relative paths in it begin at `folder`. Raises Refusal(request.malformed)."""
    try:
        text = raw.decode("utf-8-sig")
        content = read_yaml(text)
    except (NoYaml, UnicodeDecodeError) as error:
        words = str(error) if isinstance(error, NoYaml) else "is not UTF-8"
        raise Refusal("request.malformed", f"{file} {words}") from None
    reading = _Reading(file)
    if not isinstance(content, dict):
        reading.fail("", "must hold keys and values")
    return reading.declaration(content, folder, text)


class _Reading:
    """Reads one declaration; every complaint names the file and the place."""

    def __init__(self, file: str) -> None:
        self._file = file

    def fail(self, place: str, what: str) -> NoReturn:
        """Refuse the declaration."""
        raise Refusal("request.malformed", f"{self._file}{f', `{place}`' if place else ''}: {what}")

    def declaration(self, raw: Mapping[Any, Any], folder: Path, text: str) -> Declaration:
        """The declaration in these keys and values."""
        self._known(raw, KEYS, "")
        kind = raw.get("kind")
        if kind not in KINDS:
            self.fail("kind", f"must be one of {', '.join(KINDS)}")
        where = self._where(raw.get("where"), str(kind))
        return Declaration(
            name=self._text(raw, "source", lambda text: bool(_NAME.match(text)), "small letters, digits and '-'"),
            kind=str(kind),
            where=where,
            folder=folder,
            version=hashlib.sha256(text.encode()).hexdigest()[:12],
            text=text,
            essential=self._yes_or_no(raw.get("essential", False), "essential"),
            role=self._role(raw, ""),
            entities=self._entities(raw.get("entities", {})),
            members=self._members(raw.get("members", {})),
            types=self._types(raw.get("types", [])),
            maps=folder / self._plain_text(raw["maps"], "maps") if "maps" in raw else None,
            translate=self._texts(raw.get("translate", []), "translate"),
            context=self._context(raw.get("context", {})),
            time_zone=self._time_zone(raw.get("time_zone", "UTC")),
            as_of=self._as_of(raw.get("as_of", "")),
            fresh_within=self._span(raw["fresh_within"], "fresh_within") if "fresh_within" in raw else None,
            limits=self._limits(raw.get("limits", {})),
        )

    def _where(self, raw: Any, kind: str) -> Mapping[str, Any]:
        wanted = {"fhir_server": ("url",), "tables": ("path", "database")}.get(kind, ("path",))
        if not isinstance(raw, dict) or sum(name in raw for name in wanted) != 1:
            self.fail("where", f"must name {' or '.join(wanted)}")
        if "url" in raw and not str(raw["url"]).startswith("https://"):
            self.fail("where.url", "must begin with https://")
        self._no_secrets(raw, "where")
        self._known(raw, WHERE.get(kind, ("path", "pattern")), "where")
        for name, value in raw.items():
            if name == "scopes":
                self._texts(value, "where.scopes")
            else:
                self._plain_text(value, f"where.{name}")
        if raw.get("by", WAYS[0]) not in WAYS:
            self.fail("where.by", f"must be one of {', '.join(WAYS)}")
        return MappingProxyType(raw)

    def _no_secrets(self, raw: Mapping[Any, Any], place: str) -> None:
        for name, value in raw.items():
            if isinstance(value, dict):
                self._no_secrets(value, f"{place}.{name}")
            elif name in SECRETS and not (isinstance(value, str) and value.startswith(ENVIRONMENT)):
                self.fail(f"{place}.{name}", f"is a secret: write {ENVIRONMENT}NAME and set that environment variable")

    def _entities(self, raw: Any) -> Mapping[str, EntityRule]:
        if not isinstance(raw, dict):
            self.fail("entities", "must map each entity to its rule")
        return MappingProxyType({str(name): self._entity(rule, f"entities.{name}") for name, rule in raw.items()})

    def _entity(self, raw: Any, place: str) -> EntityRule:
        if isinstance(raw, str):
            return EntityRule(mappings=(raw,))
        if not isinstance(raw, dict):
            self.fail(place, "must be the name of a mapping, or keys and values")
        named = raw.get("mapping", [])
        mappings = [named] if isinstance(named, str) else named
        if not isinstance(mappings, list) or not all(isinstance(name, str) for name in mappings):
            self.fail(f"{place}.mapping", "must be the name of a mapping, or a list of names")
        reason = self._plain_text(raw.get("out_of_scope", ""), f"{place}.out_of_scope")
        if mappings and reason:
            self.fail(place, "is either mapped or out of scope")
        options = {str(key): value for key, value in raw.items() if key not in ("mapping", "out_of_scope", "role")}
        return EntityRule(tuple(mappings), reason, self._role(raw, f"{place}."), MappingProxyType(options))

    def _role(self, raw: Mapping[Any, Any], place: str) -> str:
        role = raw.get("role", "")
        if role not in ("", *ROLES):
            self.fail(f"{place}role", f"must be one of {', '.join(ROLES)}")
        return str(role)

    def _members(self, raw: Any) -> Members:
        if not isinstance(raw, dict):
            self.fail("members", "must hold `system`, `by`, or nothing")
        self._known(raw, ("system", "by"), "members")
        if raw.get("by", "number") not in ("number", "id"):
            self.fail("members.by", "is `number` or `id`")
        return Members(self._plain_text(raw.get("system", ""), "members.system"), raw.get("by") == "id")

    def _context(self, raw: Any) -> Mapping[str, str]:
        if not isinstance(raw, dict) or not all(isinstance(value, str | int) for value in raw.values()):
            self.fail("context", "must map names to texts")
        return MappingProxyType({str(name): str(value) for name, value in raw.items()})

    def _types(self, raw: Any) -> tuple[str, ...]:
        if not isinstance(raw, list) or not all(isinstance(name, str) and _TYPE.match(name) for name in raw):
            self.fail("types", "must be a list of FHIR resource types")
        return tuple(raw)

    def _texts(self, raw: Any, place: str) -> tuple[str, ...]:
        if not isinstance(raw, list) or not all(isinstance(one, str) and one for one in raw):
            self.fail(place, "must be a list of texts")
        return tuple(raw)

    def _limits(self, raw: Any) -> Limits:
        if not isinstance(raw, dict):
            self.fail("limits", "must hold per_second, at_once or budget_s")
        self._known(raw, ("per_second", "at_once", "budget_s"), "limits")
        for name, value in raw.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                self.fail(f"limits.{name}", "must be a number above 0")
        per_second, budget_s = float(raw.get("per_second", 5.0)), float(raw.get("budget_s", 10.0))
        return Limits(per_second, max(1, int(raw.get("at_once", 2))), budget_s)

    def _time_zone(self, raw: Any) -> str:
        name = self._plain_text(raw, "time_zone")
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fail("time_zone", "must be a name of the time zone database, as America/New_York")
        return name

    def _as_of(self, raw: Any) -> str:
        text = self._plain_text(raw, "as_of")
        if text not in ("", "file") and not _DAY.match(text):
            self.fail("as_of", "must be `file` or a day as 2026-11-20")
        return text

    def _span(self, raw: Any, place: str) -> timedelta:
        found = _SPAN.match(str(raw))
        if found is None:
            self.fail(place, "must be a number with its unit: 90s, 15m, 12h or 1d")
        return timedelta(**{_UNITS[found[2]]: int(found[1])})

    def _text(self, raw: Mapping[Any, Any], key: str, fits: Callable[[str], bool], words: str) -> str:
        value = raw.get(key)
        if not isinstance(value, str) or not fits(value):
            self.fail(key, f"is required: {words}")
        return value

    def _plain_text(self, raw: Any, place: str) -> str:
        if not isinstance(raw, str):
            self.fail(place, "must be text")
        return raw

    def _yes_or_no(self, raw: Any, place: str) -> bool:
        if not isinstance(raw, bool):
            self.fail(place, "must be true or false")
        return raw

    def _known(self, raw: Mapping[Any, Any], known: tuple[str, ...], place: str) -> None:
        strange = sorted(str(key) for key in raw if key not in known)
        if strange:
            self.fail(place, f"`{strange[0]}` is unknown; known are {', '.join(known)}")
