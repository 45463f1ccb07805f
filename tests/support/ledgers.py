"""A ledger to write, seal, attack and verify in tests."""

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.evidence import read_notes
from interpayer.audit.ledger import Ledger
from interpayer.audit.sealer import copy_notes, seal_once
from interpayer.audit.store import ledger_source
from interpayer.audit.verdict import Verdict
from interpayer.audit.verify import verify
from interpayer.model.event import Event
from interpayer.system.keys import SigningKey, Vault
from tests.support.databases import ScratchDatabase

ORIGIN = "ledger.example/plan-a"


def an_event(chain: str = "x-one", name: str = "member.matched", **fields) -> Event:
    """One event with as little as one needs."""
    return Event(name=name, chain=chain, actor_type="partner", actor_id="plan-b", **fields)


def signing_key(seed: int = 1) -> SigningKey:
    """Always the same key for the same seed."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


class LedgerUnderTest:
    """One payer's ledger in a scratch database, with its signing key and a witness's folder."""

    def __init__(self, database: ScratchDatabase, witness: Path) -> None:
        self.database, self.witness = database, witness
        self.ledger = Ledger(Vault(b"k" * 32, "test"))
        self.key = signing_key()

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(ORIGIN, self.key.public_bytes)

    def append(self, *events: Event) -> None:
        with self.database.worker.transaction() as conn:
            self.ledger.append_many(conn, events)

    def seal(self) -> int:
        """Seal what waits; the witness gets its copy after the commit."""
        with self.database.worker.transaction() as conn:
            sealed = seal_once(conn, self.key, ORIGIN)
        with self.database.worker.transaction() as conn:
            copy_notes(conn, self.witness)
        return sealed

    def fill(self, events: int = 60, checkpoints: int = 6) -> None:
        """Several chains, some bodies, everything sealed."""
        each = events // checkpoints
        for first in range(0, events, each):
            self.append(*(self._some_event(number) for number in range(first, first + each)))
            self.seal()

    def _some_event(self, number: int) -> Event:
        chain = f"x-{number % 5}"
        body = {"name": f"Name {number}", "born": "1989-03-14"} if number % 3 == 0 else {}
        facts = {"number": number, "note": f"fact {number}"}
        return an_event(
            chain, exchange_id=chain, partner_id="plan-b", member_id=f"m-{number % 5}", facts=facts, body=body
        )

    def verdict(
        self, *, with_witness: bool = False, key: VerifierKey | None = None, now_s: int | None = None
    ) -> Verdict:
        """What verification of the database says."""
        notes: Iterable[str] = read_notes(self.witness) if with_witness else ()
        with self.database.operator.transaction() as conn:
            return verify(ledger_source(conn), key or self.verifier, witnessed=notes, now_s=now_s)

    @contextmanager
    def attacker(self):
        """The administrator of the database: no trigger, no foreign key, no right stops them."""
        with self.database.owner.transaction() as conn:
            conn.execute("set local session_replication_role = replica")
            yield conn
