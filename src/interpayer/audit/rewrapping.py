"""The keys of sealed bodies, wrapped anew; hashes, proofs and what was redacted meanwhile stay as they are."""

import base64
from collections.abc import Mapping

from interpayer.system.database import Connection, as_json
from interpayer.system.keys import Vault
from interpayer.system.rewrapping import Step

PLACE = "audit.body_key"


def rewrap_bodies(conn: Connection, vault: Vault, *, after: str, most: int) -> Step:
    """Wrap anew what another version wrapped among the keys of the next events with a body."""
    rows = conn.execute(
        "select event_id, keys from audit.wrapped_after(%s, %s) order by event_id", (int(after or 0), most)
    ).fetchall()
    renewed = [(row["event_id"], row["keys"], _renewed(vault, row["keys"])) for row in rows]
    changing = [(event_id, former, later) for event_id, former, later in renewed if later != former]
    changed = 0
    if changing:
        done = conn.execute(
            "select audit.rewrap(%s::bigint[], %s::jsonb[], %s::jsonb[]) as n",
            (
                [event_id for event_id, _, _ in changing],
                [as_json(former) for _, former, _ in changing],
                [as_json(later) for _, _, later in changing],
            ),
        ).fetchone()
        changed = int(done["n"]) if done else 0
    return Step(str(rows[-1]["event_id"]) if len(rows) == most else None, len(rows), changed)


def _renewed(vault: Vault, keys: Mapping[str, str]) -> dict[str, str]:
    later = {}
    for field, text in keys.items():
        wrapped = vault.rewrap(base64.b64decode(text))
        later[field] = text if wrapped is None else base64.b64encode(wrapped).decode()
    return later
