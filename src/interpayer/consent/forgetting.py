"""What a forgotten member's consents keep: that they were given, for what and when; no document, and not who signed."""

from interpayer.system.database import Connection


def forget_documents(conn: Connection, member_id: str) -> int:
    """Empty the documents, proofs and representatives of a member's consents, for ever; how many consents."""
    row = conn.execute("select consent.forget(%s) as gone", (member_id,)).fetchone()
    return int(row["gone"]) if row else 0
