"""Our ring of signing keys, read from the database every few seconds: all machines sign and publish the same."""

import threading
import time
from collections.abc import Callable

from interpayer.partners import own_key_store
from interpayer.partners.own_key_store import KeyState, OwnKey, Sealed
from interpayer.partners.signer import Key, Ring, private_text, public_part, read_private
from interpayer.system.clock import now
from interpayer.system.database import Connection, Database
from interpayer.system.keys import Vault, seal, unseal

# So long a process may still sign with the key before; far below what partners and our own `retiring` allow.
LOOK_S = 3.0


class OwnKeys:
    """The ring, ready for a `Signer`. `make_first` is called once in the life of an installation."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        make_first: Callable[[Connection], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._vault, self._make_first, self._clock = database, vault, make_first, clock
        self._reading = threading.Lock()
        self._known: tuple[Ring, float] | None = None

    def ring(self) -> Ring:
        """Our keys as they stood at most a few seconds ago; private parts stay in memory only."""
        with self._reading:
            if self._known is None or self._known[1] <= self._clock():
                self._known = (self._read(), self._clock() + LOOK_S)
            return self._known[0]

    def _read(self) -> Ring:
        with self._database.transaction() as conn:
            sealed = own_key_store.sealed_active(conn)
            if not sealed:
                self._make_first(conn)
                sealed = own_key_store.sealed_active(conn)
            published = tuple(own_key_store.published(conn))
        active = {key.algorithm: self._opened(key) for key in sealed}
        return Ring(active, published, {key.algorithm: key.state_since for key in sealed})

    def _opened(self, key: Sealed) -> Key:
        text = unseal(self._vault.unwrap(key.wrapped), key.sealed, context=key.kid.encode())
        return read_private(text, algorithm=key.algorithm, shown="the ring")


def keep(conn: Connection, vault: Vault, key: Key, *, algorithm: str, state: KeyState, by: str) -> OwnKey:
    """Seal a key under a data key of its own, bound to its id, and keep it."""
    at, kid = now(), str(key.kid)
    made = OwnKey(kid, algorithm, state, public_part(key, algorithm), made_at=at, state_since=at)
    plain, wrapped = vault.new_data_key()
    sealed = seal(plain, private_text(key), context=kid.encode())
    own_key_store.add(conn, made, wrapped=wrapped, sealed=sealed, by=by)
    return made
