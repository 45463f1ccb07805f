"""HL7 v2 messages: framing, characters, segments, groups; no mapping inside (docs/reference/sources/hl7v2.md)."""
