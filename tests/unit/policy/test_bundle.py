"""A policy that does not hold does not load; its version is its content."""

from datetime import datetime

import pytest

from interpayer.model.reason import REASONS
from interpayer.policy.bundle import read_bundle
from interpayer.policy.composing import load_bundle

BUNDLE = load_bundle()
FILES = dict(BUNDLE.files)


def changed(name, old, new):
    assert old in FILES[name]
    return {**FILES, name: FILES[name].replace(old, new)}


def test_numbers_are_typed():
    assert BUNDLE.exchange.token_s <= 300, "SMART Backend Services: five minutes at most"
    assert (BUNDLE.exchange.payload_years, BUNDLE.clock.business_days, BUNDLE.clock.request_days) == (5, 1, 7)
    assert BUNDLE.clock.run_off_days == (30, 90, 180)
    assert 0 < BUNDLE.breaker.open_s < BUNDLE.breaker.open_most_s
    received = datetime.fromisoformat("2026-11-17T12:00:00-05:00")
    assert BUNDLE.clock.respond_by(received, "America/New_York") > received
    assert (BUNDLE.clock.give_up_at(received) - received).days == BUNDLE.clock.give_up_days
    assert (BUNDLE.clock.request_by(received) - received).days == 7


def test_the_version_is_the_content():
    assert load_bundle().version == BUNDLE.version
    deciding = [name for name in FILES if name != "cases.yaml"]
    others = {read_bundle({**FILES, name: FILES[name] + "\n"}).version for name in deciding}
    assert len(others | {BUNDLE.version}) == len(deciding) + 1


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("never.cedar", "context.releases_held", "context.release_held", "never-while-held"),
        ("never.cedar", '"retired"].contains(principal.status)', '"retired"].contains(principal.state)', "state"),
        ("never.cedar", "!context.certificate_bound", "!context.environment", "never-unbound"),
        ("never.cedar", '@reason("system.restored")', "", "never-while-held"),
        ("never.cedar", '@reason("system.restored")', '@reason("system.holiday")', "never-while-held"),
        ("never.cedar", '@id("never-unbound")', '@id("never-suspended")', "never-suspended"),
        ("never.cedar", '@id("never-unbound")', '@id("never-unbound")\n@obligations("notify_member")', "of a no"),
        ("payload.cedar", "attach_part2_notice", "attach_a_bow", "attach_a_bow"),
        ("payload.cedar", "attach_part2_notice", "withhold:", "withhold:"),
        ("payload.cedar", "attach_part2_notice", "notify_member", "notify_member' for release"),
        ("people.cedar", "tell_afterwards", "withhold:hiv", "withhold:hiv' for look"),
        ("ask.cedar", '@id("ask-consented")', '@id("ask-consented")\n@obligations("withhold:hiv")', "for send"),
        (
            "answer.cedar",
            '@id("answer-consented")',
            '@id("answer-consented")\n@obligations("notify_member")',
            "download",
        ),
        ("payload.cedar", "attach_part2_notice", "notify_member:soon", "notify_member:soon"),
        ("never.cedar", '@id("never-unbound")', "", "@id"),
        ("answer.cedar", "permit (", "permitted (", "policy"),
        ("policy.yaml", "token_s: 300", "token_s: 301", "token_s"),
        ("policy.yaml", "token_s: 300", 'token_s: "300"', "token_s"),
        ("policy.yaml", "token_s: 300", "token_s: true", "token_s"),
        ("policy.yaml", "token_s: 300", "token_s: -1", "token_s"),
        ("policy.yaml", "tell_consent_refusal: false", "tell_consent_refusal: 0", "tell_consent_refusal"),
        ("policy.yaml", "token_s:", "tokens:", "exchange"),
        ("policy.yaml", "probe_s: 60", "", "breaker"),
        ("policy.yaml", "format: 1", "format: 9", "format"),
        ("policy.yaml", "us_federal", "moon", "calendar"),
        ("policy.yaml", "open_most_s: 900", "open_most_s: soon", "open_most_s"),
        ("policy.yaml", "person: [4, 6, 10]", "person: [4, 6]", "guessing.person"),
        ("policy.yaml", "person: [4, 6, 10]", "person: [6, 4, 10]", "guessing.person"),
        ("policy.yaml", "person: [4, 6, 10]", "person: [0, 6, 10]", "guessing.person"),
        ("policy.yaml", "person: [4, 6, 10]", "person: [4, 6.5, 10]", "guessing.person"),
        ("policy.yaml", "person: [4, 6, 10]", "person: some", "guessing.person"),
        ("policy.yaml", "  misses: [500, 1000, 3000]", "  hits: [500, 1000, 3000]", "guessing.misses"),
        ("policy.yaml", "near_share: 0.3", "near_share: 3.0", "share"),
        ("policy.yaml", "window_days: 30", "window_days: soon", "window_days"),
        ("policy.yaml", "slow_s: 30 ", "slow_s: 3000 ", "slow_s"),
        ("policy.yaml", "\nguessing:", "\nguesses:", "guess"),
        ("policy.yaml", "without_money: true", "without_money: 1", "without_money"),
        ("policy.yaml", "answer_review: no_match", "answer_review: 5", "answer_review"),
        ("policy.yaml", "  poll: {", "  pull: {", "retries"),
        ("policy.yaml", "  file: {per_minute: 2400", "  files: {per_minute: 2400", "rates"),
        ("policy.yaml", "  file: {per_minute: 2400", "  file: {per_minute: many", "rates.file.per_minute"),
        ("policy.yaml", "  requests: {what: request,", "  requests: {what: gossip,", "retention.requests"),
        ("policy.yaml", "  requests: {what: request,", "  requests: {what: request, role: responder,", "request needs"),
        ("policy.yaml", "keep_days: 400", "keep_days: 0", "retention.decisions"),
        ("policy.yaml", "keep_days: 400", "keep_days: 400, until: never", "until"),
        ("policy.yaml", "keep_days: 400", "keep_days: 400, role: 4", "words"),
        ("policy.yaml", "failures: {}", "failures: {ledger: open}", "failures.ledger"),
        ("policy.yaml", "failures: {}", "failures: {lodger: open}", "failures.lodger"),
        ("policy.yaml", "failures: {}", "failures: {certificate_revocation: open}", "certificate_revocation"),
        ("failures.yaml", "{then: open, because", "{then: maybe, because", "known"),
        ("failures.yaml", "database: {then: closed, because", "database: {then: closed, why", "database"),
        ("policy.yaml", "format: 1", "format: [1", "YAML"),
    ],
)
def test_what_does_not_hold_does_not_load(name, old, new, told):
    with pytest.raises(ValueError, match=told):
        read_bundle(changed(name, old, new))


@pytest.mark.parametrize("name", ["policy.yaml", "schema.cedarschema", "failures.yaml"])
def test_a_missing_file_stops_the_start(name):
    with pytest.raises(ValueError, match="needed"):
        read_bundle({n: t for n, t in FILES.items() if n != name})


def test_every_no_has_a_reason_of_the_catalog():
    forbids = [rule for rule in BUNDLE.rules.values() if rule.is_forbid]
    assert {rule.id for rule in forbids if rule.file == "never.cedar"} == {
        *("never-while-held", "never-across-environments", "never-unbound", "never-suspended", "never-quarantined"),
        *("never-outside-the-agreement", "never-a-withheld-type", "never-a-withheld-label", "never-unlabelled"),
        *("never-of-any-kind", "never-psychotherapy-notes", "never-under-legal-hold"),
    }
    assert {rule.reason for rule in forbids} <= set(REASONS)
