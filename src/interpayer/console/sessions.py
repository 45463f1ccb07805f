"""Who is logged in: a sealed cookie that holds the person's token, so that access ends everywhere at once."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson

from interpayer.system.clock import now
from interpayer.system.keys import SealBroken, Vault, load_or_create_kek, seal, unseal

# __Host-: only over TLS, only this host, the whole of it (RFC 6265bis).
SESSION, BEFORE = "__Host-interpayer", "__Host-interpayer-login"
LONGEST_S = 10 * 3600
_CONTEXT = b"console session"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes and reads the cookies; the key is a file of this installation."""

    vault: Vault

    def begin(self, token: str) -> str:
        """The cookie of a new session."""
        content = orjson.dumps({"token": token, "until": now().timestamp() + LONGEST_S, "nonce": secrets.token_hex(8)})
        sealed = seal(self.vault.zone_key("session"), content, context=_CONTEXT)
        return base64.urlsafe_b64encode(sealed).decode()

    def token(self, cookie: str) -> str | None:
        """The token in a cookie; None when it is not ours, was changed, or is over."""
        try:
            sealed = base64.urlsafe_b64decode(cookie.encode("ascii"))
            content = orjson.loads(unseal(self.vault.zone_key("session"), sealed, context=_CONTEXT))
        except (SealBroken, UnicodeEncodeError, binascii.Error, ValueError):
            return None
        return str(content["token"]) if content["until"] > now().timestamp() else None

    def mark(self, cookie: str) -> str:
        """What a form must bring back to be from a page of ours (against cross-site requests)."""
        return self.vault.pseudonym("console form", cookie)

    def is_ours(self, cookie: str, mark: str) -> bool:
        """Whether a form came from a page that this cookie was given."""
        return bool(cookie) and hmac.compare_digest(self.mark(cookie).encode(), mark.encode())


def open_sessions(key: Path) -> Sessions:
    """The sessions of this installation; the key is made at the first start, readable by its owner only."""
    return Sessions(load_or_create_kek(key))
