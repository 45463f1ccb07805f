"""Trust communities as folders: what is read, and that what cannot be read is closed rather than open."""

import json
from pathlib import Path

import pytest

from interpayer.partners.udap.communities import Communities, CommunityInvalid, read_communities, read_community
from interpayer.system.certificates.anchors import AnchorsInvalid
from interpayer.system.certificates.chain import Broken, Chain
from tests.support.certificates import certify
from tests.support.udap import COMMUNITY, OTHER_COMMUNITY, World, moment

BASE = "https://plan-a.example/fhir"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "communities")


def test_a_community_is_read_with_its_rules(world: World) -> None:
    rules = {"organization_id": "https://plan-a.example", "purposes_of_use": ["urn:x#1"], "default": True}
    place = world.community("one", COMMUNITY, anchors=[world.root], **rules)
    us = world.certify_us("one", BASE)
    community = read_community(place)
    assert (community.name, community.uri, community.is_default) == ("one", COMMUNITY, True)
    assert community.purposes_of_use == ("urn:x#1",)
    assert community.identity is not None and community.identity.uris == (BASE,)
    assert (community.identity.algorithm, len(community.identity.chain)) == ("RS256", 2)
    assert us.key_pem.decode() not in repr(community)


def test_the_default_community_comes_first(world: World) -> None:
    world.community("zero", "https://zero.example", anchors=[world.root])
    assert [one.name for one in Communities(world.folder).current()] == ["one", "two", "zero"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "known are"),
        ("[1]", "known are"),
        ("uri: [", "cannot be read"),
        ("default: true", "uri is missing"),
        ("uri: 7", "uri must be a text"),
        (json.dumps({"uri": COMMUNITY, "urii": "x"}), "known are"),
        (json.dumps({"uri": COMMUNITY, "purposes_of_use": "x"}), "purposes_of_use must be a list"),
        (json.dumps({"uri": COMMUNITY, "certifications_required": ["https://x.example"]}), "among"),
    ],
)
def test_rules_that_do_not_hold_are_named(world: World, content: str, words: str) -> None:
    (world.folder / "one" / "community.yaml").write_text(content)
    with pytest.raises(CommunityInvalid, match=words):
        read_community(world.folder / "one")


def test_a_community_without_anchors_is_closed_and_the_others_are_not(world: World) -> None:
    (world.folder / "one" / "anchors" / "0.pem").unlink()
    with pytest.raises(AnchorsInvalid):
        read_community(world.folder / "one")
    communities = Communities(world.folder)
    assert [one.uri for one in communities.current()] == [OTHER_COMMUNITY]
    assert list(communities.broken()) == ["one"]


def test_two_communities_of_one_uri_are_one_too_many(world: World) -> None:
    world.community("zwo", COMMUNITY, anchors=[world.elsewhere])
    found, broken = read_communities(world.folder)
    assert [one.name for one in found] == ["one", "two"] and list(broken) == ["zwo"]


def test_our_key_must_be_ours_alone(world: World) -> None:
    world.certify_us("one", BASE)
    key = world.folder / "one" / "key.pem"
    key.chmod(0o644)
    with pytest.raises(CommunityInvalid, match="0600"):
        read_community(world.folder / "one")
    key.write_bytes(world.client("https://x.example").key_pem)
    key.chmod(0o600)
    with pytest.raises(CommunityInvalid, match="is not the key"):
        read_community(world.folder / "one")
    key.unlink()
    with pytest.raises(CommunityInvalid, match="cannot be read"):
        read_community(world.folder / "one")


def test_our_certificate_must_name_us_by_a_uri(world: World) -> None:
    world.certify_us("one", "plan-a.example")
    with pytest.raises(CommunityInvalid, match="no URI"):
        read_community(world.folder / "one")


def test_an_anchor_taken_away_counts_within_a_second(world: World) -> None:
    moments = iter([0.0, 0.5, 1.5])
    communities = Communities(world.folder, clock=lambda: next(moments))
    client = world.client("https://plan-b.example")
    chain = [client.party.certificate, world.middle.certificate]
    community = communities.named(COMMUNITY)
    assert community is not None and isinstance(community.vouch(chain, at=moment()), Chain)
    (world.folder / "one" / "anchors" / "0.pem").write_bytes(certify("New root", ca=True, at=moment()).pem)
    assert communities.named(COMMUNITY) == community
    changed = communities.named(COMMUNITY)
    assert changed is not None and isinstance(changed.vouch(chain, at=moment()), Broken)


def test_a_client_may_leave_out_what_the_folder_holds(world: World) -> None:
    client = world.client("https://plan-b.example")
    community = read_community(world.folder / "one")
    assert isinstance(community.vouch([client.party.certificate], at=moment()), Broken)
    (world.folder / "one" / "intermediates").mkdir()
    (world.folder / "one" / "intermediates" / "issuer.pem").write_bytes(world.middle.pem)
    known = read_community(world.folder / "one")
    assert isinstance(known.vouch([client.party.certificate], at=moment()), Chain)


def test_no_folder_means_no_community(tmp_path: Path) -> None:
    assert Communities(None).current() == () and Communities(tmp_path / "none").current() == ()
