"""United States addresses made comparable: one spelling for street types, directions, units and post office boxes."""

import re

_NO_LINE = frozenset({
    "UNKNOWN", "NONE", "NA", "GENERAL DELIVERY", "HOMELESS", "NO FIXED ADDRESS", "NO ADDRESS", "UNKNOWN ADDRESS",
    "ADDRESS UNKNOWN", "SAME", "SAME AS ABOVE", "TEST", "XXX", "NOT APPLICABLE", "TRANSIENT",
})  # fmt: skip
_NO_CODE = frozenset({"00000", "99999", "12345", "11111"})
# The Postal Service's abbreviations (Publication 28, appendices B, C and F), and what people write for them.
_WORDS = {
    "ALLEY": "ALY", "AVENUE": "AVE", "AV": "AVE", "AVEN": "AVE", "AVNUE": "AVE", "BEND": "BND", "BOULEVARD": "BLVD",
    "BOUL": "BLVD", "BRANCH": "BR", "BRIDGE": "BRG", "BROOK": "BRK", "BYPASS": "BYP", "CENTER": "CTR",
    "CENTRE": "CTR", "CIRCLE": "CIR", "CIRC": "CIR", "CLIFF": "CLF", "COMMON": "CMN", "CORNER": "COR", "COURT": "CT",
    "COVE": "CV", "CREEK": "CRK", "CRESCENT": "CRES", "CROSSING": "XING", "DRIVE": "DR", "DRV": "DR",
    "ESTATE": "EST", "ESTATES": "ESTS", "EXPRESSWAY": "EXPY", "EXTENSION": "EXT", "FALLS": "FLS", "FERRY": "FRY",
    "FIELD": "FLD", "FIELDS": "FLDS", "FORT": "FT", "FREEWAY": "FWY", "GARDEN": "GDN", "GARDENS": "GDNS",
    "GATEWAY": "GTWY", "GLEN": "GLN", "GREEN": "GRN", "GROVE": "GRV", "HARBOR": "HBR", "HEIGHTS": "HTS",
    "HIGHWAY": "HWY", "HILL": "HL", "HILLS": "HLS", "HOLLOW": "HOLW", "ISLAND": "IS", "JUNCTION": "JCT", "KNOLL": "KNL",
    "LAKE": "LK", "LAKES": "LKS", "LANDING": "LNDG", "LANE": "LN", "LA": "LN", "LODGE": "LDG", "MANOR": "MNR",
    "MEADOW": "MDW", "MEADOWS": "MDWS", "MILL": "ML", "MOUNT": "MT", "MOUNTAIN": "MTN", "ORCHARD": "ORCH",
    "PARKWAY": "PKWY", "PKY": "PKWY", "PLACE": "PL", "PLAIN": "PLN", "PLAZA": "PLZ", "POINT": "PT", "PRAIRIE": "PR",
    "RANCH": "RNCH", "RIDGE": "RDG", "RIVER": "RIV", "ROAD": "RD", "ROUTE": "RTE", "RT": "RTE", "SAINT": "ST",
    "SHORE": "SHR", "SPRING": "SPG", "SPRINGS": "SPGS", "SQUARE": "SQ", "STATION": "STA", "STREAM": "STRM",
    "STREET": "ST", "STR": "ST", "SUMMIT": "SMT", "TERRACE": "TER", "TERR": "TER", "TRACE": "TRCE", "TRAIL": "TRL",
    "TRAILS": "TRL", "TURNPIKE": "TPKE", "VALLEY": "VLY", "VIEW": "VW", "VILLAGE": "VLG", "VISTA": "VIS", "WY": "WAY",
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE",
    "SOUTHWEST": "SW", "NO": "APT", "APARTMENT": "APT", "APMT": "APT", "UNIT": "APT", "SUITE": "APT", "STE": "APT",
    "ROOM": "APT", "RM": "APT", "SPACE": "APT", "SPC": "APT", "LOT": "APT", "TRLR": "APT", "TRAILER": "APT",
    "FLOOR": "FL", "BUILDING": "BLDG", "FIRST": "1ST", "SECOND": "2ND", "THIRD": "3RD", "FOURTH": "4TH",
    "FIFTH": "5TH", "SIXTH": "6TH", "SEVENTH": "7TH", "EIGHTH": "8TH", "NINTH": "9TH", "TENTH": "10TH",
}  # fmt: skip
_BOX = re.compile(r"^(?:P ?O ?(?:B|BOX)|POST OFFICE BOX|POB|BOX)(?: APT)* (\w+)\b")


def standard_line(words: list[str]) -> str | None:
    """A street line of upper-case words with one spelling; fillers are missing."""
    known = _WORDS.get
    kept: list[str] = []
    for word in words:
        short = known(word, word)
        if not kept or short != kept[-1]:
            kept.append(short)
    text = " ".join(kept)
    if text[:1] in ("P", "B") and (box := _BOX.match(text)):
        return f"PO BOX {box[1]}"
    return text if text and text not in _NO_LINE and len(set(text)) > 1 else None


def clean_postal_code(value: str | None) -> str | None:
    """The first five digits of a ZIP code, with the leading zero that a spreadsheet took; fillers are missing."""
    text = value or ""
    digits = text if text.isdecimal() else "".join(c for c in text if c.isdecimal())
    digits = f"0{digits}" if len(digits) in (4, 8) else digits
    return digits[:5] if len(digits) >= 5 and digits[:5] not in _NO_CODE else None
