"""What a software statement asks for, and the error that a registration gets for asking wrongly (RFC 7591, 3.2.2).

Read after the signature, the chain and the names were found good. Nothing here does I/O.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from interpayer.gateway import scopes
from interpayer.partners.scopes import BULK_MATCH, EXPORT_ALIAS, MEMBER_MATCH

# What any partner of ours may ever be given; a person agrees on less where less is enough.
OFFERED = (MEMBER_MATCH, BULK_MATCH, EXPORT_ALIAS, "system/*.rs")
GRANTS = ("client_credentials",)
METHOD = "private_key_jwt"
MOST_CONTACTS = 10
LONGEST_NAME = 200
LONGEST_SCOPE = 4000
MAILTO = re.compile(r"mailto:[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
IMAGES = (".png", ".jpg", ".jpeg", ".gif")
# Members that are about the statement itself, not about the client; everything else known is echoed (RFC 7591, 3.2.1).
FOR_CODES = ("redirect_uris", "response_types")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks to be registered with; no grant types means that its registration shall end."""

    client_name: str
    contacts: tuple[str, ...]
    scopes: tuple[str, ...]
    is_end: bool
    logo_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a statement cannot be taken: the error code of RFC 7591 and words that help its maker."""

    error: str
    words: str


def read_wish(claims: Mapping[str, Any]) -> Wish | Unfit:
    """What the statement asks for, or the first thing about it that cannot be taken (UDAP Security 1.0, 3.1)."""
    grants = claims.get("grant_types")
    if grants not in ([], list(GRANTS)):
        return Unfit("invalid_client_metadata", "grant_types must be client_credentials alone, or empty to end")
    if not grants:
        # Whoever wants out need not say more than that it is they.
        return Wish(claims["client_name"] if not _names(claims) else "", (), (), is_end=True)
    for check in (_names, _contacts, _method, _asked, _logo):
        if words := check(claims):
            return Unfit("invalid_client_metadata", words)
    granted = scopes.grant(claims["scope"], OFFERED)
    if not granted:
        return Unfit("invalid_client_metadata", "none of the scopes is offered here")
    return Wish(
        client_name=claims["client_name"].strip(),
        # The address that a person here writes to comes first.
        contacts=tuple(sorted(claims["contacts"], key=lambda one: not MAILTO.fullmatch(one))),
        scopes=granted,
        is_end=False,
        logo_uri=claims.get("logo_uri"),
    )


def echoed(wish: Wish, *, granted: tuple[str, ...]) -> dict[str, Any]:
    """The registered metadata as the answer lists it; `scope` is what was taken of what was asked."""
    shown: dict[str, Any] = {
        "client_name": wish.client_name,
        "contacts": list(wish.contacts),
        "grant_types": [] if wish.is_end else list(GRANTS),
        "token_endpoint_auth_method": METHOD,
        "scope": " ".join(granted),
    }
    return {**shown, "logo_uri": wish.logo_uri} if wish.logo_uri else shown


def _names(claims: Mapping[str, Any]) -> str:
    name = claims.get("client_name")
    fits = isinstance(name, str) and 0 < len(name.strip()) <= LONGEST_NAME and name.isprintable()
    return "" if fits else f"client_name must be a text of at most {LONGEST_NAME} characters"


def _contacts(claims: Mapping[str, Any]) -> str:
    contacts = claims.get("contacts")
    if not isinstance(contacts, list) or not 0 < len(contacts) <= MOST_CONTACTS:
        return f"contacts must list 1 to {MOST_CONTACTS} addresses"
    if not all(isinstance(one, str) and 0 < len(one) <= 300 and one.isprintable() for one in contacts):
        return "contacts must be texts"
    return "" if any(MAILTO.fullmatch(one) for one in contacts) else "contacts must hold a mailto: address"


def _method(claims: Mapping[str, Any]) -> str:
    if claims.get("token_endpoint_auth_method") != METHOD:
        return f"token_endpoint_auth_method must be {METHOD}"
    named = [name for name in FOR_CODES if name in claims]
    return f"{named[0]} must be absent with client_credentials" if named else ""


def _asked(claims: Mapping[str, Any]) -> str:
    asked = claims.get("scope")
    if not isinstance(asked, str) or len(asked) > LONGEST_SCOPE:
        return "scope must be a list of scopes with blanks between"
    wanted = asked.split(" ")
    return "" if all(SCOPE.fullmatch(one) for one in wanted) else "scope must be a list of scopes with blanks between"


def _logo(claims: Mapping[str, Any]) -> str:
    if "logo_uri" not in claims:
        return ""
    logo = claims["logo_uri"]
    words = "logo_uri must be an https address of a PNG, JPG or GIF"
    if not isinstance(logo, str) or len(logo) > 2000 or not logo.isprintable():
        return words
    try:
        parts = urlsplit(logo)
    except ValueError:
        return words
    return "" if parts.scheme == "https" and parts.hostname and parts.path.lower().endswith(IMAGES) else words
