"""Whose client certificates count at the partners' door, and who is asked whether one was taken back."""

from collections.abc import Callable
from pathlib import Path

from interpayer.gateway.forwarded import ProxiesInvalid, read_proxies
from interpayer.gateway.peers import Peers
from interpayer.policy.bundle import Bundle
from interpayer.policy.failures import Then
from interpayer.system.certificates.anchors import EXCEPTIONS, Anchors, AnchorsInvalid, read_anchors
from interpayer.system.certificates.fetching import revocation_fetch
from interpayer.system.certificates.revocation import Patience, Revocations
from interpayer.system.certificates.watched import Watched
from interpayer.system.settings import Settings, SettingsInvalid

KEPT = "revocation"


def peers_of(settings: Settings, policy: Callable[[], Bundle]) -> Peers:
    """The judge of client certificates, as the settings and the policy in force say; else `SettingsInvalid`."""
    try:
        anchors = None if settings.client_ca is None else _anchors(settings.client_ca)
        return Peers(anchors, revocations_of(settings, policy), read_proxies(settings.proxies))
    except (AnchorsInvalid, ProxiesInvalid) as error:
        raise SettingsInvalid(str(error)) from error


def revocations_of(settings: Settings, policy: Callable[[], Bundle]) -> Revocations:
    """Who is asked for revocation, and how patiently; the policy in force is asked each time."""

    def patience() -> Patience:
        bundle = policy()
        numbers = bundle.certificates
        is_stale_enough = bundle.failures["certificate_revocation"].then is Then.STALE
        return Patience(numbers.refresh_s, numbers.retry_s, numbers.grace_s if is_stale_enough else 0)

    fetch = revocation_fetch(settings)
    return Revocations(fetch, files=settings.revocation_lists, kept=settings.home / KEPT, patience=patience)


def _anchors(client_ca: Path) -> Watched[Anchors]:
    files = [client_ca, client_ca.parent / EXCEPTIONS]
    return Watched(lambda: read_anchors(client_ca), files, kind="client authorities")
