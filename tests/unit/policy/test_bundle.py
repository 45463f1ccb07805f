"""A policy that does not hold does not load; its version is its content."""

from datetime import datetime

import pytest

from interpayer.model.reason import REASONS
from interpayer.policy.bundle import load_bundle, read_bundle

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
    others = {read_bundle(changed(name, "\n", "\n\n")).version for name in FILES}
    assert len(others | {BUNDLE.version}) == len(FILES) + 1


def test_a_folder_of_ones_own(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "notes.txt").write_text("not part of the policy", "utf-8")
    assert load_bundle(tmp_path).version == BUNDLE.version


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("never.cedar", "context.releases_held", "context.release_held", "never-while-held"),
        ("never.cedar", '"retired"].contains(principal.status)', '"retired"].contains(principal.state)', "state"),
        ("never.cedar", "!context.certificate_bound", "!context.environment", "never-unbound"),
        ("never.cedar", '@reason("system.restored")', "", "never-while-held"),
        ("never.cedar", '@reason("system.restored")', '@reason("system.holiday")', "never-while-held"),
        ("never.cedar", '@id("never-unbound")', '@id("never-suspended")', "never-suspended"),
        ("never.cedar", '@id("never-unbound")', "", "@id"),
        ("answer.cedar", "permit (", "permitted (", "policy"),
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
    ],
)
def test_what_does_not_hold_does_not_load(name, old, new, told):
    with pytest.raises(ValueError, match=told):
        read_bundle(changed(name, old, new))


@pytest.mark.parametrize("name", ["policy.yaml", "schema.cedarschema"])
def test_a_missing_file_stops_the_start(name):
    with pytest.raises(ValueError, match="needed"):
        read_bundle({n: t for n, t in FILES.items() if n != name})


def test_every_no_has_a_reason_of_the_catalog():
    forbids = [rule for rule in BUNDLE.rules.values() if rule.id.startswith("never-")]
    assert len(forbids) == 6
    assert {rule.reason for rule in forbids} <= set(REASONS)
