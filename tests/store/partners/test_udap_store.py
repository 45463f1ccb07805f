"""Where we are registered ourselves: one registration counts for each address, the newest."""

from dataclasses import replace

from interpayer.partners import directory
from interpayer.partners.udap import store
from interpayer.partners.udap.store import Membership
from interpayer.system.clock import now
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner

BASE = "https://alder.example/fhir"


def test_only_the_newest_client_id_is_used(database: ScratchDatabase) -> None:
    partner = a_partner("payer-a")
    first = Membership(partner.id, BASE, "https://c.example", "https://us.example", "c-1", ("system/*.rs",), now())
    with database.operator.transaction() as conn:
        directory.add_partner(conn, partner, by="tests")
        store.join(conn, first, by="ana")
        store.join(conn, replace(first, client_id="c-2"), by="ana")
        store.join(conn, replace(first, fhir_base=f"{BASE}/2", client_id="c-3"), by="ana")
    with database.worker.transaction() as conn:
        ours = store.membership(conn, partner.id, fhir_base=BASE)
        assert ours is not None and ours.client_id == "c-2"
        assert [one.client_id for one in store.memberships(conn, partner.id)] == ["c-2", "c-3"]
    with database.operator.transaction() as conn:
        assert store.leave(conn, partner.id, fhir_base=BASE, at=now())
        assert not store.leave(conn, partner.id, fhir_base=BASE, at=now())
        assert store.membership(conn, partner.id, fhir_base=BASE) is None
