"""Records of X12: one a claim, payment, member, event; damage is named by its segment and costs what it touches."""

import re
from pathlib import Path
from typing import Any

import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.x12.reading import read_again
from tests.support.x12 import a_claim, a_payment, a_subscriber, claim_set, interchange, read

OWN = Path(__file__).parent / "data"
TWO = claim_set(a_subscriber(a_claim("C-1"), a_claim("C-2")), a_subscriber(a_claim("C-3"), member="OWN0008"))


def content_of(found: Found) -> dict[str, Any]:
    assert found.content is not None, found.detail
    return found.content


def outcomes(found: list[Found]) -> list[tuple[str, str]]:
    """The claim number of what was read, the reason of what was not."""
    return [
        ("claim", one.content["claim"]["CLM01"]) if one.content else (str(one.problem), one.detail) for one in found
    ]


def without(segments: list[str], start: str, *, nth: int = 0) -> list[str]:
    at = [i for i, segment in enumerate(segments) if segment.startswith(start)][nth]
    return [*segments[:at], *segments[at + 1 :]]


def test_a_claim_stands_with_what_it_hangs_on() -> None:
    content = content_of(read(interchange("837P", TWO))[2])
    assert content["claim"]["CLM05_3"] == "1"
    assert content["claim"]["HI"] == [{"HI_1": "ABK", "HI_2": "J069"}, {"HI_1": "ABF", "HI_2": "E119"}]
    assert content["subscriber"]["person"]["NM109"] == "OWN0008"
    assert content["subscriber"]["person"]["DMG_from"] == "1991-04-02"
    assert content["billing"]["provider"]["REF_EI"] == [{"REF01": "EI", "REF02": "111223333"}]
    assert [line["SV101_2"] for line in content["claim"]["lines"]] == ["99213", "J1100"]
    assert content["claim"]["lines"][1]["drug"][0]["LIN03"] == "00069003201"
    assert (content["claim"]["first_day"], content["claim"]["last_day"]) == ("2024-03-05", "2024-03-06")
    assert content["envelope"]["created_at"] == "2024-03-12T09:15"


def test_positions_and_keys_name_each_record() -> None:
    found = read(interchange("837P", TWO) * 2)
    assert [one.key for one in found[:3]] == [f"1234567893|C-{n}" for n in (1, 2, 3)]
    assert len({one.position for one in found}) == len(found) == 6
    assert all(one.entity == "x12.837P" and one.file == "case.x12" for one in found)


def test_the_key_of_a_member_is_stable_and_names_nobody() -> None:
    member = ["BGN*00*E1*20240101*0915****2", "N1*P5*OWN EMPLOYER*FI*1", "INS*Y*18*021*20*A***FT", "REF*0F*OWN0007"]
    raw = interchange("834", [*member, "NM1*IL*1*ROE*RITA", "DMG*D8*19910402*F"])
    [one], [same], [other] = read(raw), read(raw), read(raw.replace(b"RITA", b"RIKE"))
    assert one.key == same.key != other.key
    assert len(one.key) == 20 and "OWN0007" not in one.key


def test_adjustments_and_composites_of_a_payment() -> None:
    payment = content_of(read(interchange("835", a_payment()))[0])["payment"]
    assert payment["lines"][0]["CAS"] == [{"CAS01": "CO", "CAS02": "45", "CAS03": "20"}]
    assert payment["lines"][1]["SVC01_3"] == "25"
    assert payment["DTM_050"][0]["DTM_from"] == "2024-03-13"


def test_payments_without_a_header_number_are_read() -> None:
    payment = [one for one in a_payment() if not one.startswith("LX")]
    assert content_of(read(interchange("835", payment))[0])["payment"]["CLP01"] == "C-1"


def test_several_adjustments_in_one_segment() -> None:
    several = [*a_payment(), "CAS*PR*1*21.89**2*15.00*3"]
    line = content_of(read(interchange("835", several))[0])["payment"]["lines"][1]
    assert line["CAS"] == [
        {"CAS01": "PR", "CAS02": "1", "CAS03": "21.89"},
        {"CAS01": "PR", "CAS02": "2", "CAS03": "15.00", "CAS04": "3"},
    ]


@pytest.mark.parametrize("name", ["dental.837", "question.278", "answer.278"])
def test_own_files_are_read_whole(name: str) -> None:
    assert [one.problem for one in read((OWN / name).read_bytes())] == [None]


def test_a_review_has_its_services_below_its_event() -> None:
    event = content_of(read((OWN / "answer.278").read_bytes())[0])["event"]
    assert [service["HCR01"] for service in event["services"]] == ["A1", "A3"]


def test_a_record_can_be_read_again_from_its_bytes() -> None:
    sources = [interchange("837P", TWO), interchange("835", a_payment()), (OWN / "answer.278").read_bytes()]
    for found in (one for raw in sources for one in read(raw)):
        assert read_again(found.raw, found.file).content == found.content is not None


def test_a_lost_level_costs_every_record_whose_person_it_makes_uncertain() -> None:
    found = outcomes(read(interchange("837P", without(TWO, "HL*3"))))
    assert not [one for one in found if one[0] == "claim" and one[1] in ("C-2", "C-3")]


def test_a_lost_level_between_others_is_seen_by_its_number() -> None:
    three = claim_set(*(a_subscriber(a_claim(f"C-{n}"), member=f"OWN{n}") for n in range(4)))
    found = outcomes(read(interchange("837P", without(three, "HL*3"))))
    assert ("claim", "C-0") not in found and ("claim", "C-1") not in found
    assert ("claim", "C-2") in found and ("claim", "C-3") in found


def test_a_level_that_hangs_elsewhere_costs_its_records_only() -> None:
    wrong = [segment.replace("HL*2*1*22", "HL*2*9*22") for segment in TWO]
    found = outcomes(read(interchange("837P", wrong)))
    assert [kind for kind, _ in found] == ["record.invalid", "record.invalid", "claim"]


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("LX*1", "(SV1) has no place here"),
        ("NM1*IL", "(N3) has no place here"),
        ("CLM*C-2", "(NM1) comes too late"),
        ("SBR", "has no subscriber.SBR01"),
    ],
)
def test_what_a_lost_segment_touches_is_not_given_as_sound(lost: str, words: str) -> None:
    found = read(interchange("837P", without(TWO, lost)))
    assert {"C-1", "C-2"} - {key for kind, key in outcomes(found) if kind == "claim"}
    assert ("claim", "C-3") in outcomes(found)
    assert any(words in one.detail for one in found if one.problem)


def test_a_wrong_count_costs_what_came_since_the_last_level() -> None:
    raw = interchange("837P", TWO).replace(b"SE*", b"SE*9")
    found = read(raw)
    assert [one.problem for one in found] == [None, None, "record.invalid", "source.invalid"]
    assert found[-1].detail.startswith(f"segment {found[-1].position} (SE)")


def test_a_count_that_is_wrong_for_a_loss_seen_before_costs_no_more() -> None:
    raw = interchange("837P", TWO)
    found = read(raw.replace(b"CLM*C-1*100***11:B:1*Y*A*Y*Y~", b""))
    assert [one.problem for one in found] == ["record.invalid", None, "source.invalid"]
    assert ("claim", "C-3") in outcomes(found)


def test_a_wrong_count_of_payments_is_told_and_they_are_used() -> None:
    raw = interchange("835", [*a_payment(), *a_payment("C-2")[8:]]).replace(b"SE*", b"SE*9")
    assert [one.problem for one in read(raw)] == [None, None, "source.invalid"]


def test_wrong_control_numbers_are_told() -> None:
    raw = interchange("837P", TWO)
    for old, new in [(b"GE*1*7", b"GE*1*8"), (b"IEA*1*000000007", b"IEA*1*000000008")]:
        assert [one.problem for one in read(raw.replace(old, new))] == [None, None, None, "source.invalid"]


def test_a_file_that_is_cut_off_keeps_what_was_whole() -> None:
    raw = interchange("837P", TWO)
    found = read(raw[: raw.index(b"SV1*HC:J1100*40*UN*2***1:2~DTP*472*RD8*20240305-20240306~LIN", raw.index(b"C-2"))])
    assert outcomes(found)[0] == ("claim", "C-1")
    assert {one.problem for one in found[1:]} == {"record.invalid", "source.invalid"}
    assert not [one for one in outcomes(found) if one == ("claim", "C-2")]


def test_other_transactions_and_versions_are_named() -> None:
    inquiry = interchange("837P", ["BHT*0022*13"]).replace(b"ST*837", b"ST*270")
    old = interchange("837P", TWO).replace(b"005010X222A1", b"004010X098A1")
    unknown = interchange("837P", ["ZZZ*1"]).replace(b"ST*837", b"ST*123")
    interchanges = interchange("837P").replace(b"GS*", b"TA1*000000007*240312*0915*A*000~GS*")
    found = read(inquiry + old + unknown + interchanges)
    assert [(one.entity, one.problem) for one in found] == [
        ("x12.270", "record.out_of_scope"),
        ("x12.837", "record.unsupported_version"),
        ("x12", "record.out_of_scope"),
        ("x12.TA1", "record.out_of_scope"),
    ]
    assert all(one.raw and one.detail for one in found)


def test_another_separator_of_components_than_declared_is_understood_and_told() -> None:
    raw = interchange("837P", claim_set(a_subscriber([one.replace(":", ">") for one in a_claim()])))
    [found] = read(raw)
    assert content_of(found)["claim"]["HI"] == [{"HI_1": "ABK", "HI_2": "J069"}, {"HI_1": "ABF", "HI_2": "E119"}]
    assert "separator" in found.detail


def test_a_service_without_its_code_is_damaged() -> None:
    wrong = [one.replace("SVC*HC:J1100", "SVC*HC") for one in a_payment()]
    [found] = read(interchange("835", wrong))
    assert (found.problem, found.content) == ("record.invalid", None)
    assert "(SVC)" in found.detail


def test_a_claim_that_lacks_what_gives_it_sense_costs_itself_only() -> None:
    wrong = [one.replace("CLM*C-1*100***11:B:1", "CLM*C-1*100***11") for one in TWO]
    assert [kind for kind, _ in outcomes(read(interchange("837P", wrong)))] == ["record.invalid", "claim", "claim"]


def test_letters_of_the_world_are_read_and_control_characters_refused() -> None:
    utf8 = interchange("837P", claim_set(a_subscriber(a_claim(), name="MUÑOZ*ÉVA"))).decode("latin-1").encode("utf-8")
    latin = interchange("837P", claim_set(a_subscriber(a_claim(), name="MUÑOZ*ÉVA")))
    for raw in (utf8, latin):
        assert content_of(read(raw)[0])["subscriber"]["person"]["NM103"] == "MUÑOZ"
    broken = interchange("837P", claim_set(a_subscriber(a_claim(), name="MU\x02OZ*EVA")))
    assert [one.problem for one in read(broken)] == ["record.invalid"]


@pytest.mark.parametrize("broken", ["ROE*RITA", "RITA", "~ROE~", "QQ*IL*1*ROE*RITA", "NM1*IL~ROE~RITA"])
def test_details_never_hold_a_value(broken: str) -> None:
    wrong = [one.replace("NM1*IL*1*ROE*RITA", broken) for one in TWO]
    found = read(interchange("837P", wrong))
    assert any(one.problem for one in found)
    for one in found:
        assert not {"ROE", "RITA", "OWN0007", "C-1"} & set(re.findall(r"[A-Z0-9-]+", one.detail))


def test_more_than_a_record_may_hold_is_refused_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.adapters.x12.transaction.HEAVIEST_RECORD", 20_000)
    monkeypatch.setattr("interpayer.adapters.x12.transaction.HEAVIEST_CONTEXT", 2_000)
    huge = [*a_claim("C-1"), *["NTE*ADD*" + "X" * 60] * 500]
    found = outcomes(read(interchange("837P", claim_set(a_subscriber(huge, a_claim("C-2"))))))
    assert found[0][0] == "record.invalid" and "hold" in found[0][1]
    assert found[1] == ("claim", "C-2")
