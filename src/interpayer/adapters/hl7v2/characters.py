"""Which characters the bytes of a message mean (HL7 v2 table 0211, field MSH-18)."""

import re

# Table 0211, as far as a US plan may meet it. What says ASCII is treated like what says nothing.
_NAMED = {
    "": "",
    "ASCII": "",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-8",  # such a stream has been turned into UTF-8 before it was split
    "ISO IR87": "iso2022_jp",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "CNS 11643-1992": "",
    "BIG-5": "big5",
}
_ALIASES = re.compile(r"^(?:ISO[ -]?)?8859[-/ ](\d{1,2})$")
# The eighteenth field stands in the first segment; nothing before it can hold a line break.
_HEADER = re.compile(rb"^[^\r\n]*")


class UnreadableCharacters(Exception):
    """The bytes are not what the message says they are, or nobody knows what they are; the text says which."""


def read_text(raw: bytes) -> tuple[str, str]:
    """The message as text, and a remark where its characters had to be assumed. Raises UnreadableCharacters."""
    named = _declared(raw)
    encoding = _NAMED.get(named)
    if encoding is None:
        raise UnreadableCharacters("MSH-18 names a character set that is not known here")
    text, remark = _assumed(raw) if encoding == "" else (_decoded(raw, encoding), "")
    if "\ufffd" in text:
        raise UnreadableCharacters("holds characters that were already lost")
    return text, remark


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableCharacters("holds bytes that the character set of MSH-18 does not have") from None


def _declared(raw: bytes) -> str:
    """The first repetition of MSH-18, in capitals; "" when it is absent."""
    found = _HEADER.match(raw)
    head = found[0] if found else b""
    fields = head.split(head[3:4], 18) if len(head) > 3 else []
    if len(fields) < 18:
        return ""
    repeat = head[5:6] if fields[1][1:2] else b"~"
    named = fields[17].split(repeat or b"~")[0].decode("ascii", "replace").strip().upper()
    alias = _ALIASES.match(named)
    return f"8859/{alias[1]}" if alias else named


def _assumed(raw: bytes) -> tuple[str, str]:
    """Undeclared bytes: UTF-8 when they can be, else Latin-1, which is said."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode("iso8859-1"), "names no character set and is no UTF-8: read as ISO 8859-1"
