"""One data key per member, wrapped by the KEK: deleting it makes everything of the member unreadable."""

from collections.abc import Collection

from interpayer.system.database import Connection
from interpayer.system.keys import Vault
from interpayer.system.rewrapping import WrappedColumn

# The key of what belongs to no member: shared resources and the quarantine.
SHARED = ""
WRAPPED = WrappedColumn("records.member_key", "member_id", "wrapped")


def member_keys(conn: Connection, vault: Vault, member_ids: Collection[str]) -> dict[str, bytes]:
    """The data key of each member, made where missing; the empty id stands for shared resources."""
    wanted = sorted(set(member_ids))
    found = _find_keys(conn, wanted)
    missing = [member_id for member_id in wanted if member_id not in found]
    if missing:
        fresh = [vault.new_data_key()[1] for _ in missing]
        conn.execute(
            "insert into records.member_key (member_id, wrapped) select * from unnest(%s::text[], %s::bytea[]) "
            "on conflict do nothing",
            (missing, fresh),
        )
        found |= _find_keys(conn, missing)
    return {member_id: vault.unwrap(wrapped) for member_id, wrapped in found.items()}


def known_keys(conn: Connection, vault: Vault, member_ids: Collection[str]) -> dict[str, bytes]:
    """As ``member_keys``, but a member that holds nothing has no key and is missing; needs no right to write."""
    return {i: vault.unwrap(wrapped) for i, wrapped in _find_keys(conn, list(member_ids)).items()}


def _find_keys(conn: Connection, member_ids: list[str]) -> dict[str, bytes]:
    rows = conn.execute("select member_id, wrapped from records.member_key where member_id = any(%s)", (member_ids,))
    return {row["member_id"]: row["wrapped"] for row in rows}


def forget_records(conn: Connection, member_id: str) -> int:
    """Destroy a member's key and what lies under it, for ever; how many records. A legal hold is an error here."""
    row = conn.execute("select records.forget(%s) as gone", (member_id,)).fetchone()
    return int(row["gone"]) if row else 0
