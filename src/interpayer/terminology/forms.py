"""One spelling for each code: NDC with its eleven digits, ICD with its dot, places of service, types of bill.

A spelling that can mean two codes (an NDC of ten digits without hyphens) is no code here: it is never guessed.
"""

import re
from collections.abc import Callable

from interpayer.terminology.translate import Code

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD9CM = "http://hl7.org/fhir/sid/icd-9-cm"
NDC = "http://hl7.org/fhir/sid/ndc"
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
TYPE_OF_BILL = "https://www.nubc.org/CodeSystem/TypeOfBill"

# The names people type, and other names under which a system travels.
SYSTEMS = {
    "icd-10-cm": ICD10CM,
    "icd-10-pcs": ICD10PCS,
    "icd-9-cm": ICD9CM,
    "ndc": NDC,
    "pos": PLACE_OF_SERVICE,
    "tob": TYPE_OF_BILL,
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "cvx": "http://hl7.org/fhir/sid/cvx",
    "mvx": "http://terminology.hl7.org/CodeSystem/MVX",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "cdt": "http://www.ada.org/cdt",
    "ms-drg": "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
    "revenue": "https://www.nubc.org/CodeSystem/RevenueCodes",
    "carc": "https://x12.org/codes/claim-adjustment-reason-codes",
    "rarc": "https://x12.org/codes/remittance-advice-remark-codes",
    "taxonomy": "http://nucc.org/provider-taxonomy",
}
# Whose descriptions may not be passed on: they come from the customer's own files and stay here.
LICENSED = frozenset(
    {SYSTEMS["cpt"], SYSTEMS["cdt"], SYSTEMS["snomed"], SYSTEMS["revenue"], SYSTEMS["carc"], SYSTEMS["rarc"]}
    | {SYSTEMS["taxonomy"], TYPE_OF_BILL}
    | {f"https://www.nubc.org/CodeSystem/{name}" for name in ("PatDischargeStatus", "PointOfOrigin")}
    | {"https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit"}
)
_ICD10CM = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}", re.ASCII)
_ICD10PCS = re.compile(r"[0-9A-HJ-NP-Z]{7}", re.ASCII)
_ICD9CM = re.compile(r"(E[0-9]{3}|V[0-9]{2}|[0-9]{3})([0-9]{0,2})", re.ASCII)
_NDC = re.compile(r"([0-9]{4,5})-([0-9]{3,4})-([0-9]{1,2})", re.ASCII)
_DOTTED_ICD10 = re.compile(r"[^.]{3}(\.[^.]+)?")


def system_named(text: str) -> str:
    """The system of this short name, else the text itself."""
    return SYSTEMS.get(text.lower(), text)


def canonical(code: Code) -> Code | None:
    """The code in the one spelling of its system; None when it is none of its codes. Other systems: as it came."""
    form = _FORMS.get(code.system)
    if form is None:
        return code
    written = form(code.code.strip().upper())
    return Code(code.system, written) if written else None


def icd10cm(text: str) -> str | None:
    """E119 and E11.9 are E11.9."""
    plain = text.replace(".", "")
    if not _ICD10CM.fullmatch(plain) or ("." in text and not _DOTTED_ICD10.fullmatch(text)):
        return None
    return f"{plain[:3]}.{plain[3:]}" if len(plain) > 3 else plain


def icd10pcs(text: str) -> str | None:
    """Seven letters and digits, no dot."""
    return text if _ICD10PCS.fullmatch(text) else None


def icd9cm(text: str) -> str | None:
    """25000 is 250.00; the dot of an E code stands behind four characters."""
    found = _ICD9CM.fullmatch(text.replace(".", ""))
    if found is None:
        return None
    written = f"{found[1]}.{found[2]}" if found[2] else found[1]
    return written if text.rstrip(".") in (written, written.replace(".", "")) else None


def ndc(text: str) -> str | None:
    """Eleven digits (5-4-2). Of ten digits only hyphens tell which part lacks its zero."""
    if text.isascii() and text.isdigit():
        return text if len(text) == 11 else None
    found = _NDC.fullmatch(text)
    if found is None or len(text) not in (12, 13):
        return None
    return f"{found[1]:0>5}{found[2]:0>4}{found[3]:0>2}"


def place_of_service(text: str) -> str | None:
    """Two digits: 3 is 03."""
    return text.zfill(2) if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) else None


def type_of_bill(text: str) -> str | None:
    """Four characters with the leading zero: 131 is 0131."""
    return text.zfill(4) if re.fullmatch(r"0?[1-9][0-9][0-9A-Z]", text, re.ASCII) else None


_FORMS: dict[str, Callable[[str], str | None]] = {
    ICD10CM: icd10cm,
    ICD10PCS: icd10pcs,
    ICD9CM: icd9cm,
    NDC: ndc,
    PLACE_OF_SERVICE: place_of_service,
    TYPE_OF_BILL: type_of_bill,
}
