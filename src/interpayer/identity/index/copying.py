"""Rows as PostgreSQL reads them fastest: packed here, written by COPY."""

import struct
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeAlias

from interpayer.system.database import Connection

Cell: TypeAlias = str | bytes | int | date | None


class Small(int):
    """A number for a column of type integer."""


_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_END = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_LENGTH = struct.Struct(">i")
_BIGINT = struct.Struct(">iq")
_INTEGER = struct.Struct(">ii")
_DATE = struct.Struct(">ii")
_EPOCH = date(2000, 1, 1).toordinal()


def copy_rows(conn: Connection, statement: bytes, rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows by a COPY statement in binary form; numbers are bigint unless they are `Small`."""
    copy_packed(conn, statement, [_pack(row) for row in rows])


def copy_packed(conn: Connection, statement: bytes, packed: Sequence[bytes]) -> None:
    """As `copy_rows`, for rows that are packed already."""
    if packed:
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_HEAD + b"".join(packed) + _END)


def _pack(row: Sequence[Cell]) -> bytes:
    return struct.pack(">h", len(row)) + b"".join([_cell(value) for value in row])


def _cell(value: Cell) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return _LENGTH.pack(len(value)) + value
    if isinstance(value, date):
        return _DATE.pack(4, value.toordinal() - _EPOCH)
    return _INTEGER.pack(4, value) if isinstance(value, Small) else _BIGINT.pack(8, value)
