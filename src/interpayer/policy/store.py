"""Policy versions that ever decided, with their files. The caller owns the transaction."""

from interpayer.policy.bundle import Bundle
from interpayer.system.database import Connection, as_json


def publish(conn: Connection, bundle: Bundle, *, by: str) -> bool:
    """Keep this version so that the ledger's reference to it can always be read; False when it was kept before."""
    row = conn.execute(
        "insert into policy.bundle (version, files, published_by) values (%s, %s, %s) "
        "on conflict (version) do nothing returning 1",
        [bundle.version, as_json(dict(bundle.files)), by],
    ).fetchone()
    return row is not None


def is_published(conn: Connection, version: str) -> bool:
    """Whether this version is known here; an unknown one is a no (`policy.version_unknown`)."""
    return conn.execute("select 1 from policy.bundle where version = %s", [version]).fetchone() is not None


def files_of(conn: Connection, version: str) -> dict[str, str] | None:
    """The files of a version by name; None when unknown."""
    row = conn.execute("select files from policy.bundle where version = %s", [version]).fetchone()
    return dict(row["files"]) if row else None
