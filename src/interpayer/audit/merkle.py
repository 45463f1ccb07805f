"""The Merkle tree of RFC 9162: growing it by a frontier, proofs of inclusion and consistency (no I/O)."""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree that keeps only the roots of its full subtrees, largest first: log n hashes."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if len(roots) != size.bit_count():
            raise ValueError("a frontier has one root per bit of its size")
        self.size = size
        self.roots = list(roots)

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        merges = (self.size ^ (self.size + 1)).bit_length() - 1
        for _ in range(merges):
            leaf = node(self.roots.pop(), leaf)
        self.roots.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append many leaf hashes."""
        for leaf in leaves:
            self.add(leaf)

    @property
    def root(self) -> bytes:
        """The root of everything added so far."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over all leaves."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """The hashes that lead from one leaf to the root over `leaves` (RFC 9162, 2.1.3.1)."""
    if not 0 <= position < len(leaves):
        raise ValueError("no such position")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if position < k:
        return [*inclusion_proof(leaves[:k], position), root_of(leaves[k:])]
    return [*inclusion_proof(leaves[k:], position - k), root_of(leaves[:k])]


def includes(root: bytes, size: int, *, position: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `leaf` stands at `position` of the tree of that size and root (RFC 9162, 2.1.3.2)."""
    sides = _sides(position, size - 1, len(proof)) if 0 <= position < size else None
    if sides is None:
        return False
    for is_left, step in zip(sides, proof, strict=True):
        leaf = node(step, leaf) if is_left else node(leaf, step)
    return leaf == root


def _sides(first: int, last: int, steps: int) -> list[bool] | None:
    """On which side each step of a proof stands (True: left); None if there must be another number of steps."""
    sides = []
    for _ in range(steps):
        if last == 0:
            return None
        is_left = bool(first & 1) or first == last
        sides.append(is_left)
        while is_left and first and not first & 1:
            first, last = first >> 1, last >> 1
        first, last = first >> 1, last >> 1
    return sides if last == 0 else None


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """The hashes that show the tree over `leaves` to continue its own first `old_size` (RFC 9162, 2.1.4.1)."""
    if not 0 < old_size <= len(leaves):
        raise ValueError("no such size")
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = _split(len(leaves))
    if old_size <= k:
        return [*_subproof(leaves[:k], old_size, whole=whole), root_of(leaves[k:])]
    return [*_subproof(leaves[k:], old_size - k, whole=False), root_of(leaves[:k])]


def continues(old_root: bytes, old_size: int, *, root: bytes, size: int, proof: Sequence[bytes]) -> bool:
    """Whether the tree (`size`, `root`) begins with the tree (`old_size`, `old_root`) (RFC 9162, 2.1.4.2)."""
    if old_size == size:
        return not proof and old_root == root
    if not 0 < old_size < size:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    shift = (old_size & -old_size).bit_length() - 1
    sides = _sides((old_size - 1) >> shift, (size - 1) >> shift, len(path) - 1) if path else None
    if sides is None:
        return False
    old = new = path[0]
    for is_left, step in zip(sides, path[1:], strict=True):
        old = node(step, old) if is_left else old
        new = node(step, new) if is_left else node(new, step)
    return old == old_root and new == root
