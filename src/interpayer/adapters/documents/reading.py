"""Documents as records: what they are, whose, and their bytes; nothing is read out of a text.

Whose a document is, the index beside it says; else the document itself (C-CDA), or for other kinds the folder it lies
in (``77012/letter.pdf``).
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha1, sha256
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeAlias

from interpayer.adapters.base import Found
from interpayer.adapters.documents.cda import NoClinicalDocument, read_header
from interpayer.adapters.documents.index import Row, is_index, read_index
from interpayer.adapters.documents.media import CCDA, media_of

ENTITY = "document"
INVALID, OUT_OF_SCOPE, UNATTRIBUTED = "record.invalid", "record.out_of_scope", "record.unattributed"
# A document goes out as one line of an export; what is larger needs another way.
LARGEST = 16 * 1024 * 1024
Reader: TypeAlias = Callable[[BinaryIO, str], Iterator[Found]]


def join_documents(read: Callable[[Reader], Iterator[Found]]) -> Iterator[Found]:
    """Every document with what the indexes say of it; a line of an index whose file is not there is given too."""
    rows: list[Row] = []

    def collect(opened: BinaryIO, file: str) -> Iterator[Found]:
        if is_index(file):
            rows.extend(read_index(opened.read(LARGEST), file))
        return iter(())

    for _ in read(collect):
        """A file that cannot be opened is given below, when it is its turn."""
    known = {row.file: row for row in rows if not row.problem}
    met: set[str] = set()
    for found in read(partial(read_document, index=known)):
        met.add(found.file)
        yield found
    for row in rows:
        words = row.problem or ("" if row.file in met else "the line names a file that is not there")
        if words:
            yield Found(ENTITY, None, b"", row.index, row.position, problem=INVALID, detail=words)


def read_document(opened: BinaryIO, file: str, *, index: dict[str, Row] | None = None) -> Iterator[Found]:
    """The document in this file, or why it is none; an index gives nothing of its own."""
    if is_index(file):
        return
    raw = opened.read(LARGEST + 1)
    plain = Found(ENTITY, None, raw, file, 1)
    if len(raw) > LARGEST:
        words = f"is larger than {LARGEST // (1024 * 1024)} MiB"
        yield replace(plain, raw=b"", problem=INVALID, detail=words)
        return
    row = (index or {}).get(file)
    try:
        yield _read(plain, row.told if row else {})
    except NoClinicalDocument as error:
        yield replace(plain, problem=INVALID, detail=str(error))


def _read(plain: Found, told: dict[str, str]) -> Found:
    """Raises NoClinicalDocument."""
    media = media_of(plain.raw)
    if media is None:
        return replace(plain, problem=OUT_OF_SCOPE, detail="neither C-CDA, PDF, image nor text")
    header = read_header(plain.raw) if media.kind == CCDA else {}
    # A clinical document says itself whose it is; its folder may mean anything.
    folder = _folder_of(plain.file) if media.kind != CCDA else ""
    if not (told.get("member") or folder or any(one.get("extension") for one in header.get("patient_ids", ()))):
        words = "nobody says whose it is: neither an index.csv, nor the document, nor its folder"
        return replace(plain, problem=UNATTRIBUTED, detail=words)
    key = told.get("id") or _id_of(header) or sha256(plain.file.encode()).hexdigest()[:32]
    content: dict[str, Any] = {
        "member": told.get("member", ""),
        "folder": folder,
        "key": key,
        "kind": media.kind,
        "media_type": media.type,
        "size": len(plain.raw),
        # FHIR asks for SHA-1 here (Attachment.hash); it proves an unbroken transfer, no authorship.
        "sha1": base64.b64encode(sha1(plain.raw, usedforsecurity=False).digest()).decode(),
        "sha256": sha256(plain.raw).hexdigest(),
        "base64": base64.b64encode(plain.raw).decode(),
        "told": {name: text for name, text in told.items() if name not in ("member", "id")},
        "header": header,
    }
    return replace(plain, content=content, key=key)


def _id_of(header: dict[str, Any]) -> str:
    first = next(iter(header.get("ids", ())), None)
    return "|".join(first.values()) if first else ""


def _folder_of(file: str) -> str:
    parts = PurePosixPath(file).parts
    return parts[0] if len(parts) > 1 else ""
