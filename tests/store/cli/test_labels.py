"""`interpayer labels` as a person types it."""

import json
from pathlib import Path

from interpayer.cli import output
from tests.store.cli.conftest import Run, told

SET = 'format: 1\nkind: set\nversion: "1"\ncategory: plan_vip\ncodes: {icd-10-cm: ["E11*"]}\n'


def test_check_tells_what_is_in_force_and_tries_a_folder(admin: Run, tmp_path: Path) -> None:
    in_force = admin("labels", "check", "--json")
    assert in_force.exit_code == output.DONE, in_force.stderr
    assert told(in_force)["waiting"] == 0 and "substance_use" in told(in_force)["categories"]
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "vip.yaml").write_text(SET)
    tried = told(admin("labels", "check", str(folder), "--json"))
    assert tried["version"] != told(in_force)["version"] and "plan_vip" in tried["categories"]
    (folder / "vip.yaml").write_text(SET.replace("icd-10-cm", "icd-11"))
    refused = admin("labels", "check", str(folder))
    assert refused.exit_code == output.FAILED and "vip.yaml" in refused.stderr


def test_explain_tells_why_a_file_of_ones_own_would_be_labeled(admin: Run, tmp_path: Path) -> None:
    file = tmp_path / "condition.json"
    file.write_text(json.dumps({"resourceType": "Condition", "code": {"coding": [{"code": "F10.20"}]}}))
    reasons = told(admin("labels", "explain", "--file", str(file), "--json"))["reasons"]
    assert reasons == [{"label": "substance_use", "by": "substance-use.yaml", "what": "code F10.20 (icd-10-cm)"}]
    assert admin("labels", "explain").exit_code == output.USAGE
    assert admin("labels", "explain", "r-nothing").exit_code == output.NOT_FOUND
    file.write_text("[]")
    assert admin("labels", "explain", "--file", str(file)).exit_code == output.USAGE


def test_relabel_is_done_by_a_person_who_may(admin: Run) -> None:
    assert told(admin("labels", "relabel", "--json")) | {"version": ""} == {
        "schema": "labels-relabel/1", "version": "", "looked_at": 0, "changed": 0, "withheld": 0,
    }  # fmt: skip
