"""What a person sees of a case before more is needed."""

import orjson

from interpayer.identity.holding import merge
from interpayer.identity.masking import clear_document, masked_document
from tests.support.people import a_person, a_row

PROFILE = merge(None, a_row(a_person("Susan", ssn4="7453", phone="5029106268"))).profile
VALUES = ("Susan", "Horton", "1953-02-17", "02-17", "7453", "5029106268", "Washington", "53259", "W255048371")


def test_masked_sides_show_no_whole_value():
    shown = orjson.dumps(masked_document(PROFILE)).decode()
    assert [value for value in VALUES if value in shown] == []
    assert masked_document(PROFILE)["birth_date"].startswith("1953")


def test_clear_sides_show_them():
    shown = orjson.dumps(clear_document(PROFILE)).decode()
    assert [value for value in VALUES if value not in shown] == []
    assert masked_document(PROFILE).keys() == clear_document(PROFILE).keys()
