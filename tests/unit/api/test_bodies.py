"""The bodies of the plan's own door: what is refused, and what reaches the exchange."""

from typing import Any

import pytest
from pydantic import ValidationError

from interpayer.api.bodies import CaseRuling, ExchangeRequest, Supplement
from interpayer.exchange.asked import missing, read_asked


def test_everything_is_optional_and_nothing_unknown() -> None:
    assert ExchangeRequest().sent() == {}
    for unknown in ({"ssn": "1"}, {"member": {"ssn": "1"}}, {"routing": {"fast": True}}):
        with pytest.raises(ValidationError):
            ExchangeRequest(**unknown)


def test_only_what_was_sent_is_kept_with_times_in_utc() -> None:
    sent = ExchangeRequest(partner=" urn:x|a ", give_up_at="2027-01-01T00:00:00-05:00", priority=None).sent()  # type: ignore[arg-type]
    assert sent == {"partner": "urn:x|a", "give_up_at": "2027-01-01T05:00:00Z"}


def test_every_field_that_a_step_reads_can_be_sent() -> None:
    (example,) = ExchangeRequest.model_config["json_schema_extra"]["examples"]  # type: ignore[index,call-overload]
    asked = read_asked(ExchangeRequest(**example).sent())
    assert missing(asked) == ()
    assert asked.demographics is not None
    assert asked.demographics.identifiers[0].value == "A123"


@pytest.mark.parametrize(
    "body",
    [
        {"correlation_id": "short"},
        {"correlation_id": "with space and more"},
        {"priority": "now"},
        {"requested_action": "delete"},
        {"member": {"sex": "F"}},
        {"member": {"names": [{"family": "  "}]}},
        {"member": {"names": [{"family": "A\nB"}]}},
        {"member": {"phones": [5550100]}},
        {"attestation": {"at": "2026-01-01T00:00:00"}},
        {"since": "1800-01-01T00:00:00Z"},
    ],
)
def test_wrong_shapes_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExchangeRequest(**body)


def test_a_supplement_cannot_change_what_the_request_is() -> None:
    for fixed in ("request_id", "correlation_id", "give_up_at", "follows", "priority"):
        assert fixed in ExchangeRequest.model_fields
        assert fixed not in Supplement.model_fields


def test_a_ruling_needs_a_reason_from_the_list() -> None:
    assert CaseRuling(decision="different", reason="twin_or_namesake").note is None
    for wrong in ({"decision": "different"}, {"decision": "different", "reason": "Ada Muster, born 1980"}):
        with pytest.raises(ValidationError):
            CaseRuling(**wrong)  # type: ignore[arg-type]
