"""TLS in front of a PostgreSQL that has none: answers the client's wish for TLS, then passes bytes to the socket.

The embedded binaries are built without TLS; the client's half (certificate, host name, password) is what is tested.
"""

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from interpayer.system.tls import KeyPair

TLS_WISH = bytes.fromhex("0000000804d2162f")


class TlsFront:
    """Listens on the loopback address; use as a context."""

    def __init__(self, server_socket: Path, pair: KeyPair) -> None:
        self._server_socket = server_socket
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair.certificate, pair.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.plain_refused = 0
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "TlsFront":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            if plain.recv(8, socket.MSG_WAITALL) != TLS_WISH:
                self.plain_refused += 1
                return
            plain.sendall(b"S")
            behind = socket.socket(socket.AF_UNIX)
            with behind, self._context.wrap_socket(plain, server_side=True) as client:
                behind.connect(str(self._server_socket))
                back = threading.Thread(target=_pass, args=(behind, client))
                back.start()
                _pass(client, behind)
                back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
