"""What expressions give, function by function and operator by operator."""

from pathlib import Path
from typing import Any

import pytest

from interpayer.validation.fhirpath.compile import compile_expression
from interpayer.validation.fhirpath.runtime import CannotTell
from interpayer.validation.fhirpath.syntax import NotSupported
from tests.support.definitions import constraints, packages, type_model

PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "name": [
        {"use": "official", "family": "Ng", "given": ["Ada", None], "_given": [None, {"extension": [{"url": "m"}]}]},
        {"use": "old", "family": "Oe", "given": ["Bo"]},
    ],
    "birthDate": "1980-05-06",
    "_birthDate": {"extension": [{"url": "time", "valueDateTime": "1980-05-06T01:00:00Z"}]},
    "multipleBirthInteger": 2,
    "_gender": {"extension": [{"url": "why", "valueCode": "unknown"}]},
    "telecom": [{"system": "phone", "rank": 2}, {"system": "email", "rank": 1}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"identifier": {"value": "9"}}],
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}, {"system": "s", "code": "2"}]},
    "valueQuantity": {"value": 1.5, "unit": "mg", "code": "mg"},
    "effectiveDateTime": "2024-05",
    "component": [{"code": {"text": "a"}, "valueString": "x"}, {"code": {"text": "b"}, "valueInteger": 3}],
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        # steps
        ("name.family", ["Ng", "Oe"]),
        ("Patient.name.family", ["Ng", "Oe"]),
        ("nothing.at.all", []),
        ("name.given.count()", [3]),
        ("name[1].family", ["Oe"]),
        ("name[7].family", []),
        ("birthDate.extension.value", ["1980-05-06T01:00:00Z"]),
        ("birthDate.extension('time').exists()", [True]),
        ("gender.exists() and gender.hasValue().not()", [True]),
        ("gender.extension.url", ["why"]),
        ("active.hasValue() and name.hasValue().not()", [True]),
        ("multipleBirth", [2]),
        ("deceased", []),
        ("contained.name", ["Org"]),
        # filters
        ("name.where(use = 'old').family", ["Oe"]),
        ("name.where($index = 0).family", ["Ng"]),
        ("name.exists(use = 'usual')", [False]),
        ("name.all(family.exists())", [True]),
        ("name.select(family & '!')", ["Ng!", "Oe!"]),
        ("name.first().family | name.last().family", ["Ng", "Oe"]),
        ("name.tail().family", ["Oe"]),
        ("telecom.skip(1).system", ["email"]),
        ("telecom.take(1).system", ["phone"]),
        ("name.family.distinct().count()", [2]),
        ("(name.use | name.use).isDistinct()", [True]),
        ("name.use.combine(name.use).isDistinct()", [False]),
        ("name.use.intersect('old' | 'x')", ["old"]),
        ("name.use.exclude('old')", ["official"]),
        ("('old').subsetOf(name.use)", [True]),
        ("name.use.supersetOf('x')", [False]),
        ("telecom.rank.select($this = 1).anyTrue()", [True]),
        ("telecom.rank.select($this > 0).allTrue()", [True]),
        ("telecom.rank.select($this > 1).allFalse()", [False]),
        ("telecom.rank.select($this > 1).anyFalse()", [True]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("iif(deceased, 'yes')", []),
        ("children().count() > 5", [True]),
        ("descendants().where(reference = '#o').exists()", [True]),
        ("descendants().as(uri).count()", [3]),
        # logic in three values
        ("deceased and false", [False]),
        ("deceased and true", []),
        ("deceased or true", [True]),
        ("deceased or false", []),
        ("deceased implies true", [True]),
        ("deceased implies false", []),
        ("false implies deceased", [True]),
        ("active xor true", [False]),
        ("active xor deceased", []),
        ("deceased.not()", []),
        ("active.not()", [False]),
        ("telecom.exists() = name.exists()", [True]),
        ("name.exists() != deceased.exists()", [True]),
        ("active and multipleBirth", [True]),
        # comparison
        ("birthDate = '1980-05-06'", [True]),
        ("birthDate < @1980-06", [True]),
        ("birthDate <= @1980-05", []),
        ("birthDate > @1979", [True]),
        ("gender = 'male'", [False]),
        ("deceased = 'x'", []),
        ("name.family = name.family", [True]),
        ("name.family != 'Ng'", [True]),
        ("'Straße' ~ 'straße '", [True]),
        ("1 = 1.0", [True]),
        ("true = 1", [False]),
        ("'a' < 'b'", [True]),
        ("'b' in ('a' | 'b')", [True]),
        ("name.use contains 'old'", [True]),
        ("deceased in ('a')", []),
        # numbers and strings
        ("1 + 2 * 3 - 4 / 2", [5.0]),
        ("7 div 2 + 7 mod 2", [4]),
        ("-7 div 2", [-3]),
        ("1 div 0", []),
        ("-telecom.rank.first()", [-2]),
        ("'a' + 'b'", ["ab"]),
        ("'a' & {}", ["a"]),
        ("'abc'.substring(1, 1) & 'abc'.substring(9)", ["b"]),
        ("'abc'.startsWith('ab') and 'abc'.endsWith('bc') and 'abc'.contains('b')", [True]),
        ("'abc'.indexOf('c') + 'abc'.length()", [5]),
        ("' Ab '.trim().upper().lower()", ["ab"]),
        ("'a-b'.replace('-', '+').replaceMatches('[ab]', 'x')", ["x+x"]),
        ("'12'.matches('^[0-9]+$')", [True]),
        ("'12'.toInteger() + '1'.toDecimal()", [13.0]),
        ("1.toString() & true.toString()", ["1true"]),
        ("'x'.toInteger()", []),
        ("'yes'.toBoolean()", [True]),
        ("'x'.convertsToInteger()", [False]),
        ("'7'.convertsToInteger()", [True]),
        ("deceased.convertsToInteger()", []),
        ("(-1.5).abs() + 1.2.ceiling() + 1.8.floor() + 2.44.round(1)", [6.9]),
        ("'2024-05-06T10:00:00Z'.toDate()", ["2024-05-06"]),
        ("%ucum & %`vs-a` & %'ext-b'", ["http://unitsofmeasure.orghttp://hl7.org/fhir/ValueSet/a"
                                       "http://hl7.org/fhir/StructureDefinition/b"]),
        ("name.family.trace('x').single().exists()", CannotTell),
        ("name.family.toString()", CannotTell),
        # types and references
        ("birthDate is date and birthDate is Date and active is System.Boolean", [True]),
        ("name.first() is HumanName", [True]),
        ("name.first() is Period", [False]),
        ("multipleBirth is integer and (multipleBirth is boolean).not()", [True]),
        ("multipleBirth.ofType(boolean).empty()", [True]),
        ("deceased is boolean", []),
        ("contained.first() is Organization", [True]),
        ("contained.first() is Citation", [False]),
        ("contained.ofType(Organization).name", ["Org"]),
        ("managingOrganization.resolve().name", ["Org"]),
        ("generalPractitioner.first().resolve() is Practitioner", [True]),
        ("generalPractitioner.first().resolve() is Patient", [False]),
        ("generalPractitioner.first().resolve().name", CannotTell),
        ("generalPractitioner.last().resolve()", CannotTell),
        ("name.family.memberOf('http://v/ng')", [True]),
        ("name.last().family.memberOf('http://v/ng')", [False]),
        ("telecom.first().system.memberOf('http://v/who-knows')", CannotTell),
        ("telecom.first().system.memberOf('http://v/not-at-hand')", CannotTell),
        ("deceased.memberOf('http://v/not-at-hand')", CannotTell),
        ("active or name.use.memberOf('http://v/not-at-hand')", [True]),
        ("photo.where(contentType.memberOf('http://v/not-at-hand')).exists()", [False]),
    ],
)  # fmt: skip
def test_on_a_patient(expression: str, values: Any, test_data: Path) -> None:
    assert_gives(expression, PATIENT, values, test_data)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("value.value", [1.5]),
        ("valueQuantity.value", [1.5]),
        ("valueString.exists() or component.valueString.exists()", [True]),
        ("value is Quantity", [True]),
        ("value.ofType(Quantity).unit", ["mg"]),
        ("value.ofType(CodeableConcept).coding", []),
        ("(value as Quantity).code", ["mg"]),
        ("value > 1 'mg'", [True]),
        ("component.value.ofType(string)", ["x"]),
        ("component.value.count()", [2]),
        ("component.where(value is integer).code.text", ["b"]),
        ("effective is dateTime and effective is DateTime", [True]),
        ("effective.toString().length()", [7]),
        ("code.coding.where(system = %loinc).code", ["1-1"]),
        ("repeat(component).code.text", ["a", "b"]),
        ("component.code.where(text in %resource.status).empty()", [True]),
        ("%context.status | %rootResource.resourceType", ["final", "Observation"]),
    ],
)
def test_on_an_observation(expression: str, values: Any, test_data: Path) -> None:
    assert_gives(expression, OBSERVATION, values, test_data)


def assert_gives(expression: str, resource: dict[str, Any], values: Any, test_data: Path) -> None:
    """The same as values and as truth, or that it cannot be told."""
    sets = {"http://v/ng": lambda item: item == "Ng", "http://v/who-knows": lambda item: None}
    kind = resource["resourceType"]
    compiled = compile_expression(expression, model=type_model(test_data), context=kind, member_of=sets.get)
    if values is CannotTell:
        with pytest.raises(CannotTell):
            compiled.values(resource, resource, resource)
        return
    found = compiled.values(resource, resource, resource)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]
    if len(values) < 2:
        assert compiled.holds(resource, resource, resource) is (values != [] and values[0] is not False)


@pytest.mark.parametrize(
    "expression",
    [
        "name.aggregate($total + 1)", "conformsTo('x')", "%unknown", "$total", "name.matches(use)", "name.matches('[')",
        "name.where()", "memberOf(use)",
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_when_compiling(expression: str, test_data: Path) -> None:
    with pytest.raises(NotSupported):
        compile_expression(expression, model=type_model(test_data), context="Patient")


@pytest.mark.parametrize("expression", [
    " xor ".join(["deceased"] * 40), " = ".join(["deceased"] * 40), " or ".join(["active"] * 5_000),
    "9" * 5_000, "name" + ".where(use = 'a'" * 59 + ")" * 59, "iif(active, " * 50 + "1" + ")" * 50,
])  # fmt: skip
def test_what_would_grow_without_end_is_refused_or_compiled_at_once(expression: str, test_data: Path) -> None:
    try:
        compiled = compile_expression(expression, model=type_model(test_data), context="Patient")
    except NotSupported:
        return
    assert isinstance(compiled.holds(PATIENT, PATIENT, PATIENT), bool)


def test_no_text_of_an_expression_becomes_python(test_data: Path) -> None:
    """Names and strings are data, whatever they spell."""
    nasty = "name.`x') or __import__('os').abort() or ('`.exists() or '\\'); import os' = \"a\\\"b\""
    compiled = compile_expression(nasty, model=type_model(test_data), context="Patient")
    assert compiled.holds(PATIENT, PATIENT, PATIENT) is False


def test_every_constraint_of_the_packages_compiles(test_data: Path) -> None:
    """All but ele-1 on primitives, which is said in JSON Schema instead."""
    failed = {}
    for context, expressions in constraints(test_data).items():
        for expression, key in expressions.items():
            try:
                compile_expression(
                    expression, model=type_model(test_data), context=context, member_of=lambda _: lambda _: True
                )
            except NotSupported as error:
                failed[key, context] = str(error)
    assert {key for key, _ in failed} == {"ele-1"}
    assert all(context[0].islower() for _, context in failed)
    assert len({one for each in constraints(test_data).values() for one in each}) > 300


def test_every_search_parameter_of_r4_compiles(test_data: Path) -> None:
    core = packages(test_data)[0]
    searches = [core.read(entry) for entry in core.entries.values() if entry.kind == "SearchParameter"]
    asked = {(base, one["expression"]) for one in searches if "expression" in one for base in one["base"]}
    model = type_model(test_data)
    compiled = [compile_expression(expression, model=model, context=base) for base, expression in asked]
    assert len(compiled) == len(asked) > 1_000
