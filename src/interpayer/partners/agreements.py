"""What was agreed with a partner, out of its document and its rows: limits, pace, contract, contacts, payers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from interpayer.model.agreement import (
    ANY_PACE,
    NO_CONTRACT,
    USUAL_LIMITS,
    USUAL_PROFILE,
    Acknowledgement,
    ActsFor,
    CallLimits,
    Contact,
    ContactRole,
    Contract,
    ErrorMeaning,
    Idempotency,
    Pace,
    Profile,
    RateLimit,
)
from interpayer.model.reason import Refusal
from interpayer.system.clock import now

ROUTE_CLASSES = ("token", "match", "bulk", "status", "file", "read", "register")
MODES = ("bulk", "single", "bulk_2.2", "bulk_2.1", "single_everything")
MATCH_OPERATIONS = ("bulk-member-match", "multi-member-match")
SPEC_VERSION = re.compile(r"\d{1,2}\.\d{1,2}(\.\d{1,3})?")
MOST = 1_000_000
_E = TypeVar("_E", bound=StrEnum)


def read_limits(value: object) -> CallLimits:
    """How often the partner may call: `rates` and `costs` by class of route, and `connections` at once."""
    if value == {}:
        return USUAL_LIMITS
    given = _object(value, "limits", {"rates", "costs", "connections"})
    rates = _object(given.get("rates"), "limits.rates", set(ROUTE_CLASSES))
    costs = _object(given.get("costs"), "limits.costs", set(ROUTE_CLASSES))
    return CallLimits(
        rates=tuple(sorted((name, _rate(rate, f"limits.rates.{name}")) for name, rate in rates.items())),
        costs=tuple(sorted((name, _number(cost, f"limits.costs.{name}")) for name, cost in costs.items())),
        connections=_optional(given, "connections", lambda v: _number(v, "limits.connections")),
    )


def read_pace(value: object) -> Pace:
    """How fast the partner lets us call: `per_minute`, `burst` (how many members at once: its endpoint)."""
    if value == {}:
        return ANY_PACE
    given = _object(value, "pace", {"per_minute", "burst"})
    return Pace(
        per_minute=_optional(given, "per_minute", lambda v: _positive(v, "pace.per_minute")),
        burst=_optional(given, "burst", lambda v: _number(v, "pace.burst")) or Pace().burst,
    )


def read_contract(value: object) -> Contract:
    """The facts of the contract; what it does not say stays `unknown`."""
    if value == {}:
        return NO_CONTRACT
    known = set(Contract.__dataclass_fields__)
    given = _object(value, "contract", known)

    def text(name: str) -> str | None:
        return _optional(given, name, lambda v: _text(v, f"contract.{name}"))

    contract = Contract(
        idempotency=_one_of(Idempotency, given, "contract", "idempotency"),
        acknowledgement=_one_of(Acknowledgement, given, "contract", "acknowledgement"),
        errors=_one_of(ErrorMeaning, given, "contract", "errors"),
        retention_days=_optional(given, "retention_days", lambda v: _number(v, "contract.retention_days")),
        schema_version=text("schema_version"),
        attestation=text("attestation"),
        escalation=text("escalation"),
        reference=text("reference"),
        starts_on=_optional(given, "starts_on", lambda v: read_day(v, "contract.starts_on")),
        ends_on=_optional(given, "ends_on", lambda v: read_day(v, "contract.ends_on")),
    )
    if contract.starts_on and contract.ends_on and contract.ends_on < contract.starts_on:
        raise _broken("contract.ends_on lies before contract.starts_on")
    return contract


def read_profile(value: object) -> Profile:
    """How the partner wants to be asked, where its guide leaves that open."""
    if value == {}:
        return USUAL_PROFILE
    given = _object(value, "profile", set(Profile.__dataclass_fields__))
    version = given.get("spec_version")
    if version is not None and not (isinstance(version, str) and SPEC_VERSION.fullmatch(version)):
        raise _broken('profile.spec_version must be like "2.2"')
    return Profile(
        mode=_choice(given, "mode", MODES),
        bulk_match_operation=_choice(given, "bulk_match_operation", MATCH_OPERATIONS),
        spec_version=version,
        types=_choice(given, "types", ("comma", "repeat", "none")) or "comma",
    )


def read_contacts(value: object) -> tuple[Contact, ...]:
    """Whom to call for what: each with a role, a name, and an address or a number."""
    if not isinstance(value, list):
        raise _broken("contacts must be a list of objects")
    return tuple(_contact(row, f"contacts[{number}]") for number, row in enumerate(value))


def read_acts_for(value: object) -> ActsFor:
    """A payer the partner acts for: a text (from today on), or an object with since, until, proof."""
    if isinstance(value, str) and value.strip():
        return ActsFor(value.strip(), now().date())
    known = {"identifier", "since", "until", "proof", "line_of_business"}
    given = _object(value, "organizations", known)
    since = _optional(given, "since", lambda v: read_day(v, "organizations.since"))
    acts = ActsFor(
        identifier=_text(given.get("identifier"), "organizations.identifier"),
        since=since or now().date(),
        until=_optional(given, "until", lambda v: read_day(v, "organizations.until")),
        proof=_optional(given, "proof", lambda v: _text(v, "organizations.proof")),
        line_of_business=_optional(given, "line_of_business", lambda v: _text(v, "organizations.line_of_business")),
    )
    if acts.until is not None and acts.until < acts.since:
        raise _broken("organizations.until lies before organizations.since")
    return acts


def read_day(value: object, what: str) -> date:
    """A calendar day, YYYY-MM-DD (YAML may have read it as a date already)."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise _broken(f"{what} must be a day, YYYY-MM-DD") from None


def as_document(agreed: CallLimits | Pace | Contract | Profile) -> dict[str, Any]:
    """What was read, as a document would say it; unknown and empty parts are left out."""
    if isinstance(agreed, CallLimits):
        rates = {name: asdict(rate) for name, rate in agreed.rates}
        return _kept({"rates": rates, "costs": dict(agreed.costs), "connections": agreed.connections})
    return _kept({name: _plain(value) for name, value in asdict(agreed).items()})


def acts_for_as_document(acts_for: ActsFor) -> dict[str, Any]:
    """A payer the partner acts for, as a document would say it."""
    return _kept({name: _plain(value) for name, value in asdict(acts_for).items()})


def contact_as_document(contact: Contact) -> dict[str, Any]:
    """A contact, as a document would say it."""
    return _kept({name: _plain(value) for name, value in asdict(contact).items()})


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return None if value == "unknown" else value.value
    return value.isoformat() if isinstance(value, date) else value


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, {})}


def _contact(value: object, where: str) -> Contact:
    given = _object(value, where, {"role", "name", "email", "phone"})
    role = given.get("role")
    if not isinstance(role, str) or role not in list(ContactRole):
        raise _broken(f"{where}.role must be one of {', '.join(ContactRole)}")
    email = _optional(given, "email", lambda v: _text(v, f"{where}.email"))
    phone = _optional(given, "phone", lambda v: _text(v, f"{where}.phone"))
    if email is None and phone is None:
        raise _broken(f"{where} needs an email or a phone")
    if email is not None and "@" not in email:
        raise _broken(f"{where}.email is no address")
    return Contact(ContactRole(role), _text(given.get("name"), f"{where}.name"), email, phone)


def _rate(value: object, what: str) -> RateLimit:
    given = _object(value, what, {"per_minute", "burst"})
    return RateLimit(
        _positive(given.get("per_minute"), f"{what}.per_minute"), _number(given.get("burst", 10), f"{what}.burst")
    )


def _object(value: object, what: str, known: set[str]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or set(map(str, value)) - known:
        raise _broken(f"{what} must be an object; known are: {', '.join(sorted(known))}")
    return {str(name): one for name, one in value.items()}


_V = TypeVar("_V")


def _optional(given: Mapping[str, Any], name: str, read: Callable[[Any], _V]) -> _V | None:
    return None if given.get(name) is None else read(given[name])


def _one_of(kind: type[_E], given: Mapping[str, Any], where: str, name: str) -> _E:
    value = given.get(name) or "unknown"
    if not isinstance(value, str) or value not in list(kind):
        raise _broken(f"{where}.{name} must be one of {', '.join(kind)}")
    return kind(value)


def _choice(given: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str | None:
    value = given.get(name)
    if value is not None and value not in choices:
        raise _broken(f"profile.{name} must be one of {', '.join(choices)}")
    return None if value is None else str(value)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 500 or not value.isprintable():
        raise _broken(f"{what} must be a text")
    return value.strip()


def _number(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise _broken(f"{what} must be a whole number from 1 on")
    return value


def _positive(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST:
        raise _broken(f"{what} must be a number above 0")
    return float(value)


def _broken(detail: str) -> Refusal:
    return Refusal("request.malformed", detail)
