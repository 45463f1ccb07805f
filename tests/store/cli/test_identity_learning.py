"""`interpayer identity train, calibrate, adopt, explain, policy`: from files to what is in force, and why."""

import csv
import hashlib
import json

import pytest
import yaml

from interpayer.cli import output
from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population
from tests.store.cli.conftest import told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("population")
    write_population(made, Plan(9, MIXES["ordinary"], 1_500), 700)
    return made


@pytest.fixture
def loaded(run, folder):
    assert run("identity", "load", str(folder / "members.csv"), "--processes", "1").exit_code == output.DONE
    return run


def labels(folder):
    return ["--queries", str(folder / "queries.csv"), "--truth", str(folder / "truth.csv")]


def test_train_adopt_and_the_next_answer_names_the_model(loaded, folder, tmp_path, database):
    out = tmp_path / "model.yaml"
    trained = loaded("identity", "train", "--requests", str(folder / "queries.csv"), "--out", str(out), "--json")
    told_ = told(trained)
    assert told_["out"] == str(out)
    assert any(session["is_used"] for session in told_["sessions"])
    assert yaml.safe_load(out.read_text())["training"]["trainer"].startswith("splink")
    before = told(loaded("identity", "policy", "--json"))["versions"]["model"]
    assert before != told_["version"], "training alone changes nothing"
    adopted = told(loaded("identity", "adopt", str(out), "--why", "first quarter", "--json"))
    assert (adopted["kind"], adopted["version"], adopted["is_new"]) == ("model", told_["version"], True)
    assert told(loaded("identity", "policy", "--json"))["versions"]["model"] == told_["version"]
    answers = loaded("identity", "match", str(folder / "queries.csv"), "--processes", "1")
    first = json.loads(answers.stdout.splitlines()[0])
    explained = told(loaded("identity", "explain", first["evidence_id"], "--json"))
    assert explained["evidence"]["model_version"] == told_["version"]
    with database.owner.transaction() as conn:
        names = [row["name"] for row in conn.execute("select name from audit.event order by id")]
    assert [name for name in names if name.startswith("identity.")] == ["identity.trained", "identity.adopted"]


def test_calibrate_writes_a_file_with_its_proof_for_a_partner(loaded, folder, tmp_path):
    out = tmp_path / "thresholds.yaml"
    done = loaded(
        "identity", "calibrate", *labels(folder), "--one-in", "100", "--partner", "plan-b", "--out", str(out), "--json"
    )
    found = told(done)
    assert found["after"]["wrong"] <= found["before"]["released"] / 100
    table = yaml.safe_load(out.read_text())
    assert table["partners"]["plan-b"]["certain"] == found["limit"]
    proof = table["calibration"][0]
    assert proof["for"] == "partner plan-b"
    assert proof["bound"] <= 0.01
    assert loaded("identity", "adopt", str(out), "--why", "calibrated").exit_code == output.DONE
    own = told(loaded("identity", "policy", "--json"))
    assert own["thresholds"]["partners"] == {"plan-b": {"certain": found["limit"]}}
    theirs = told(loaded("identity", "policy", "--for-partners", "--json"))
    assert "plan-b" not in json.dumps(theirs)


def test_labels_that_prove_nothing_end_the_command_and_change_nothing(loaded, folder, tmp_path):
    out = tmp_path / "thresholds.yaml"
    done = loaded("identity", "calibrate", *labels(folder), "--out", str(out))
    assert done.exit_code == output.FAILED
    assert "29,956 are needed" in " ".join(done.stderr.split())
    assert not out.exists()
    no_cases = loaded("identity", "calibrate", "--cases", "--out", str(out))
    assert no_cases.exit_code == output.FAILED
    assert "0 labelled releases" in no_cases.stderr


@pytest.mark.parametrize(
    "words",
    [[], ["--cases", "--queries", "Q", "--truth", "T"], ["--queries", "Q"], ["--partner", "a", "--purpose", "b"]],
)
def test_labels_come_from_one_place_and_for_one_scope(loaded, folder, words):
    files = {"Q": str(folder / "queries.csv"), "T": str(folder / "truth.csv")}
    wanted = [files.get(word, word) for word in words]
    if "--partner" in wanted:
        wanted += labels(folder)
    assert loaded("identity", "calibrate", *wanted).exit_code == output.USAGE


def test_a_truth_that_lacks_requests_is_refused(loaded, folder, tmp_path):
    short = tmp_path / "truth.csv"
    short.write_text("query_id,accept\nq0,m1\n")
    done = loaded("identity", "calibrate", "--queries", str(folder / "queries.csv"), "--truth", str(short))
    assert done.exit_code == output.USAGE
    assert "have no truth" in done.stderr


def test_explain_in_words_with_a_waterfall(loaded, folder):
    answers = loaded("identity", "match", str(folder / "queries.csv"), "--processes", "1").stdout.splitlines()
    by_weight = next(one for one in map(json.loads, answers) if one["rule"] == "P" and one["state"] == "certain")
    done = loaded("identity", "explain", by_weight["evidence_id"])
    assert done.exit_code == output.DONE, done.stderr
    assert done.stdout.startswith("Certain: this is m-")
    assert "one among all people" in done.stdout
    assert "+++" in done.stdout
    nobody = next(one for one in map(json.loads, answers) if one["state"] == "none")
    assert "Nobody:" in loaded("identity", "explain", nobody["evidence_id"]).stdout
    assert loaded("identity", "explain", "e-unknown").exit_code == output.NOT_FOUND


def test_the_ledger_knows_which_answers_were_given(loaded, folder, database):
    answers = loaded("identity", "match", str(folder / "queries.csv"), "--processes", "1").stdout
    with database.owner.transaction() as conn:
        row = conn.execute("select header from audit.event where name = 'queries.matched'").fetchone()
    assert hashlib.sha256(answers.encode()).hexdigest() in bytes(row["header"]).decode()


def test_values_are_shown_to_a_named_steward_who_says_why(loaded, admin, folder, database):
    answers = admin("identity", "match", str(folder / "queries.csv"), "--processes", "1").stdout.splitlines()
    certain = next(one for one in map(json.loads, answers) if one["state"] == "certain")
    evidence = certain["evidence_id"]
    with (folder / "members.csv").open(newline="") as file:
        member = next(row for row in csv.DictReader(file) if row["member_key"] == certain["member_key"])
    values = (member["last_name"].upper(), member["birth_date"])

    def shows(text):
        return any(value in text.upper() for value in values)

    masked = admin("identity", "explain", evidence)
    assert "candidates" in masked.stdout
    assert not shows(masked.stdout)
    assert admin("identity", "explain", evidence, "--unmasked").exit_code == output.USAGE
    clear = admin("identity", "explain", evidence, "--unmasked", "--why", "a complaint")
    assert shows(clear.stdout)
    with database.owner.transaction() as conn:
        looked = conn.execute("select count(*) as n from audit.event where name = 'access.looked'").fetchone()
    assert looked["n"] == 1


def test_before_anybody_is_named_nobody_sees_values(loaded, folder):
    answers = loaded("identity", "match", str(folder / "queries.csv"), "--processes", "1").stdout.splitlines()
    evidence = json.loads(answers[0])["evidence_id"]
    done = loaded("identity", "explain", evidence, "--unmasked", "--why", "curious")
    assert done.exit_code == output.REFUSED
