"""Splink 5 on DuckDB, as its guide says to build a model; the person with the most weight is its answer."""

import csv
import logging
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

from bench.matching.answers import Answer, Population, Race, Row, rows
from bench.matching.plain import cleaned

NAME = "Splink 5, DuckDB"
SINGLE = 30
CERTAIN, REVIEW = 12.0, 0.0  # weights, log2; one wrong in four thousand by the model's own word
_RULES = (
    ("dob", "last"), ("dob", "first"), ("first", "last"), ("phone", "dob"), ("email",), ("member_id",),
    ("ssn4", "dob"), ("zip", "street", "first"), ("subscriber_id", "first"), ("subscriber_id", "dob"),
    ("phone", "first"),
)  # fmt: skip


def run(population: Population, folder: Path, seed: int = 1) -> Race:
    """Cleans, trains on the two files, predicts, and takes the best person for each query."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    start = time.perf_counter()
    people = _write(folder / "m.csv", rows(population.members), "member_key")
    _write(folder / "q.csv", rows(population.queries), "query_id")
    cleaned_at = time.perf_counter()
    connection = duckdb.connect(":memory:")
    connection.execute(f"set threads = 2; set temp_directory = '{folder}'")
    database = DuckDBAPI(connection)
    tables = [_load(connection, folder / f"{name}.csv", name) for name in "mq"]
    inputs = [database.register(name, dataset_display_name=f"{name}_rows") for name in tables]
    linker = Linker(inputs, _settings(), log_level=None)
    prepared = time.perf_counter()
    _train(linker, seed)
    trained = time.perf_counter()
    predicted = linker.inference.predict(threshold_match_weight=-10)
    best = connection.execute(
        f"select unique_id_l, unique_id_r, match_weight from {predicted.physical_name} order by match_weight"
    ).fetchall()
    answers: dict[str, Answer] = {}
    for left, right, weight in best:  # the last one is the heaviest
        query, member = (left, right) if left.startswith("q") else (right, left)
        state = "certain" if weight >= CERTAIN else "review" if weight >= REVIEW else "none"
        answers[query] = Answer(state, member, weight)
    done = time.perf_counter()
    single = _one_by_one(linker, database, connection)
    connection.close()
    assert people
    seconds = {"clean": cleaned_at - start, "index": prepared - cleaned_at, "train": trained - prepared}
    return Race(NAME, answers, {**seconds, "match": done - trained}, one_ms=single)


def _one_by_one(linker: Linker, database: DuckDBAPI, connection: duckdb.DuckDBPyConnection) -> list[float]:
    """Milliseconds of single queries against all members; few, because they are slow."""
    for name in ("first", "last"):
        linker.table_management.compute_tf_table(name)
    members = database.register("m", dataset_display_name="all_members")
    took = []
    for number in range(SINGLE):
        connection.execute(f"create table one{number} as select * from q limit 1 offset {number}")
        start = time.perf_counter()
        query = database.register(f"one{number}", dataset_display_name=f"one_{number}")
        found = linker.inference.predict_between(members, query, threshold_match_weight=-10, warning_mode="never")
        connection.execute(f"select * from {found.physical_name}").fetchall()
        took.append(1000 * (time.perf_counter() - start))
    return took


def _write(path: Path, lines: Iterable[Row], key: str) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for line in lines:
            one = cleaned(line)
            del one["last_before"]
            if not count:
                table.writerow(["unique_id", *one])
            table.writerow([line[key], *one.values()])
            count += 1
    return count


def _load(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    connection.execute(f"create table {name} as from read_csv('{path}', header = true, all_varchar = true)")
    return name


def _settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("first", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("last", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("dob", [1, 2]),
            cl.ExactMatch("middle"),
            cl.ExactMatch("suffix"),
            cl.ExactMatch("sex"),
            cl.ExactMatch("ssn4"),
            cl.JaroWinklerAtThresholds("street", [0.9]),
            cl.ExactMatch("zip"),
            cl.ExactMatch("phone"),
            cl.ExactMatch("email"),
            cl.ExactMatch("member_id"),
            cl.ExactMatch("subscriber_id"),
        ],
        blocking_rules_to_generate_predictions=[block_on(*names) for names in _RULES],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def _train(linker: Linker, seed: int) -> None:
    sure = [block_on("first", "last", "dob", "zip"), block_on("member_id", "dob")]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=seed)
    for names in (("dob", "last"), ("first", "last"), ("phone",)):
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*names), record_sample_proportion=1.0
        )
