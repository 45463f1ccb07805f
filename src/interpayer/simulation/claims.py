"""Claims as a plan's own store has them: the five kinds of C4BB, money included.

They follow the Basis profiles (C4BB 2.2.0), which allow amounts without asking for any: what payload rules must take
away is there, and what stays is still valid. A claim is for the member's first coverage and dated within it.
"""

from datetime import date, timedelta

from interpayer.simulation import codes
from interpayer.simulation.chart import Chart
from interpayer.simulation.codes import C4BB, HL7
from interpayer.simulation.elements import (
    Resource,
    amount_of,
    concept,
    meta,
    money,
    period,
    quantity,
    status_of,
    supporting,
)

_SUBMITTED = (HL7 + "adjudication", "submitted")
_AMOUNTS = (
    (HL7 + "adjudication", "eligible"),
    (HL7 + "adjudication", "copay"),
    (HL7 + "adjudication", "deductible"),
    (C4BB + "C4BBAdjudication", "coinsurance"),
    (C4BB + "C4BBAdjudication", "memberliability"),
    (C4BB + "C4BBAdjudication", "paidtoprovider"),
    (C4BB + "C4BBAdjudication", "paidbypatient"),
)


def professional(chart: Chart, day: date, diagnosis: str) -> Resource:
    """A visit billed by a clinician or a group."""
    claim = _claim(chart, "Professional-NonClinician", "professional", day)
    provider = chart.practitioner()
    claim["provider"] = chart.organization()
    claim["careTeam"] = [_care_team(1, provider, C4BB + "C4BBClaimCareTeamRole", "rendering")]
    claim["diagnosis"] = [_diagnosis(1, diagnosis)]
    claim["supportingInfo"] = [_received(chart, 1, day)]
    item = _item(chart, codes.HCPCS, chart.rolls.choice(codes.VISIT_SERVICES), day)
    item["locationCodeableConcept"] = concept(codes.PLACE_OF_SERVICE, "11")
    item["adjudication"].append(status_of("benefitpaymentstatus", "innetwork"))
    claim["item"] = [item]
    claim["adjudication"] = [status_of("billingnetworkstatus", "innetwork"), *_amounts(chart)]
    return claim


def outpatient(chart: Chart, day: date, diagnosis: str) -> Resource:
    """A day in a hospital's outpatient department."""
    claim = _claim(chart, "Outpatient-Institutional", "institutional", day)
    claim["subType"] = concept(C4BB + "C4BBInstitutionalClaimSubType", "outpatient")
    claim["provider"] = chart.organization()
    claim["diagnosis"] = [_diagnosis(1, diagnosis)]
    claim["supportingInfo"] = [
        _received(chart, 1, day),
        supporting(2, "typeofbill", {"code": concept(codes.TYPE_OF_BILL, "0131")}),
    ]
    item = _item(chart, codes.HCPCS, chart.rolls.choice(codes.OUTPATIENT_SERVICES), day)
    item["revenue"] = concept(codes.REVENUE, "0510")
    claim["item"] = [item]
    claim["adjudication"] = [status_of("benefitpaymentstatus", "innetwork"), *_amounts(chart)]
    return claim


def inpatient(chart: Chart, day: date, *, discharged_on: date, diagnosis: tuple[str, str]) -> Resource:
    """A stay in a hospital, with its MS-DRG."""
    claim = _claim(chart, "Inpatient-Institutional", "institutional", day)
    claim["subType"] = concept(C4BB + "C4BBInstitutionalClaimSubType", "inpatient")
    claim["billablePeriod"] = period(day, discharged_on)
    claim["provider"] = chart.organization()
    claim["careTeam"] = [_care_team(1, chart.practitioner(), C4BB + "C4BBClaimCareTeamRole", "attending")]
    claim["diagnosis"] = [_diagnosis(1, diagnosis[0])]
    claim["procedure"] = [
        {
            "sequence": 1,
            "type": [concept(C4BB + "C4BBClaimProcedureType", "principal")],
            "date": day.isoformat(),
            "procedureCodeableConcept": concept(codes.ICD10PCS, chart.rolls.choice(codes.INPATIENT_PROCEDURES)),
        }
    ]
    claim["supportingInfo"] = [
        supporting(1, "admissionperiod", {"timingPeriod": period(day, discharged_on)}),
        _received(chart, 2, discharged_on),
        supporting(3, "typeofbill", {"code": concept(codes.TYPE_OF_BILL, "0111")}),
        supporting(4, "pointoforigin", {"code": concept(codes.POINT_OF_ORIGIN, "1")}),
        supporting(5, "admtype", {"code": concept(codes.ADMISSION_TYPE, "1")}),
        supporting(6, "discharge-status", {"code": concept(codes.DISCHARGE_STATUS, "01")}),
        supporting(7, "drg", {"code": concept(codes.MS_DRG, diagnosis[1])}),
        supporting(8, "medicalrecordnumber", {"valueString": f"MRN{chart.view.person_index:08d}"}),
    ]
    item = _item(chart, HL7 + "data-absent-reason", "not-applicable", day)
    item["revenue"] = concept(codes.REVENUE, "0120")
    claim["item"] = [item]
    claim["adjudication"] = [
        status_of("benefitpaymentstatus", "innetwork"),
        status_of("billingnetworkstatus", "innetwork"),
        *_amounts(chart),
    ]
    return claim


def oral(chart: Chart, day: date) -> Resource:
    """A visit to a dentist."""
    claim = _claim(chart, "Oral", "oral", day)
    claim["provider"] = chart.practitioner()
    claim["diagnosis"] = [_diagnosis(1, chart.rolls.choice(codes.DENTAL_DIAGNOSES))]
    claim["supportingInfo"] = [_received(chart, 1, day)]
    item = _item(chart, codes.CDT, chart.rolls.choice(codes.DENTAL_SERVICES), day)
    item["locationCodeableConcept"] = concept(codes.PLACE_OF_SERVICE, "11")
    item["adjudication"].append(status_of("benefitpaymentstatus", "innetwork"))
    claim["item"] = [item]
    claim["adjudication"] = [
        status_of("benefitpaymentstatus", "innetwork"),
        status_of("renderingnetworkstatus", "innetwork"),
        *_amounts(chart),
    ]
    return claim


def pharmacy(chart: Chart, day: date, package: str) -> Resource:
    """A drug handed out."""
    claim = _claim(chart, "Pharmacy", "pharmacy", day)
    claim["provider"] = chart.organization()
    claim["careTeam"] = [_care_team(1, chart.practitioner(), C4BB + "C4BBClaimCareTeamRole", "prescribing")]
    daw = HL7 + "NCPDPDispensedAsWrittenOrProductSelectionCode"
    claim["supportingInfo"] = [
        supporting(1, "dayssupply", {"valueQuantity": {"value": chart.rolls.choice((30, 90))}}),
        supporting(2, "dawcode", {"code": concept(daw, "0")}),
        supporting(3, "refillnum", {"valueQuantity": {"value": chart.rolls.randrange(6)}}),
        _received(chart, 4, day),
    ]
    item = _item(chart, codes.NDC, package, day)
    item["quantity"] = quantity(chart.rolls.choice((30, 60, 90)), "{tbl}")
    claim["item"] = [item]
    claim["adjudication"] = [
        status_of("benefitpaymentstatus", "innetwork"),
        status_of("billingnetworkstatus", "innetwork"),
        *_amounts(chart),
    ]
    return claim


def _claim(chart: Chart, kind: str, claim_type: str, day: date) -> Resource:
    """What every kind has, money at the top included."""
    claim_id = chart.next_id("eob")
    created_on = chart.soon(day, 5)
    paid_on = chart.soon(created_on)
    rolls = chart.rolls
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": claim_id,
        "meta": meta(paid_on, f"{codes.C4BB_SHAPE}C4BB-ExplanationOfBenefit-{kind}-Basis|2.2.0"),
        "identifier": [
            {"type": concept(C4BB + "C4BBIdentifierType", "uc"), "system": chart.plan.claim_system, "value": claim_id}
        ],
        "status": "active",
        "type": concept(HL7 + "claim-type", claim_type),
        "use": "claim",
        "patient": chart.patient,
        "billablePeriod": period(day, day),
        "created": created_on.isoformat(),
        "insurer": chart.insurer,
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": chart.coverage}],
        "total": [
            amount_of(*_SUBMITTED, money(rolls, 40, 9000)),
            amount_of(C4BB + "C4BBAdjudication", "paidtoprovider", money(rolls, 20, 7000)),
        ],
        "payment": {
            "type": concept(C4BB + "C4BBPayerAdjudicationStatus", "paid"),
            "date": paid_on.isoformat(),
            "amount": money(rolls, 20, 7000),
        },
        "benefitBalance": [
            {
                "category": concept(HL7 + "ex-benefitcategory", "1"),
                "financial": [{"type": concept(HL7 + "benefit-type", "deductible"), "usedMoney": money(rolls, 0, 900)}],
            }
        ],
    }


def _item(chart: Chart, system: str, code: str, day: date) -> Resource:
    """One line, with its prices."""
    return {
        "sequence": 1,
        "productOrService": concept(system, code),
        "servicedDate": day.isoformat(),
        "unitPrice": money(chart.rolls, 20, 900),
        "net": money(chart.rolls, 20, 900),
        "adjudication": [
            amount_of(*_SUBMITTED, money(chart.rolls, 20, 900)),
            amount_of(*chart.rolls.choice(_AMOUNTS), money(chart.rolls, 0, 200)),
        ],
    }


def _amounts(chart: Chart) -> list[Resource]:
    """Amounts at the head of the claim."""
    return [
        amount_of(*_SUBMITTED, money(chart.rolls, 40, 9000)),
        amount_of(*chart.rolls.choice(_AMOUNTS), money(chart.rolls, 0, 2000)),
    ]


def _diagnosis(sequence: int, code: str) -> Resource:
    return {
        "sequence": sequence,
        "diagnosisCodeableConcept": concept(codes.ICD10CM, code),
        "type": [concept(HL7 + "ex-diagnosistype", "principal")],
    }


def _care_team(sequence: int, provider: Resource, system: str, role: str) -> Resource:
    return {"sequence": sequence, "provider": provider, "role": concept(system, role)}


def _received(chart: Chart, sequence: int, day: date) -> Resource:
    received_on = min(day + timedelta(days=3), max(day, chart.world.as_of))
    return supporting(sequence, "clmrecvddate", {"timingDate": received_on.isoformat()})
