"""What the page on changing the policy shows loads, and its case holds."""

import re
from pathlib import Path

from interpayer.policy.cases import run_cases
from interpayer.policy.composing import compose
from interpayer.policy.obligations import PLAIN, WITH_WORD, is_known

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "change-the-policy.md"


def test_the_examples_of_the_page_work() -> None:
    text = PAGE.read_text("utf-8")
    rules, numbers, cases, *_ = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    bundle = compose({"alder.cedar": rules, "policy.yaml": numbers, "cases.yaml": cases})
    outcomes = run_cases(bundle)
    assert not [outcome.trouble for outcome in outcomes if outcome.trouble]
    assert "no claims for alder" in {outcome.case.name for outcome in outcomes}
    assert bundle.exchange.grant_days == 14


def test_the_page_names_every_obligation_of_a_hop() -> None:
    text = PAGE.read_text("utf-8")
    of_people = {"tell_afterwards"}
    assert all(f"`{name}`" in text for name in PLAIN if name not in of_people)
    assert all(f"`{name}:<" in text for name in WITH_WORD)
    assert not any(is_known(name) for name in ("", "withhold", "withhold:", "notify_member:x", "unknown", ":"))
