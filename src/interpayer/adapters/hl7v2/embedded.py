"""The document inside a message: encapsulated data (ED) as they are, lines of text put together; nothing is read."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from interpayer.adapters.hl7v2.parsing import Damaged, Segment

_TEXT = frozenset({"TX", "FT", "ST"})
# Table 0291 and what senders write instead of a media type.
_MEDIA = {
    "pdf": "application/pdf",
    "rtf": "application/rtf",
    "html": "text/html",
    "xml": "text/xml",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "tif": "image/tiff",
    "x-hl7-cda-level-one": "text/xml",
    "x-hl7-cda-level-two": "text/xml",
    "x-hl7-cda-level-three": "text/xml",
    "plain": "text/plain",
    "text": "text/plain",
    "txt": "text/plain",
    "dicom": "application/dicom",
}
UNKNOWN = "application/octet-stream"


def document_of(segments: Iterable[Segment]) -> dict[str, Any]:
    """The document in these OBX: its media type and its bytes in base64. Raises Damaged when there is none."""
    lines: list[str] = []
    for segment in segments:
        kind = _first(segment, "2")
        if kind == "ED" and (found := _encapsulated(segment)) is not None:
            return found
        if kind in _TEXT:
            lines += [str(part["1"]) for part in segment.get("5", ()) if part.get("1")]
    if not lines:
        raise Damaged("OBX: no content of the document that is announced")
    return {"media_type": "text/plain; charset=utf-8", "base64": base64.b64encode("\n".join(lines).encode()).decode()}


def _encapsulated(segment: Segment) -> dict[str, Any] | None:
    """ED: source, type, subtype, encoding, data (HL7 v2.8.2 section 2A.2.24). Raises Damaged for what is no base64."""
    parts = (segment.get("5") or [{}])[0]
    if not (written := parts.get("5")):
        return None
    kind, subtype, encoding = (str(parts.get(name) or "").lower() for name in ("2", "3", "4"))
    media_type = _MEDIA.get(subtype) or (f"{kind}/{subtype}" if kind and subtype else UNKNOWN)
    try:
        raw = _decoded("".join(written.split()) if encoding != "a" else written, encoding)
    except (binascii.Error, ValueError):
        raise Damaged("OBX-5: the encapsulated data are not what their encoding says") from None
    return {"media_type": media_type, "base64": base64.b64encode(raw).decode()}


def _decoded(written: str, encoding: str) -> bytes:
    if encoding == "hex":
        return bytes.fromhex(written)
    return written.encode() if encoding == "a" else base64.b64decode(written, validate=True)


def _first(segment: Segment, field: str) -> str:
    return str((segment.get(field) or [{}])[0].get("1") or "")


def as_lines(name: str, segment: Segment) -> Segment:
    """Repetitions of a text are its lines (HL7 v2.8.2 section 2A.2.78): one text of them, in OBX-5 and NTE-3."""
    field = {"OBX": "5", "NTE": "3"}.get(name)
    if field is None or len(segment.get(field, ())) < 2 or (name == "OBX" and _first(segment, "2") not in _TEXT):
        return segment
    return {**segment, field: [{"1": "\n".join(str(part.get("1") or "") for part in segment[field])}]}
