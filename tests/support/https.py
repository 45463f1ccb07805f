"""An https server on the loopback address: the outside world, as far as a test needs it."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from interpayer.system.tls import KeyPair

HOST = "127.0.0.1"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Callers hang up; that is what some tests are about."""


class HttpsServer:
    """Lets `answering` answer while the context is open."""

    def __init__(self, pair: KeyPair, answering: type[BaseHTTPRequestHandler]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self._server = _Quiet((HOST, 0), answering)
        # A handshake belongs to the thread of its caller: who does not finish it keeps nobody else waiting.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"https://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more; again does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)
