import pytest

from interpayer.adapters.hl7v2.parsing import Damaged, read_segments

HEAD = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5\r"


def _field(line: str, number: str) -> list[dict[str, str | None]]:
    return read_segments(HEAD + line)[1][1][number]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a", [{"1": "a"}]),
        ("a^b", [{"1": "a", "2": "b"}]),
        ("^b", [{"2": "b"}]),
        ("a&x^b&&z", [{"1": "a", "1_2": "x", "2": "b", "2_3": "z"}]),
        ("a~b^c", [{"1": "a"}, {"1": "b", "2": "c"}]),
        ("a~~b", [{"1": "a"}, {"1": "b"}]),
        ('""', [{"1": None}]),
        (" a ", [{"1": "a"}]),
        ("x\\T\\y\\S\\z\\R\\\\F\\\\E\\", [{"1": "x&y^z~|\\"}]),
        ("a\\X41\\b\\XC3A9\\\\XE9\\", [{"1": "aAbéé"}]),
        ("one\\.br\\two\\H\\loud\\N\\", [{"1": "one\ntwoloud"}]),
        ("a\\Zqq\\b", [{"1": "a\\Zqq\\b"}]),
        ("C:\\temp", [{"1": "C:\\temp"}]),
    ],
)
def test_a_field_is_read_with_its_repetitions_components_and_escapes(text: str, reads: object) -> None:
    assert _field(f"PID|{text}", "1") == reads


def test_what_is_empty_is_absent() -> None:
    assert read_segments(HEAD + "PID|||x|^^|~|\r")[1][1] == {"3": [{"1": "x"}]}


def test_the_separators_are_the_ones_the_message_declares() -> None:
    segments = read_segments("MSH#*!$%#A\rPID#1#a*b!c%d$S$e\r")
    assert segments[1][1] == {"1": [{"1": "1"}], "2": [{"1": "a", "2": "b"}, {"1": "c", "1_2": "d*e"}]}


def test_msh_counts_its_own_separator_as_its_first_field() -> None:
    head = read_segments(HEAD)[0][1]
    assert head["1"] == [{"1": "|"}]
    assert head["2"] == [{"1": "^~\\&"}]
    assert head["3"] == [{"1": "A"}]
    assert head["12"] == [{"1": "2.5"}]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_segments_may_end_with_cr_lf_or_both(end: str) -> None:
    lines = ["MSH|^~\\&|A", "PID|1", "PV1|1"]
    assert [name for name, _ in read_segments(end.join(lines) + end)] == ["MSH", "PID", "PV1"]


def test_a_line_feed_inside_segments_that_end_with_cr_is_data() -> None:
    assert _field("OBX|one\ntwo\r", "1") == [{"1": "one\ntwo"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MSH|", "MSH: declares no usable delimiters"),
        ("MSH||||", "MSH: declares no usable delimiters"),
        ("MSH|^^^^|A", "MSH: declares no usable delimiters"),
        ("MSH|abcd|A", "MSH: declares no usable delimiters"),
        (HEAD + "PID|1\rno segment\r", "segment 3: does not begin with the name of a segment"),
        (HEAD + "pid|1\r", "segment 2: does not begin with the name of a segment"),
        (HEAD + "PIDX|1\r", "segment 2: does not begin with the name of a segment"),
        (HEAD + "PID" + "|" * 200_001, "MSH: more than 200000 parts in one message"),
    ],
)
def test_damage_is_named_by_its_place_and_never_by_a_value(text: str, words: str) -> None:
    with pytest.raises(Damaged) as damage:
        read_segments(text)
    assert str(damage.value) == words
