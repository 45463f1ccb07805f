"""Rows as PostgreSQL's binary COPY wants them (PostgreSQL documentation, COPY, binary format)."""

from datetime import date

from interpayer.identity.index.copying import Small, copy_packed, copy_rows


class Copied:
    """Stands where a connection stands; keeps what is written."""

    def __init__(self):
        self.statement, self.written = b"", b""

    def cursor(self):
        return self

    def copy(self, statement):
        self.statement = statement
        return self

    def write(self, content):
        self.written += content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_each_kind_of_cell_in_its_form():
    conn = Copied()
    copy_rows(conn, b"copy t from stdin", [("é", b"\x00", 5, Small(5), date(2000, 1, 2), None)])
    head, tail = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
    cells = [
        b"\0\0\0\2\xc3\xa9",
        b"\0\0\0\1\0",
        b"\0\0\0\x08" + (5).to_bytes(8, "big"),
        b"\0\0\0\4" + (5).to_bytes(4, "big"),
        b"\0\0\0\4" + (1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
    ]
    assert conn.written == head + b"\0\6" + b"".join(cells) + tail


def test_nothing_to_write_asks_nobody():
    conn = Copied()
    copy_packed(conn, b"copy t from stdin", [])
    assert conn.statement == b""
