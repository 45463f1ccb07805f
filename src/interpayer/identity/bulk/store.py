"""Matching runs over files: which chunks are done, with their sealed answers until the run is finished."""

from interpayer.system.database import Connection


def begin_run(conn: Connection, run_id: str, *, digest: str, by: str) -> tuple[str, set[int]]:
    """The open run of the same file and the same decision tables, or a new one; with the chunks that are done."""
    conn.execute(
        """
        insert into identity.matching (matching_id, digest, started_by) values (%s, %s, %s)
        on conflict (digest) where finished_at is null do nothing
        """,
        [run_id, digest, by],
    )
    row = conn.execute(
        "select matching_id from identity.matching where digest = %s and finished_at is null", [digest]
    ).fetchone()
    known = row["matching_id"] if row else run_id
    done = conn.execute("select chunk from identity.matching_chunk where matching_id = %s", [known])
    return known, {one["chunk"] for one in done}


def keep_answers(conn: Connection, run_id: str, chunk: int, answers: bytes) -> None:
    """Note that a chunk is done, with its sealed answers."""
    conn.execute(
        "insert into identity.matching_chunk (matching_id, chunk, answers) values (%s, %s, %s)",
        [run_id, chunk, answers],
    )


def kept_answers(conn: Connection, run_id: str, chunk: int) -> bytes:
    """The sealed answers of a chunk that is done."""
    query = "select answers from identity.matching_chunk where matching_id = %s and chunk = %s"
    row = conn.execute(query, [run_id, chunk]).fetchone()
    return bytes(row["answers"]) if row else b""


def end_run(conn: Connection, run_id: str, queries: int) -> None:
    """Note that the run is done; its answers were handed over and are forgotten, the evidence stays."""
    conn.execute("delete from identity.matching_chunk where matching_id = %s", [run_id])
    conn.execute(
        "update identity.matching set finished_at = now(), queries = %s where matching_id = %s", [queries, run_id]
    )
