"""Files that lost a member get new bytes and a new checksum; the old bytes go (exchange.md, section 6)."""

from interpayer.delivery.parts import open_parts, sweep_parts
from interpayer.delivery.withdrawal import rebuild_file, to_rebuild
from interpayer.exchange.tools import Tools
from interpayer.system.database import Connection


def rebuild_files(tools: Tools, *, limit: int = 20) -> int:
    """Rebuild what a no has touched, file by file; how many. No byte of the member was served since the no."""
    with tools.database.transaction() as conn:
        due = to_rebuild(conn, limit=limit)
    done = 0
    for job_id, file_id in due:
        with tools.database.transaction() as conn:
            if not _is_mine(conn, file_id):
                continue
            rebuild_file(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id), file_id)
        # only now does no committed row name the old bytes
        with tools.database.transaction() as conn:
            sweep_parts(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id))
        done += 1
    return done


def _is_mine(conn: Connection, file_id: str) -> bool:
    row = conn.execute("select pg_try_advisory_xact_lock(hashtext(%s)) as mine", (f"rebuild:{file_id}",)).fetchone()
    return row is not None and bool(row["mine"])
