"""Text to tree: how tightly operators bind, literals, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from interpayer.validation.fhirpath.parse import parse
from interpayer.validation.fhirpath.syntax import (
    Call,
    Literal,
    Negated,
    Nothing,
    NotSupported,
    Operation,
    Pick,
    Step,
    TypeTest,
    Variable,
)

A, B, C = Step(None, "a"), Step(None, "b"), Step(None, "c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a or b and c", Operation("or", A, Operation("and", B, C))),
        ("a and b implies c", Operation("implies", Operation("and", A, B), C)),
        ("a = b or c", Operation("or", Operation("=", A, B), C)),
        ("a in b | c", Operation("in", A, Operation("|", B, C))),
        ("a - b - c", Operation("-", Operation("-", A, B), C)),
        ("a + b * c", Operation("+", A, Operation("*", B, C))),
        ("(a or b) and c", Operation("and", Operation("or", A, B), C)),
        ("a is b and c", Operation("and", TypeTest("is", A, "b"), C)),
        ("a as FHIR.b", TypeTest("as", A, "FHIR.b")),
        ("a.ofType(Quantity).b", Step(TypeTest("ofType", A, "Quantity"), "b")),
        ("a[0].b", Step(Pick(A, Literal(0, "integer")), "b")),
        ("-a", Negated(A)),
        ("{}", Nothing()),
        ("$this.a", Step(Variable("$this"), "a")),
        ("%resource.a", Step(Variable("%resource"), "a")),
        ("%`ext-x`", Variable("%ext-x")),
        ("text.`div`", Step(Step(None, "text"), "div")),
        ("a.where(b)", Call(A, "where", (B,))),
        ("iif(a, b, c)", Call(None, "iif", (A, B, C))),
        (r"'it\'s \u0041\n'", Literal("it's A\n", "string")),
        ("1.5", Literal(1.5, "decimal")),
        ("@2024-02", Literal("2024-02", "date")),
        ("@2024-02-03T10:00:00Z", Literal("2024-02-03T10:00:00Z", "dateTime")),
        ("@T10:30", Literal("10:30", "time")),
        ("4 'mg'", Literal({"value": 4, "unit": "mg"}, "Quantity")),
        ("3 days", Literal({"value": 3, "unit": "days"}, "Quantity")),
        ("a // why\n and /* not */ b", Operation("and", A, B)),
    ],
)
def test_trees(text: str, tree: object) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    "text", ["", "a and", "a.where(", "a b", "'open", "a..b", "§", "a[1", "(" * 200, "-" * 5000 + "a", "a is"]
)
def test_what_is_no_expression_is_said_so(text: str) -> None:
    with pytest.raises(NotSupported):
        parse(text)


WORDS = [
    "a",
    "where",
    "(",
    ")",
    ".",
    "'x'",
    "and",
    "|",
    "$this",
    "%x",
    "1",
    "is",
    "[",
    "]",
    ",",
    "-",
    "`",
    "@2020",
    "{}",
]


@settings(max_examples=300, deadline=None)
@given(some.one_of(some.text(max_size=40), some.lists(some.sampled_from(WORDS), max_size=25).map(" ".join)))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        assert parse(text) is not None
    except NotSupported as refused:
        assert str(refused)
