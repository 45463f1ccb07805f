"""One person's history in four systems of a plan: claims in CSV, eligibility in 834, labs in HL7 v2, clinical data on a
FHIR server. Small files of our own; what they say of the coverage's end differs on purpose."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

NUMBER = "M100"
SYSTEM = "urn:many:member"
FAMILY, GIVEN, BORN = "Okafor", "Adaeze", "1961-03-04"
_COVERED = ("2025-01-01", "2025-12-31")
# The claims warehouse was told of the end a month later than the enrollment desk.
_COVERED_BY_CLAIMS = ("2025-01-01", "2026-01-31")

MAP = """\
about: One claim of the warehouse, with the card it was paid under.
entity: claim
member: MEMBER
to:
  - resourceType: ExplanationOfBenefit
    id: {from: CLAIM}
    identifier:
      - type: {coding: [{system: "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType", code: uc}]}
        system: "urn:many:claim"
        value: {from: CLAIM}
    status: {from: [{const: cancelled, when: 'STATUS = "V"'}, {const: active}]}
    type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/claim-type", code: professional}]}
    use: claim
    patient: {from: $member, transform: {reference: Patient}}
    billablePeriod:
      start: {from: FROM, transform: {date: YYYY-MM-DD}}
      end: {from: TO, transform: {date: YYYY-MM-DD}}
    created: {from: PAID, transform: {date: YYYY-MM-DD}}
    insurer: {display: "Plan many"}
    provider: {display: {from: PROVIDER}}
    outcome: complete
    related:
      - when: REPLACES
        to:
          relationship:
            coding: [{system: "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", code: prior}]
          reference: {system: "urn:many:claim", value: {from: REPLACES}}
    diagnosis:
      - sequence: 1
        diagnosisCodeableConcept:
          coding: [{system: "http://hl7.org/fhir/sid/icd-10-cm", code: {from: ICD, transform: icd10cm}}]
    insurance:
      - focal: true
        coverage: {from: "card-{MEMBER}", transform: {reference: Coverage}}
    item:
      - sequence: 1
        servicedDate: {from: FROM, transform: {date: YYYY-MM-DD}}
        productOrService: {coding: [{system: "http://www.ama-assn.org/go/cpt", code: {from: CPT}}]}
  - resourceType: Coverage
    id: {from: "card-{MEMBER}"}
    status: active
    subscriberId: {from: MEMBER}
    beneficiary: {from: $member, transform: {reference: Patient}}
    relationship: {coding: [{system: "http://terminology.hl7.org/CodeSystem/subscriber-relationship", code: self}]}
    period:
      start: {from: CARD_FROM, transform: {date: YYYY-MM-DD}}
      end: {from: CARD_TO, transform: {date: YYYY-MM-DD}}
    payor: [{display: "Plan many"}]
"""
_COLUMNS = (
    "MEMBER", "CLAIM", "FROM", "TO", "PAID", "ICD", "CPT", "PROVIDER", "STATUS", "REPLACES", "CARD_FROM", "CARD_TO",
)  # fmt: skip


def a_claim_row(number: str, day: str, *, cpt: str = "99213", replaces: str = "") -> str:
    """A line of the warehouse's file."""
    cells = (NUMBER, number, day, day, "2025-09-01", "E119", cpt, "Dr. Quist", "P", replaces, *_COVERED_BY_CLAIMS)
    return ",".join(cells)


def write_claims(folder: Path, rows: Sequence[str]) -> Path:
    """The warehouse: its file, our map of it, its declaration."""
    (folder / "maps" / "warehouse").mkdir(parents=True, exist_ok=True)
    (folder / "maps" / "warehouse" / "claim.yaml").write_text(MAP)
    (folder / "claims.csv").write_text("\n".join([",".join(_COLUMNS), *rows, ""]))
    return _declared(
        folder / "claims.yaml",
        "source: claims-warehouse\nkind: tables\nwhere: {path: claims.csv}\nessential: true\nmaps: maps\n"
        "entities:\n  claim: {mapping: warehouse/claim, file: '*.csv', delimiter: ','}\n"
        "types: [ExplanationOfBenefit, Coverage]\nfresh_within: 1d\n",
    )


def write_eligibility(folder: Path) -> Path:
    """The enrollment file: one member with one coverage."""
    start, end = (day.replace("-", "") for day in _COVERED)
    segments = [
        "GS*BE*SENDER*RECEIVER*20260101*1200*1*X*005010X220A1", "ST*834*0001*005010X220A1",
        "BGN*00*12456*20260101*1200*ES***4", "N1*P5*A Sponsor*FI*999888777", "N1*IN*Plan many*FI*654456654",
        "INS*Y*18*021*20*A***FT", f"REF*0F*{NUMBER}", "REF*1L*GROUP1", f"DTP*356*D8*{start}",
        f"NM1*IL*1*{FAMILY}*{GIVEN}****ZZ*{NUMBER}", "N3*12 Hill Street", "N4*Albany*NY*12203",
        f"DMG*D8*{BORN.replace('-', '')}*F", "HD*021**HLT*GOLD*IND", f"DTP*348*D8*{start}", f"DTP*349*D8*{end}",
    ]  # fmt: skip
    body = [*segments, f"SE*{len(segments)}*0001", "GE*1*1", "IEA*1*000000905"]
    isa = f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*{'SENDER':15}*ZZ*{'RECEIVER':15}*260101*1200*^*00501*000000905*1*T*:"
    (folder / "eligibility").mkdir(exist_ok=True)
    (folder / "eligibility" / "members.834").write_text("~\n".join([isa, *body]) + "~\n")
    return _declared(
        folder / "eligibility.yaml",
        "source: eligibility\nkind: x12\nwhere: {path: eligibility}\nessential: true\n"
        f"context: {{member_system: '{SYSTEM}'}}\ntypes: [Coverage, Patient]\n",
    )


def write_labs(folder: Path) -> Path:
    """The laboratory's feed: one result."""
    segments = [
        "MSH|^~\\&|LAB|SOUTH|PLAN|MANY|20250505120000-0500||ORU^R01|c1|P|2.5.1",
        f"PID|1||{NUMBER}^^^MANY^MB||{FAMILY}^{GIVEN}||{BORN.replace('-', '')}|F",
        "OBR|1||F77|4548-4^Hemoglobin A1c^LN|||20250505100000-0500|||||||||||||||20250505113000-0500||LAB|F",
        "OBX|1|NM|4548-4^Hemoglobin A1c^LN||7.1|%^percent^UCUM|||||F|||20250505100000-0500",
    ]
    (folder / "labs").mkdir(exist_ok=True)
    (folder / "labs" / "feed.hl7").write_text("\r".join(segments) + "\r")
    return _declared(
        folder / "labs.yaml",
        "source: lab-feed\nkind: hl7v2\nwhere: {path: labs}\ntypes: [Observation, DiagnosticReport]\n",
    )


def write_clinical(folder: Path, url: str) -> Path:
    """The FHIR server, asked while an answer is made."""
    return _declared(
        folder / "clinical.yaml",
        f"source: ehr\nkind: fhir_server\nwhere: {{url: '{url}'}}\nessential: true\nmembers: {{system: '{SYSTEM}'}}\n"
        "types: [Condition, Observation]\nfresh_within: 1d\nlimits: {per_second: 50, at_once: 2, budget_s: 2}\n",
    )


def clinical() -> list[dict[str, Any]]:
    """What the FHIR server has: two conditions, and the laboratory's result as the practice wrote it down."""
    subject = {"reference": "Patient/p1"}
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    conditions = [
        {
            "resourceType": "Condition", "id": code.replace(".", ""), "subject": subject, "clinicalStatus": active,
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
            "onsetDateTime": "2024-02-03",
        }
        for code in ("E11.9", "I10")
    ]  # fmt: skip
    result = {
        "resourceType": "Observation", "id": "a1c", "status": "final", "subject": subject,
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}], "text": "HbA1c"},
        "effectiveDateTime": "2025-05-05", "valueQuantity": {"value": 7.1, "unit": "%", "code": "%"},
        "note": [{"text": "discussed with the patient"}],
    }  # fmt: skip
    patient = {
        "resourceType": "Patient", "id": "p1", "identifier": [{"system": SYSTEM, "value": NUMBER}],
        "name": [{"family": FAMILY, "given": [GIVEN]}], "gender": "female", "birthDate": BORN,
    }  # fmt: skip
    return [patient, *conditions, result]


def _declared(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
