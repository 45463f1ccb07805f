"""What is published: everything that the issue names, as in force, and to partners nothing about other partners."""

from importlib import resources

import pytest

from interpayer.identity.published import Yardsticks, default_policy, published, read_policy
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.model import default_model
from interpayer.identity.scoring.thresholds import read_thresholds

TEXT = resources.files("interpayer.identity").joinpath("identity_policy.yaml").read_text("utf-8")
LIMITS = resources.files("interpayer.identity.scoring").joinpath("thresholds_default.yaml").read_text("utf-8")
OURS = read_thresholds(LIMITS.replace("partners: {}", "partners: {plan-b: {certain: 19}}"))
PROVEN = ({"for": "everywhere", "certain": 14}, {"for": "partner plan-b", "certain": 19})
NOW = Yardsticks(default_rules(), default_model(), OURS, PROVEN)


def test_thresholds_escalation_and_retention_are_published_with_versions():
    told = published(default_policy(), NOW, for_partners=False)
    assert told["thresholds"]["everywhere"]["certain"] == OURS.everywhere.certain
    assert told["thresholds"]["purposes"]["payer_to_payer"] == {"needs_id": True}
    assert told["thresholds"]["partners"] == {"plan-b": {"certain": 19}}
    assert told["calibration"] == list(PROVEN)
    assert told["retention_days"]["evidence"] >= 2192, "six years: 45 CFR 164.316(b)(2)(i)"
    assert {path["role"] for path in told["escalation"]} == {"steward", "operator"}
    assert told["versions"] == {
        "policy": default_policy().version,
        "rules": default_rules().version,
        "model": default_model().version,
        "thresholds": OURS.version,
    }


def test_a_partner_learns_no_other_partners_limits():
    told = published(default_policy(), NOW, for_partners=True)
    assert "plan-b" not in str(told)
    assert told["what_to_send"]["always"]
    assert told["thresholds"]["everywhere"]["margin"] == OURS.everywhere.margin


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format: 1", "format: 2"),
        ("  evidence: 2192", "  evidence: for ever"),
        ("  evidence: 2192", "  evidence: 0"),
        ("    role: steward\n", ""),
        ("retention:", "retentions:"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_not_read(old, new):
    assert old in TEXT
    with pytest.raises(ValueError, match="identity policy"):
        read_policy(TEXT.replace(old, new, 1))


def test_its_version_is_its_text():
    assert read_policy(TEXT).version == default_policy().version
    assert read_policy(TEXT + "\n# once more\n").version != default_policy().version
