"""What a file is, by its first bytes; its name decides nothing."""

from dataclasses import dataclass

CCDA, PDF, IMAGE, TEXT = "ccda", "pdf", "image", "text"
_STARTS = (
    (b"%PDF-", PDF, "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", IMAGE, "image/png"),
    (b"\xff\xd8\xff", IMAGE, "image/jpeg"),
    (b"GIF87a", IMAGE, "image/gif"),
    (b"GIF89a", IMAGE, "image/gif"),
    (b"II*\x00", IMAGE, "image/tiff"),
    (b"MM\x00*", IMAGE, "image/tiff"),
    (b"{\\rtf", TEXT, "application/rtf"),
)
_BOM = b"\xef\xbb\xbf"
# Where a CDA names itself; comments and a style sheet may stand before.
_HEAD = 16 * 1024
_UNWRITTEN = bytes(code for code in range(32) if code not in b"\t\n\r\x0c")


@dataclass(frozen=True, slots=True)
class Media:
    """The kind of a document and its media type."""

    kind: str
    type: str


def media_of(raw: bytes) -> Media | None:
    """What these bytes are; None for what is no document that is known here."""
    for start, kind, media_type in _STARTS:
        if raw.startswith(start):
            return Media(kind, media_type)
    if raw[128:132] == b"DICM":
        return Media(IMAGE, "application/dicom")
    plain = raw.removeprefix(_BOM).lstrip()
    if plain.startswith(b"<"):
        return _marked(plain)
    return Media(TEXT, "text/plain; charset=utf-8") if raw.strip() and _is_text(raw) else None


def _marked(plain: bytes) -> Media | None:
    """XML and HTML: a clinical document, or a page."""
    head = plain[:_HEAD]
    if b"ClinicalDocument" in head:
        return Media(CCDA, "text/xml")
    is_page = head[:15].lower().startswith((b"<!doctype html", b"<html"))
    return Media(TEXT, "text/html") if is_page and _is_text(plain) else None


def _is_text(raw: bytes) -> bool:
    if raw.translate(None, _UNWRITTEN) != raw:
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
