"""One transaction set taken apart into records; what is damaged is named by its segment and never given as sound.

A record is held back until the hierarchy behind it is known to be whole: a lost HL would hang it on another person.
"""

from collections.abc import Sequence
from dataclasses import astuple, replace

from interpayer.adapters.base import Found
from interpayer.adapters.x12.elements import Elements, Shape, qualifier, read_entries, read_segment, uncomposed
from interpayer.adapters.x12.frames import Frame, Whereabouts, at_path, key_of, move_of, span_of
from interpayer.adapters.x12.loops import Grammar, Open, Store
from interpayer.adapters.x12.splitting import Delimiters

INVALID = "record.invalid"
# What a record, and what a context that records share, may weigh; a segment weighs its characters and a bit more.
HEAVIEST_RECORD = 4 << 20
HEAVIEST_CONTEXT = 256 << 10
SEGMENT_WEIGHT = 32
# What separates components in the interchanges we have seen.
SEPARATORS = ":>"
# How many bytes of finished records may wait for their hierarchy; the guides allow 100 claims.
MOST_HELD = 8 << 20
NO_RECORD = 1 << 30


class Transaction:
    """Reads the segments of one transaction set; finished records stand in ``ready``, to be taken by the caller."""

    def __init__(self, grammar: Grammar, delimiters: Delimiters, where: Whereabouts) -> None:
        self.grammar = grammar
        self.delimiters = delimiters
        self.where = where
        self.ready: list[Found] = []
        self._held: list[Found] = []
        self._frames = [Frame(grammar.root, {})]
        self._record_depth = NO_RECORD
        self._began_at = 0
        self._texts = self._frames[0].texts
        self._weight = 0
        self._levels = 0
        self._held_bytes = 0
        self._is_damaged = False
        # Something was found damaged before the last level: what is missing is not of that level.
        self._is_explained = False
        self.note = ""

    def place(self, elements: Sequence[str], text: str, number: int) -> None:
        """Put one segment where the tables say it belongs; ``text`` is the segment as it came."""
        move = move_of(self._frames[-1].loop, elements)
        if move is None or (type(move) is Open and move.loop.order < self._frames[move.depth].order):
            self._misplace(elements[0], text, number, why="has no place here" if move is None else "comes too late")
            return
        if len(self._frames) > move.depth + 1:
            self._return(move.depth)
        self._weight += len(text) + SEGMENT_WEIGHT
        if self._weight > HEAVIEST_CONTEXT and self._is_too_heavy(elements[0], number):
            return
        flaw = self._flaw(move.shape, elements)
        if type(move) is Open:
            self._open(move, elements, text, number)
        elif type(move) is Store:
            self._texts.append(text)
            self._store(move, elements, number)
        if flaw:
            self.damage(number, elements[0], flaw)

    def _return(self, depth: int) -> None:
        """Leave every loop deeper than this; a record or context among them is over."""
        if depth < self._record_depth:
            self._leave(depth)
        else:
            del self._frames[depth + 1 :]

    def _flaw(self, shape: Shape, elements: Sequence[str]) -> str:
        """What a segment lacks to mean anything; "" when nothing."""
        if len(elements) <= shape.least:
            return f"ends before element {shape.least:02}"
        return self._wrong_components(shape, elements) if shape.composed else ""

    def _is_too_heavy(self, tag: str, number: int) -> bool:
        if self._weight <= HEAVIEST_RECORD and self._record_depth < NO_RECORD:
            return False
        self.damage(number, tag, "goes beyond what one record may hold")
        return True

    def take(self) -> list[Found]:
        """The records finished since it was last asked."""
        ready, self.ready = self.ready, []
        return ready

    def damage(self, number: int, tag: str, why: str) -> None:
        """Mark the open record, or else the innermost context, as not to be trusted."""
        self._is_damaged = True
        frame = self._frames[self._record_depth] if self._record_depth < NO_RECORD else self._context()
        if not frame.damage or frame.is_told:
            name = tag if tag in self.grammar.tags else "unknown"
            frame.damage, frame.damaged_at, frame.is_told = f"segment {number} ({name}) {why}", number, False

    def _misplace(self, tag: str, text: str, number: int, *, why: str) -> None:
        """Keep a segment that has no place, as long as there is room: its record shows it as it came."""
        self._weight += len(text) + SEGMENT_WEIGHT
        if self._weight <= HEAVIEST_CONTEXT or not self._is_too_heavy(tag, number):
            self._texts.append(text)
        self._misplaced(number, tag, why)

    def _misplaced(self, number: int, tag: str, why: str) -> None:
        """A segment was lost before this one, perhaps an HL: until the next level nobody knows whose records come."""
        self.damage(number, tag, why)
        if self._record_depth < NO_RECORD:
            record = self._frames[self._record_depth]
            level = next((one for one in reversed(self._frames[: self._record_depth]) if one.level), None)
            if level is not None and not level.damage:
                level.damage, level.damaged_at, level.is_told = record.damage, number, True

    def doubt(self, why: str) -> None:
        """The count is wrong: with levels, what came since the last one may be of somebody else.

        Not where a loss was seen before that level, which stands in its right place among the others.
        """
        if self.grammar.has_levels and not self._is_explained:
            self._leave(0)
            self._distrust(why)

    def close(self, cut_off: str = "") -> None:
        """The transaction set is over; ``cut_off`` says what ended it too early."""
        if cut_off and self._record_depth < NO_RECORD:
            frame = self._frames[self._record_depth]
            frame.damage = frame.damage or cut_off
        self._leave(0)
        self._end_context(self._frames[0])
        self._release()

    def _wrong_components(self, shape: Shape, elements: Sequence[str]) -> str:
        """Senders are known that declare one separator and use another: what they mean is plain in a composite."""
        for element, value in uncomposed(shape, elements, self.delimiters.component):
            meant = next((one for one in SEPARATORS if one in value and one not in astuple(self.delimiters)), "")
            if not meant:
                return f"has too few components in element {element:02}"
            self.delimiters = replace(self.delimiters, component=meant)
            self.note = "the separator of components is not the one that the ISA declares"
        return ""

    def _store(self, move: Store, elements: Sequence[str], number: int) -> None:
        content, shape = self._frames[move.depth].content, move.shape
        if shape.unfold:
            content.setdefault(shape.tag, []).extend(read_entries(shape, elements, self.delimiters))
            return
        named = read_segment(shape, elements, self.delimiters)
        if move.kept == "flat":
            if not content.keys().isdisjoint(named):
                self._misplaced(number, shape.tag, "stands here for the second time")
            content.update(named)
        elif move.kept == "list":
            content.setdefault(shape.tag, []).append(named)
        elif (about := qualifier(elements)) is not None:
            content.setdefault(f"{shape.tag}_{about}", []).append(named)
        else:
            self.damage(number, shape.tag, "has no qualifier in element 01")

    def _open(self, move: Open, elements: Sequence[str], text: str, number: int) -> None:
        loop, parent = move.loop, self._frames[move.depth]
        parent.order = loop.order
        frame = Frame(loop, read_segment(move.shape, elements, self.delimiters))
        if loop.is_level:
            self._check_level(frame, elements, number)
        if loop.is_record or loop.is_context:
            self._begin(frame, move.depth + 1, number)
        elif loop.is_many:
            siblings = parent.content.setdefault(loop.name, [])
            siblings.append(frame.content)
            if loop.is_counted and elements[1:2] != [str(len(siblings))]:
                self.damage(number, move.shape.tag, f"is not number {len(siblings)}: one before it is missing")
        elif loop.name in parent.content:
            self._misplaced(number, move.shape.tag, "begins here for the second time")
        else:
            parent.content[loop.name] = frame.content
        self._texts.append(text)
        self._frames.append(frame)

    def _begin(self, frame: Frame, depth: int, number: int) -> None:
        self._texts, self._weight = frame.texts, 0
        if frame.loop.is_record:
            self._record_depth, self._began_at = depth, number

    def _check_level(self, frame: Frame, elements: Sequence[str], number: int) -> None:
        """HL01 counts from 1 without a gap and HL02 names the level around (X12 005010 guides, B.1.1.4.3)."""
        expected, self._levels = self._levels + 1, self._levels + 1
        frame.level = elements[1] if len(elements) > 1 else ""
        if frame.level != str(expected):
            self._levels = int(frame.level) if frame.level.isascii() and frame.level.isdecimal() else expected
            self._distrust(f"segment {number} (HL) is not number {expected}: a level before it is missing")
        around = next((one.level for one in reversed(self._frames) if one.level), "")
        if (elements[2] if len(elements) > 2 else "") != around:
            why = f"segment {number} (HL) hangs on another level than the one around it"
            if self._record_depth < NO_RECORD:
                self.damage(number, "HL", "hangs on another level than the one around it")
            frame.damage, frame.damaged_at, self._is_damaged = why, number, True
        if self._record_depth == NO_RECORD:
            self._is_explained = self._is_damaged
            self._release()

    def _distrust(self, why: str) -> None:
        """Nothing since the last good level is certain to be of the person it hangs on."""
        self._is_damaged = True
        self._held = [
            found if found.problem else replace(found, content=None, problem=INVALID, detail=why)
            for found in self._held
        ]
        if self._record_depth < NO_RECORD:
            frame = self._frames[self._record_depth]
            frame.damage = frame.damage or why

    def _leave(self, depth: int) -> None:
        """Close every loop deeper than ``depth``; a record that ends by it is finished."""
        while len(self._frames) > depth + 1:
            frame = self._frames.pop()
            if frame.loop.is_record:
                self._finish(frame)
            elif frame.loop.is_context:
                self._end_context(frame)
        self._texts, self._weight = self._context().texts, 0

    def _finish(self, frame: Frame) -> None:
        self._record_depth = NO_RECORD
        read = self._content(frame)
        damage = self._first_damage(frame, read)
        content = None if damage else read
        self._hold(
            Found(
                self.grammar.entity,
                content,
                self._raw([*(text for one in self._frames for text in one.texts), *frame.texts]),
                self.where.file,
                self._began_at,
                key=key_of(self.grammar, content) if content else "",
                problem=INVALID if damage else None,
                detail=damage or self.note,
            )
        )

    def _first_damage(self, record: Frame, content: Elements) -> str:
        """What is wrong with the record or with a context it stands in; "" when it is sound."""
        for one in (*self._frames, record):
            if one.damage:
                one.is_told = True
                return one.damage
        missing = [".".join(path) for path in self.grammar.needs if not at_path(content, path)]
        return f"the record that begins at segment {self._began_at} has no {missing[0]}" if missing else ""

    def _end_context(self, frame: Frame) -> None:
        """Damage to a context that no record of it told is told of itself, or nobody would know."""
        if frame.damage and not frame.is_told:
            at, raw = frame.damaged_at, self._raw(frame.texts)
            self._hold(Found(self.grammar.entity, None, raw, self.where.file, at, problem=INVALID, detail=frame.damage))

    def _content(self, frame: Frame) -> Elements:
        content = {"envelope": self.where.envelope, **self._frames[0].content}
        for one in self._frames[1:]:
            content[one.loop.name] = one.content
        content[frame.loop.name] = {**frame.content, **span_of(self.grammar, frame.content)}
        return content

    def _raw(self, texts: Sequence[str]) -> bytes:
        end = self.delimiters.segment
        return (self.where.before + "".join(text + end for text in texts)).encode("latin-1")

    def _hold(self, found: Found) -> None:
        self._held.append(found)
        self._held_bytes += len(found.raw)
        if not self.grammar.has_levels or self._held_bytes > MOST_HELD:
            self._release()

    def _release(self) -> None:
        self.ready += self._held
        self._held, self._held_bytes = [], 0

    def _context(self) -> Frame:
        return next(one for one in reversed(self._frames) if one.loop.is_context or one.loop is self.grammar.root)
