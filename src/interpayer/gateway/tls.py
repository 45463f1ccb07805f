"""The doors' TLS: what is spoken, whose certificates are asked for, and new files in force without a restart."""

import ssl
from pathlib import Path

from interpayer.system.certificates.watched import Watched

# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing weaker.
CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


def tls_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer; client certificates are verified against `client_ca` when they come, and needed by the app.

    Without `client_ca` no certificate is ever verified, so that every call that needs one is refused.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    # Resuming a session would skip the verification of a certificate that may have ended meanwhile.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class RenewedTls:
    """TLS whose certificate, key and client authorities are read again when their files change.

    A handshake takes the newest files that hold; connections that are open keep what they began with, and who they
    are is judged anew at every call (`peers.py`).
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        files = [certificate, key, *([client_ca] if client_ca else [])]
        self._newest = Watched(lambda: tls_context(certificate, key, client_ca), files, kind="tls")
        # asyncio keeps one context for a listener; this callback runs in every handshake, with a server name or not.
        self.context = tls_context(certificate, key, client_ca)
        self.context.sni_callback = self._take_newest

    def look(self) -> bool:
        """Read the files again if they changed; whether new ones are in force."""
        return self._newest.look()

    def _take_newest(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest.value
