"""Laws of the ledger: what was written verifies; any changed bit of it does not; older heads stay provable."""

import base64
import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.audit.chain import GENESIS, canonical, event_hash, frame_hash, header_of
from interpayer.audit.checkpoint import Head, VerifierKey, write_note
from interpayer.audit.evidence import Checkpoint, Entry, Source, Tip
from interpayer.audit.merkle import Frontier, consistency_proof, continues, root_of
from interpayer.audit.verify import verify
from tests.support.ledgers import ORIGIN, an_event, signing_key

KEY = signing_key()
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
START_US = 1_763_700_000_000_000
EDITS_PER_COLUMN = 25

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
books = st.lists(st.tuples(st.integers(0, 3), st.dictionaries(words, values, max_size=3)), min_size=4, max_size=24)


def a_book(written, each=4):
    """Entries, checkpoints and tips as the database would keep them, a checkpoint after every few events."""
    entries, checkpoints, ends, tree = [], [], {}, Frontier()
    for position, (chain_number, facts) in enumerate(written):
        chain = f"x-{chain_number}"
        frame = b"frame %d" % position
        event = an_event(chain, partner_id="plan-b", exchange_id=chain, facts=facts)
        header = header_of(event, "pseudonym", {"name": ("00" * 32, frame_hash(frame))})
        seq, prev, _ = ends.get(chain, (0, GENESIS, 0))
        at_us = START_US + position
        hash_ = event_hash(chain, seq + 1, at_us=at_us, prev=prev, header=header)
        ends[chain] = (seq + 1, hash_, at_us)
        tree.add(hash_)
        place = {"chain": chain, "seq": seq + 1, "at_us": at_us, "prev": prev, "header": header, "hash": hash_}
        copies = {"name": event.name, "partner": "plan-b", "member": "pseudonym", "exchange": chain}
        body = {"name": base64.b64encode(frame).decode()}
        entries.append(Entry(**place, **copies, body=body, position=position, checkpoint=position // each + 1))
        if tree.size % each == 0 or tree.size == len(written):
            at_s = START_US // 1_000_000 + 1
            note = write_note(VERIFIER, Head(tree.size, tree.root, at_s), KEY.sign)
            number = len(checkpoints) + 1
            row = Checkpoint(number, tree.size, tree.root, at_s * 1_000_000, tuple(tree.roots), note)
            checkpoints.append(row)
    return Source(entries, checkpoints, [Tip(chain, *end) for chain, end in ends.items()])


def other(value, draw):
    """The value with one bit changed."""
    match value:
        case int():
            return value ^ (1 << draw(st.integers(0, 40)))
        case bytes():
            place = draw(st.integers(0, len(value) - 1))
            return value[:place] + bytes([value[place] ^ (1 << draw(st.integers(0, 7)))]) + value[place + 1 :]
        case str():
            place = draw(st.integers(0, len(value) - 1))
            return value[:place] + chr(ord(value[place]) ^ (1 << draw(st.integers(0, 6)))) + value[place + 1 :]
        case tuple():
            place = draw(st.integers(0, len(value) - 1))
            return (*value[:place], other(value[place], draw), *value[place + 1 :])
        case dict():
            return {name: other(item, draw) for name, item in value.items()}
    raise TypeError(type(value))


@given(books)
@settings(max_examples=40, deadline=None)
def test_what_was_written_verifies(written):
    verdict = verify(a_book(written), VERIFIER)
    assert verdict.intact, verdict.findings


@given(st.data(), books)
@settings(max_examples=EDITS_PER_COLUMN, deadline=None)
def test_one_changed_bit_in_any_column_is_found(data, written):
    """Each example changes every column once."""
    book = a_book(written)
    for part in ("entries", "checkpoints", "tips"):
        rows = getattr(book, part)
        for column in (field.name for field in dataclasses.fields(rows[0])):
            place = data.draw(st.integers(0, len(rows) - 1))
            edited = dataclasses.replace(rows[place], **{column: other(getattr(rows[place], column), data.draw)})
            changed = [*rows[:place], edited, *rows[place + 1 :]]
            verdict = verify(dataclasses.replace(book, **{part: changed}), VERIFIER)
            assert not verdict.intact, (part, column, rows[place], edited)


@given(st.data(), books)
@settings(max_examples=30, deadline=None)
def test_a_missing_doubled_or_moved_event_is_found(data, written):
    book = a_book(written)
    entries = book.entries
    first = data.draw(st.integers(0, len(entries) - 1))
    second = data.draw(st.integers(0, len(entries) - 1).filter(lambda place: place != first))
    moved = list(entries)
    moved[first], moved[second] = moved[second], moved[first]
    for changed in (
        [*entries[:first], *entries[first + 1 :]],
        [*entries[:first], entries[first], *entries[first:]],
        moved,
    ):
        assert not verify(dataclasses.replace(book, entries=changed), VERIFIER).intact


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_an_older_head_stays_provable_and_a_forked_one_does_not(leaves, data):
    old_size = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(leaves, old_size)
    size, root = len(leaves), root_of(leaves)
    assert continues(root_of(leaves[:old_size]), old_size, root=root, size=size, proof=proof)
    place = data.draw(st.integers(0, old_size - 1))
    forked = [*leaves[:place], bytes(byte ^ 1 for byte in leaves[place]), *leaves[place + 1 :]]
    assert not continues(root_of(forked[:old_size]), old_size, root=root, size=size, proof=proof)


@given(values)
@settings(max_examples=100, deadline=None)
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value):
    def turned(item):
        if isinstance(item, dict):
            return {name: turned(item[name]) for name in reversed(item)}
        return [turned(part) for part in item] if isinstance(item, list) else item

    assert canonical(value) == canonical(turned(value))
