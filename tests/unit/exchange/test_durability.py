import threading
from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import DiskFull, UniqueViolation

from interpayer.exchange.durability.flow import WORKFLOWS, step, step_key, tx_step, workflow
from interpayer.exchange.durability.letters import letter_about
from interpayer.exchange.durability.run import LARGEST_RESULT, Home, Run, as_stored
from interpayer.exchange.durability.store import address
from interpayer.exchange.durability.work import Watch, Work, continuation_id, root_of
from interpayer.model.exchange import State
from interpayer.model.reason import Fault, FaultKind, Refusal

WORK = Work("x-abc:2.0123456789ab", "request_history", "x-abc")


@tx_step("double")
def double(_tools: object, _conn: object, number: int) -> int:
    return number * 2


@step("triple")
def triple(_tools: object, number: int) -> int:
    return number * 3


def test_the_bare_function_of_a_step_can_be_called() -> None:
    assert double.plain(None, None, 2) == 4  # type: ignore[arg-type]
    assert triple.plain(None, 2) == 6


def test_a_step_outside_a_workflow_says_so() -> None:
    for call in (lambda: double(2), lambda: triple(2), step_key):
        with pytest.raises(RuntimeError, match="workflow"):
            call()


def test_a_step_keeps_the_name_and_the_words_of_its_function() -> None:
    assert (double.__name__, double.name, triple.__name__) == ("double", "double", "triple")


def test_two_workflows_of_one_name_are_refused() -> None:
    def one(_: str) -> None:
        return None

    def two(_: str) -> None:
        return None

    try:
        workflow("twice")(one)
        workflow("twice")(one)
        with pytest.raises(ValueError, match="twice"):
            workflow("twice")(two)
    finally:
        WORKFLOWS.pop("twice")


@pytest.mark.parametrize(
    ("value", "stored"),
    [((1, 2), [1, 2]), (State.BLOCKED, "blocked"), ({"a": None}, {"a": None}), (None, None), ("x-1", "x-1")],
)
def test_a_result_is_what_a_later_execution_reads(value: object, stored: object) -> None:
    assert as_stored(value) == stored


@pytest.mark.parametrize("value", [object(), b"bytes", {1: "a"}, "x" * LARGEST_RESULT])
def test_a_result_that_is_no_small_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        as_stored(value)


def test_all_runs_for_one_thing_share_its_root() -> None:
    assert root_of("x-abc") == root_of("x-abc:after-review:1") == WORK.root == "x-abc"


def test_a_continuation_has_the_root_the_next_generation_and_no_twin() -> None:
    ids = {
        continuation_id(Work(run, "w", "x-abc"), step_no) for run in ("x-abc:2.a", "x-abc:2.b") for step_no in (1, 2)
    }
    assert len(ids) == 4
    assert all(one.startswith("x-abc:3.") for one in ids)
    assert continuation_id(Work("x-abc", "w", "x-abc"), 1).startswith("x-abc:1.")
    assert continuation_id(WORK, 4) == continuation_id(WORK, 4)


def test_ids_of_continuations_do_not_grow() -> None:
    run = "x-abc"
    for _ in range(200):
        run = continuation_id(Work(run, "w", "x-abc"), 3)
    assert len(run) < 30


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Fault(FaultKind.RETRYABLE, "partner.timeout", detail="503"), ("retryable", "partner.timeout", "503")),
        (Refusal("consent.revoked"), ("terminal", "consent.revoked", "")),
    ],
)
def test_a_letter_tells_the_class_and_the_reason(error: Exception, expected: tuple[str, str, str]) -> None:
    letter = letter_about(WORK, error, step="send", attempts=3)
    assert (letter.kind, letter.reason, letter.detail) == expected
    assert (letter.root, letter.step, letter.attempts) == ("x-abc", "send", 3)


def test_a_letter_about_an_unknown_error_has_its_place_and_not_its_text() -> None:
    try:
        raise KeyError("Erika Mustermann")
    except KeyError as error:
        letter = letter_about(WORK, error, step=None, attempts=1)
    assert (letter.kind, letter.reason) == ("ours", "system.bug")
    assert letter.detail.startswith("KeyError at ")
    assert "test_durability.py" in letter.detail
    assert "Mustermann" not in repr(letter)


@pytest.mark.parametrize(
    "given",
    [
        "host=/run/pg dbname=interpayer user=interpayer_worker options='-c role=interpayer_worker'",
        "postgresql://interpayer_worker@/interpayer?host=%2Frun%2Fpg&passfile=%2Fhome%2Fa%20b%2Fpass",
        r"host=db.example port=5433 dbname=x user=u password='p\'@:/?%' sslmode=verify-full",
        "postgresql://u:p%40ss@db.example:5433/x?sslmode=require",
    ],
)
def test_an_address_means_the_same_in_the_form_that_the_engine_reads(given: str) -> None:
    assert address(given).startswith("postgresql://")
    assert conninfo_to_dict(address(given)) == conninfo_to_dict(given)


def test_a_step_waits_for_a_database_without_room_and_not_for_one_that_says_no() -> None:
    run = Run(Home(None, None, Watch(), threading.Event()), WORK, "owner")  # type: ignore[arg-type]
    answers: Iterator[Exception | None] = iter([DiskFull(), DiskFull(), None])

    def act() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "done"

    assert run.patiently(act) == "done"
    with pytest.raises(UniqueViolation):
        run.patiently(lambda: (_ for _ in ()).throw(UniqueViolation()))
