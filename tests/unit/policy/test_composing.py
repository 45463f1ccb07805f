"""A plan's own folder lies over what ships: it adds and replaces, and cannot take the floor away."""

import pytest

from interpayer.policy.composing import closed, compose, load_bundle, read_folder, shipped

OWN_RULE = '@id("ours")\n@reason("policy.denied")\nforbid (principal, action == Action::"export", resource);\n'


def test_a_folder_of_ones_own(tmp_path):
    (tmp_path / "partners.cedar").write_text(OWN_RULE, "utf-8")
    (tmp_path / "policy.yaml").write_text("exchange: {grant_days: 7}\nretention: {decisions: {keep_days: 9}}\n")
    (tmp_path / "notes.txt").write_text("not part of the policy", "utf-8")
    own = read_folder(tmp_path)
    assert set(own) == {"partners.cedar", "policy.yaml"}
    bundle = load_bundle(tmp_path)
    assert bundle.version == compose(own).version != shipped().version
    assert bundle.exchange.grant_days == 7
    assert bundle.exchange.file_hours == shipped().exchange.file_hours
    assert bundle.retention["decisions"].keep_days == 9
    assert "ours" in bundle.rules
    assert set(shipped().rules) < set(bundle.rules)
    assert load_bundle(None) is compose({}) is shipped()


def test_a_rule_file_of_a_shipped_name_replaces_it():
    own = '@id("nobody-asks")\npermit (principal == Partner::"p", action == Action::"send", resource);\n'
    bundle = compose({"ask.cedar": own})
    assert "nobody-asks" in bundle.rules
    assert "ask-consented" not in bundle.rules


def test_cases_do_not_count_for_the_version():
    assert compose({"cases.yaml": "cases: {}"}).version == shipped().version


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"never.cedar": OWN_RULE}, "cannot be replaced"),
        ({"schema.cedarschema": ""}, "cannot be replaced"),
        ({"failures.yaml": ""}, "cannot be replaced"),
        ({"own.policy.yaml": ""}, "no part"),
        ({"own.more.cedar": OWN_RULE}, "no part"),
        ({"../x.yaml": ""}, "no part"),
        ({"a.cedar": OWN_RULE, "b.cedar": OWN_RULE}, "@id"),
        ({"a.cedar": "// " + "x" * 300_000}, "bytes"),
        ({f"f{n}.cedar": "// empty" for n in range(51)}, "at most 50"),
        ({"policy.yaml": "exchange: {grant_dais: 7}"}, "grant_dais is unknown"),
        ({"policy.yaml": "exchanges: {}"}, "exchanges is unknown"),
        ({"policy.yaml": "exchange: 5"}, "names and values"),
        ({"policy.yaml": "exchange: {token_s: 3600}"}, "token_s"),
        ({"policy.yaml": "format: 2"}, "format"),
        ({"policy.yaml": "failures: {policy_engine: open}"}, "policy_engine"),
        ({"policy.yaml": "["}, "YAML"),
        ({"policy.yaml": "5"}, "names and values"),
    ],
)
def test_what_does_not_belong_does_not_load(own, told):
    with pytest.raises(ValueError, match=told):
        compose(own)


def test_no_folder_is_no_policy(tmp_path):
    with pytest.raises(ValueError, match="no folder"):
        read_folder(tmp_path / "gone")


def test_a_choice_where_the_table_of_failures_leaves_one():
    assert (
        compose({"policy.yaml": "failures: {certificate_revocation: stale}"}).failures["certificate_revocation"].then
        == "stale"
    )


def test_what_does_not_load_here_closes_under_a_version_of_its_own():
    shut = closed({"policy.yaml": "["}, "it is no YAML")
    assert shut.broken == "it is no YAML"
    assert shut.version not in (shipped().version, closed({"policy.yaml": "]"}, "").version)
