"""Where a request goes, and why: bulk by default, single when only that works; every route not taken has a reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interpayer.model.partner import Endpoint
from interpayer.model.route import Mode, Rejected, Route

BULK_MATCH, BULK_EXPORT = "bulk-member-match", "davinci-data-export"
SINGLE_MATCH, EVERYTHING = "member-match", "everything"
# These pass by themselves; the others need somebody.
PASSING = frozenset({"route.maintenance", "route.breaker_open"})
_NEEDS = {
    Mode.BULK_2_2: frozenset({BULK_MATCH, BULK_EXPORT}),
    Mode.BULK_2_1: frozenset({BULK_MATCH, BULK_EXPORT}),
    Mode.SINGLE_EVERYTHING: frozenset({SINGLE_MATCH, EVERYTHING}),
}
_RANK = tuple(_NEEDS)
_WHY = {
    Mode.BULK_2_2: "bulk by default; the endpoint speaks PDex 2.2",
    Mode.BULK_2_1: "bulk by default; the endpoint speaks PDex 2.1",
    Mode.SINGLE_EVERYTHING: "one by one: the endpoint has no bulk operations",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route must do. `profile`: None, "bulk", "single", a mode, or a capability that must be there."""

    environment: str
    profile: str | None
    requires_mtls: bool
    members: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Breaker:
    """How an endpoint fares: `closed` (calls go), `open` (they rest until `open_until`), `half_open` (one probe)."""

    state: str
    open_until: datetime | None = None


def choose(
    endpoints: Sequence[Endpoint], wanted: Wanted, *, breakers: Mapping[str, Breaker], registry_version: str
) -> Route:
    """The best route of these endpoints; without endpoints the manual channel, without a usable one none."""
    if not endpoints:
        why = "the registry has no endpoint of this payer"
        return Route(None, None, Mode.MANUAL, why, (), registry_version, reason="route.no_api")
    usable: list[tuple[tuple[int, int, str], Endpoint, Mode]] = []
    rejected: list[Rejected] = []
    for endpoint in endpoints:
        for mode in modes_of(endpoint):
            reason = _unfit(endpoint, mode, wanted) or _unavailable(endpoint, wanted, breakers.get(endpoint.id))
            if reason:
                rejected.append(Rejected(endpoint.id, mode.value, reason))
            else:
                usable.append(((_RANK.index(mode), -endpoint.maximum_members, endpoint.id), endpoint, mode))
    if not usable:
        return _none(tuple(rejected), registry_version)
    _, endpoint, mode = min(usable, key=lambda option: option[0])
    return Route(
        endpoint.id, endpoint.partner_id, mode, _why(endpoint, mode, wanted), tuple(rejected), registry_version
    )


def modes_of(endpoint: Endpoint) -> tuple[Mode, Mode]:
    """The two ways to ask this endpoint: bulk in the words of its version, and one member at a time."""
    bulk = Mode.BULK_2_1 if (version_of(endpoint) or (2, 2)) < (2, 2) else Mode.BULK_2_2
    return bulk, Mode.SINGLE_EVERYTHING


def version_of(endpoint: Endpoint) -> tuple[int, int] | None:
    """Major and minor of the guide's version at this endpoint; None when it cannot be read."""
    found = re.match(r"^v?(\d+)\.(\d+)", endpoint.version)
    return (int(found.group(1)), int(found.group(2))) if found else None


def _unfit(endpoint: Endpoint, mode: Mode, wanted: Wanted) -> str | None:
    if not _is_asked_for(mode, wanted.profile, endpoint) or not _NEEDS[mode] <= set(endpoint.capabilities):
        return "route.no_capability"
    version = version_of(endpoint)
    # A newer minor version is accepted, as the guide demands of clients; another major version is another language.
    return None if version is not None and version[0] == 2 else "route.version_mismatch"


def _unavailable(endpoint: Endpoint, wanted: Wanted, breaker: Breaker | None) -> str | None:
    if endpoint.environment != wanted.environment or (wanted.requires_mtls and not endpoint.requires_mtls):
        return "route.no_capability"
    if endpoint.status != "active":
        return "route.quarantined"
    if any(starts_at <= wanted.at < ends_at for starts_at, ends_at in endpoint.maintenance):
        return "route.maintenance"
    # A breaker whose rest is over lets a probe through; who may make it is decided when the call is made.
    if breaker and breaker.state != "closed" and (breaker.open_until is None or wanted.at < breaker.open_until):
        return "route.breaker_open"
    return None


def _is_asked_for(mode: Mode, profile: str | None, endpoint: Endpoint) -> bool:
    if profile in (None, "", "any", mode.value):
        return True
    if profile in ("bulk", "single"):
        return mode.value.startswith(profile)
    return profile in endpoint.capabilities and profile in _NEEDS[mode]


def _none(rejected: tuple[Rejected, ...], registry_version: str) -> Route:
    # Why the mode that came closest failed says more than that no mode fits.
    reasons = dict.fromkeys(r.reason for r in rejected)
    telling = [r for r in reasons if r not in ("route.no_capability", "route.version_mismatch")] or list(reasons)
    reason = telling[0] if len(telling) == 1 else "route.all_rejected"
    wait = any(r in PASSING for r in reasons)
    return Route(None, None, None, "every route was rejected", rejected, registry_version, reason=reason, wait=wait)


def _why(endpoint: Endpoint, mode: Mode, wanted: Wanted) -> str:
    split = mode is not Mode.SINGLE_EVERYTHING and wanted.members > endpoint.maximum_members
    return f"{_WHY[mode]}; split into calls of {endpoint.maximum_members} members" if split else _WHY[mode]
