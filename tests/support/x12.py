"""X12 interchanges built for tests: envelopes with right counts around the segments of a case."""

import io
from collections.abc import Sequence
from itertools import count

from interpayer.adapters.base import Found
from interpayer.adapters.x12.reading import read_x12

GUIDES = {
    "837P": ("837", "HC", "005010X222A1"),
    "837I": ("837", "HC", "005010X223A2"),
    "837D": ("837", "HC", "005010X224A2"),
    "835": ("835", "HP", "005010X221A1"),
    "834": ("834", "BE", "005010X220A1"),
    "278": ("278", "HI", "005010X217"),
}
ISA = "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*{day}*0915*^*00501*{control:09}*0*T*:"


def interchange(kind: str, *sets: Sequence[str], day: str = "20240312", control: int = 7) -> bytes:
    """One interchange with one group of these transaction sets, whose segments come without ST and SE."""
    code, group, guide = GUIDES[kind]
    isa = ISA.format(sender="SENDER", receiver="OWNPLAN", day=day[2:], control=control)
    segments = [isa, f"GS*{group}*SENDER*OWNPLAN*{day}*0915*{control}*X*{guide}"]
    for number, body in enumerate(sets, start=1):
        st = f"ST*{code}*{number:04}" + ("" if kind == "835" else f"*{guide}")
        segments += [st, *body, f"SE*{len(body) + 2}*{number:04}"]
    segments += [f"GE*{len(sets)}*{control}", f"IEA*1*{control:09}"]
    return "".join(f"{segment}~" for segment in segments).encode("latin-1")


def read(raw: bytes) -> list[Found]:
    """Everything found in these bytes."""
    return list(read_x12(io.BytesIO(raw), "case.x12"))


def claim_set(*patients: Sequence[str], day: str = "20240312") -> list[str]:
    """The segments of an 837P: submitter, receiver, one billing provider, and these patients with their HL numbered."""
    numbers = count(2)
    segments = [
        f"BHT*0019*00*B1*{day}*0915*CH", "NM1*41*2*SENDER*****46*S1", "PER*IC*ANN*TE*5555550100",
        "NM1*40*2*OWN PLAN*****46*OP1", "HL*1**20*1", "NM1*85*2*OWN CLINIC*****XX*1234567893", "N3*1 MAIN ST",
        "N4*SMALLTOWN*OH*43001", "REF*EI*111223333",
    ]  # fmt: skip
    for patient in patients:
        segments += [f"HL*{next(numbers)}{one[4:]}" if one.startswith("HL*?") else one for one in patient]
    return segments


def a_subscriber(*claims: Sequence[str], member: str = "OWN0007", name: str = "ROE*RITA") -> list[str]:
    """A subscriber who is the patient, with claims."""
    head = [
        "HL*?*1*22*0", "SBR*P*18*GRP7******CI", f"NM1*IL*1*{name}****MI*{member}", "N3*9 ELM ST",
        "N4*SMALLTOWN*OH*43001", "DMG*D8*19910402*F", "NM1*PR*2*OWN PLAN*****PI*OP1",
    ]  # fmt: skip
    return [*head, *(segment for claim in claims for segment in claim)]


def a_claim(number: str = "C-1", *, frequency: str = "1", original: str = "", charge: str = "100") -> list[str]:
    """A professional claim with two lines."""
    return [
        f"CLM*{number}*{charge}***11:B:{frequency}*Y*A*Y*Y", *([f"REF*F8*{original}"] if original else []),
        "HI*ABK:J069*ABF:E119", "NM1*82*1*HAND*HANK****XX*1234567893", "PRV*PE*PXC*207Q00000X",
        "LX*1", "SV1*HC:99213:25*60*UN*1***1", "DTP*472*D8*20240305", "REF*6R*L1",
        "LX*2", "SV1*HC:J1100*40*UN*2***1:2", "DTP*472*RD8*20240305-20240306", "LIN**N4*00069003201", "CTP****2*UN",
    ]  # fmt: skip


def a_payment(claim: str = "C-1", *, status: str = "1", number: str = "P-1", charge: str = "100") -> list[str]:
    """The segments of an 835 with one payment, adjusted on its second line."""
    return [
        "BPR*I*80*C*CHK************20240401", "TRN*1*T1*1999999999", "DTM*405*20240401",
        "N1*PR*OWN PLAN*XV*OP1", "N3*1 PLAN WAY", "N4*SMALLTOWN*OH*43001",
        "N1*PE*OWN CLINIC*XX*1234567893", "LX*1",
        f"CLP*{claim}*{status}*{charge}*80**12*{number}*11*1", "NM1*QC*1*ROE*RITA****MI*OWN0007",
        "DTM*050*20240313", "SVC*HC:J1100*40*20**2", "DTM*472*20240305", "CAS*CO*45*20", "LQ*HE*N130",
        "SVC*HC:99213:25*60*60**1", "DTM*472*20240305", "REF*6R*L1",
    ]  # fmt: skip
