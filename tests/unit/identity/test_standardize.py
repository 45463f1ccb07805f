"""One spelling for what is the same, and nothing for what says nothing."""

from datetime import date

import pytest

from interpayer.identity.standardize import (
    as_document,
    clean_birth_date,
    clean_email,
    clean_id,
    clean_line,
    clean_name,
    clean_phone,
    clean_postal_code,
    clean_ssn4,
    standardize,
)
from interpayer.model.member import Identifier, IdKind, Name
from tests.support.people import PAYER, a_coverage, a_person


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (Name("O'Neal", ("José", "Ángel")), (("JOSE", "ANGEL"), "ONEAL", None)),
        (Name("Smith-Jones", ("Mary Ann",)), (("MARY", "ANN"), "SMITH JONES", None)),
        (Name("Murray", ("Ben",), "Jr."), (("BEN",), "MURRAY", "JR")),
        (Name("Murray Jr", ("Ben",)), (("BEN",), "MURRAY", "JR")),
        (Name("Murray", ("Ben", "III")), (("BEN",), "MURRAY", "III")),
        (Name("Horton", ("Baby", "Girl")), ((), "HORTON", None)),
        (Name("UNKNOWN", ("Test",)), ((), None, None)),
        (Name("Null", ("Anna",)), (("ANNA",), "NULL", None)),
        (Name("de la Cruz", ("Mr. Juan",), "Esq."), (("JUAN",), "DE LA CRUZ", None)),
        (Name("Murray Sr, MD", ("Dr", "Ben")), (("BEN",), "MURRAY", "SR")),
        (Name("Wa\u0142\u0119sa", ("Bj\u00f8rn",)), (("BJORN",), "WALESA", None)),
        (Name("Ka\u02bbahumanu", ("D\u2019Arcy",)), (("DARCY",), "KAAHUMANU", None)),
        (Name("\u0418\u0432\u0430\u043d", ("Ivan \u0418\u0432\u0430\u043d",)), (("IVAN",), None, None)),
        (Name("Dr", ("Dr",)), (("DR",), "DR", None)),
        (Name("", ()), ((), None, None)),
    ],
)
def test_names(name, expected):
    assert clean_name(name) == expected


@pytest.mark.parametrize(
    ("clean", "value", "expected"),
    [
        (clean_id, "w255 048-371.00", "W25504837100"),
        (clean_id, "000000000", None),
        (clean_id, "123456789", None),
        (clean_id, "n/a", None),
        (clean_phone, "+1 (502) 910-6268", "5029106268"),
        (clean_phone, "555-555-5555", None),
        (clean_phone, "91062", None),
        (clean_ssn4, "xxx-xx-7453", "7453"),
        (clean_ssn4, "0000", None),
        (clean_email, " Susan@Example.ORG", "susan@example.org"),
        (clean_email, "noemail@plan.example", None),
        (clean_postal_code, "48253-1922", "48253"),
        (clean_postal_code, "2139", "02139"),
        (clean_postal_code, "00000", None),
        (clean_ssn4, "078-05-1120", None),
        (clean_ssn4, "999-99-9999", None),
        (clean_ssn4, "123-45-6780", "6780"),
        (clean_email, "susan@", None),
        (clean_email, "a@b", None),
        (clean_birth_date, date(1899, 12, 31), None),
        (clean_line, "456 Washington Avenue, Apartment 3", "456 WASHINGTON AVE APT 3"),
        (clean_line, "456 WASHINGTON AVE #3", "456 WASHINGTON AVE APT 3"),
        (clean_line, "456 Washington Ave., Suite 3", "456 WASHINGTON AVE APT 3"),
        (clean_line, "12 North Fifth Street Floor 2", "12 N 5TH ST FL 2"),
        (clean_line, "P.O. Box 77", "PO BOX 77"),
        (clean_line, "Post Office Box #77", "PO BOX 77"),
        (clean_line, "POB 77", "PO BOX 77"),
        (clean_line, "7 Boxwood Ln", "7 BOXWOOD LN"),
        (clean_line, "General Delivery", None),
        (clean_line, "same as above", None),
        (clean_line, "x" * 10_000, None),
        (clean_birth_date, date(1900, 1, 1), None),
        (clean_birth_date, date(1953, 2, 17), date(1953, 2, 17)),
    ],
)
def test_values(clean, value, expected):
    assert clean(value) == expected


def test_a_member_id_of_another_payer_is_not_ours():
    foreign = Identifier(IdKind.MEMBER, "Z999-01", "http://example.org/payers|new-plan")
    own = Identifier(IdKind.MEMBER, "W255-01", PAYER)
    person = a_person(identifiers=(foreign, own))
    assert standardize(person, payer=PAYER).member_ids == {"W25501"}


def test_the_same_person_in_any_spelling_is_the_same_document():
    loud = a_person("SUSAN", family="HORTON", address=("456 WASHINGTON AVE", "53259-0001"))
    one = standardize(a_person("Susan"), [a_coverage("W255048371-00")], payer=PAYER)
    two = standardize(loud, [a_coverage("w25504837100")], payer=PAYER)
    assert as_document(one) == as_document(two)
    assert as_document(one) != as_document(standardize(a_person("Susanne"), [a_coverage()], payer=PAYER))
