"""The check of a resource on its way in: the built-in contract, and the profiles whose packages are at hand."""

from collections.abc import Mapping
from typing import Any

from interpayer.exchange.sources.refining import Checked, Flaw
from interpayer.validation.check import check


def built_in(resource: Mapping[str, Any]) -> Checked:
    """The contract that holds without any package."""
    return Checked(tuple(Flaw(issue.path, issue.rule, issue.text) for issue in check(resource)))
