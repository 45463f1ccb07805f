"""The tree against the definition of RFC 9162 and against published values."""

import hashlib

import pytest

from interpayer.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    continues,
    includes,
    inclusion_proof,
    root_of,
)

# The eight entries and roots that implementations of Certificate Transparency compare themselves with.
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves_of(size):
    return [hashlib.sha256(b"\x00" + str(number).encode()).digest() for number in range(size)]


def by_definition(leaves):
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_published_roots():
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(entry)).digest() for entry in ENTRIES]
    for size, root in ROOTS.items():
        assert root_of(leaves[:size]).hex() == root


def test_growing_by_the_frontier_gives_the_root_by_definition():
    frontier = Frontier()
    assert frontier.root == EMPTY_ROOT == by_definition([])
    for size, leaf in enumerate(leaves_of(70), 1):
        frontier.add(leaf)
        assert frontier.root == by_definition(leaves_of(size))
        assert Frontier(frontier.size, frontier.roots).root == frontier.root


def test_a_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="one root per bit"):
        Frontier(3, [b"a"])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 21, 33])
def test_inclusion_holds_for_the_right_leaf_position_size_and_root_only(size):
    leaves = leaves_of(size)
    root = root_of(leaves)
    for position, leaf in enumerate(leaves):
        proof = inclusion_proof(leaves, position)
        assert includes(root, size, position=position, leaf=leaf, proof=proof)
        assert not includes(root, size, position=position, leaf=b"x" * 32, proof=proof)
        assert not includes(b"x" * 32, size, position=position, leaf=leaf, proof=proof)
        assert not includes(root, size, position=size, leaf=leaf, proof=proof)
        assert not includes(root, size, position=position, leaf=leaf, proof=[*proof, b"x" * 32])
        for wrong in range(size):
            assert wrong == position or not includes(root, size, position=wrong, leaf=leaf, proof=proof)
        for drop in range(len(proof)):
            assert not includes(root, size, position=position, leaf=leaf, proof=proof[:drop] + proof[drop + 1 :])
    with pytest.raises(ValueError, match="no such position"):
        inclusion_proof(leaves, size)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 21, 33])
def test_consistency_holds_between_a_tree_and_its_own_past_only(size):
    leaves = leaves_of(size)
    root = root_of(leaves)
    for old_size in range(1, size + 1):
        old_root = root_of(leaves[:old_size])
        proof = consistency_proof(leaves, old_size)
        assert continues(old_root, old_size, root=root, size=size, proof=proof)
        forked = root_of([*leaves[: old_size - 1], b"x" * 32])
        assert not continues(forked, old_size, root=root, size=size, proof=proof)
        assert not continues(old_root, old_size, root=forked, size=size, proof=proof)
        assert not continues(old_root, old_size, root=root, size=size, proof=[*proof, root])
        for drop in range(len(proof)):
            assert not continues(old_root, old_size, root=root, size=size, proof=proof[:drop] + proof[drop + 1 :])
    assert not continues(root, size, root=root, size=size - 1, proof=[])
    with pytest.raises(ValueError, match="no such size"):
        consistency_proof(leaves, 0)
