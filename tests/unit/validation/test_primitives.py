"""The lexical forms of FHIR's primitive types, days of the calendar among them."""

from typing import Any

import jsonschema_rs
import pytest

from interpayer.validation.schema.primitives import PRIMITIVE_SCHEMAS, join

RIGHT_AND_WRONG: dict[str, tuple[list[Any], list[Any]]] = {
    "date": (
        ["2020", "2020-02", "2020-02-29", "2000-02-29", "1999-12-31"],
        [
            "20",
            "2020-13",
            "2019-02-29",
            "1900-02-29",
            "2020-04-31",
            "2020-2-1",
            "2020-01-01T00:00:00Z",
            2020,
            "",
            " 2020",
        ],
    ),
    "dateTime": (
        ["2020", "2020-01-31", "2020-02-29T23:59:60Z", "2020-01-01T00:00:00.123+14:00", "2020-01-01T00:00:00-05:30"],
        [
            "2020-01-01T00:00:00",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00Z",
            "2021-02-29T00:00:00Z",
            "2020-01-01T00:00:00+15:00",
        ],
    ),
    "instant": (["2020-01-01T00:00:00Z"], ["2020-01-01", "2020-01-01T00:00:00"]),
    "time": (["00:00:00", "23:59:59.999"], ["24:00:00", "12:00", "12:00:00Z"]),
    "code": (["a", "a b", "+"], ["", " a", "a ", "a  b"]),
    "id": (["a", "A-1.b", "x" * 64], ["", "a_b", "x" * 65, "ä"]),
    "uri": (["urn:a", "a"], ["a b", ""]),
    "oid": (["urn:oid:1.2.3"], ["1.2.3", "urn:oid:3.1", "urn:oid:1.02"]),
    "uuid": (["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"], ["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c"]),
    "string": (["a", " "], ["", 1, None]),
    "boolean": ([True, False], ["true", 0]),
    "integer": ([0, -1, 2147483647], [1.5, "1", 2147483648, True]),
    "positiveInt": ([1], [0, -1]),
    "unsignedInt": ([0], [-1]),
    "decimal": ([1.5, 1, -0.0], ["1.5", True]),
    "base64Binary": (["YWJj", "YWI=", "YW Jj\nYWJj"], ["YWJ", "YW*j", ""]),
}


@pytest.mark.parametrize("name", sorted(RIGHT_AND_WRONG))
def test_what_is_right_and_what_is_wrong(name: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        PRIMITIVE_SCHEMAS[name], pattern_options=jsonschema_rs.RegexOptions()
    )
    right, wrong = RIGHT_AND_WRONG[name]
    assert [value for value in right if not validator.is_valid(value)] == []
    assert [value for value in wrong if validator.is_valid(value)] == []


def test_words_stay_with_their_own_schema() -> None:
    named = {"minItems": 1, "x": {"rule": "min"}}
    assert join({}, {"type": "array"}, {}) == {"type": "array"}
    assert join({"type": "array"}, {"maxItems": 2}) == {"type": "array", "maxItems": 2}
    assert join({"type": "array"}, named) == {"allOf": [{"type": "array"}, named]}
    assert join(join({"type": "array"}, named), named) == {"allOf": [{"type": "array"}, named, named]}
