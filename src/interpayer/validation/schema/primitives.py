"""FHIR's primitive types as JSON Schema (R4 datatypes, section 2.24.0.1): lexical form, and days that exist."""

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

_YEAR = "[0-9]{4}"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_LONG_MONTH, _SHORT_MONTH = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])", "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_DAY_OF_YEAR = f"(?:{_LONG_MONTH}|{_SHORT_MONTH}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DAY = f"(?:{_YEAR}-{_DAY_OF_YEAR}|{_LEAP_YEAR}-02-29)"
_MONTH = f"{_YEAR}-(?:0[1-9]|1[0-2])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_LARGEST = 2_147_483_647


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


PRIMITIVE_SCHEMAS: dict[str, Schema] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -_LARGEST - 1, "maximum": _LARGEST},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": _LARGEST},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": _LARGEST},
    "decimal": {"type": "number"},
    "string": {"type": "string", "minLength": 1},
    "markdown": {"type": "string", "minLength": 1},
    "xhtml": {"type": "string", "minLength": 1},
    "uri": _text(r"^[^\s]+$"),
    "url": _text(r"^[^\s]+$"),
    "canonical": _text(r"^[^\s]+$"),
    "code": _text(r"^[^\s]+(?:\s[^\s]+)*$"),
    "id": _text(r"^[A-Za-z0-9.-]{1,64}$"),
    "oid": _text(r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$"),
    "uuid": _text("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    "base64Binary": _text(r"^(?:\s*(?:[0-9A-Za-z+/=]\s*){4})+$"),
    "date": _text(f"^(?:{_DAY}|{_MONTH}|{_YEAR})$"),
    "dateTime": _text(f"^(?:{_DAY}(?:T{_TIME}{_ZONE})?|{_MONTH}|{_YEAR})$"),
    "instant": _text(f"^{_DAY}T{_TIME}{_ZONE}$"),
    "time": _text(f"^{_TIME}$"),
}


def because(schema: Schema, rule: str, text: str, *, code: str = "value", at: str = "") -> Schema:
    """The schema with what to say when it does not hold; `at` is a name to add to the path."""
    return {**schema, "x": {"rule": rule, "text": text, "code": code, "at": at}}


def join(*schemas: Schema) -> Schema:
    """One schema that asks for all; empty ones ask for nothing."""
    asked = [schema for schema in schemas if schema]
    if len(asked) <= 1:
        return asked[0] if asked else {}
    merged: Schema = {}
    for schema in asked:
        # Words belong to their own schema only.
        if merged.keys() & schema.keys() or "x" in merged or "x" in schema:
            return {"allOf": [part for one in asked for part in _parts(one)]}
        merged |= schema
    return merged


def _parts(schema: Schema) -> list[Schema]:
    """A conjunction as its parts, so that conjunctions do not nest."""
    return list(schema["allOf"]) if schema.keys() == {"allOf"} else [schema]


def in_array(schema: Schema) -> Schema:
    """A schema of one entry as one of the array; what asks nothing stays empty."""
    return {"items": schema} if schema else {}
