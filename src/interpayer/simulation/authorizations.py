"""Prior authorizations (pdex-priorauthorization) in every state that a payload rule must tell apart."""

from dataclasses import dataclass
from datetime import date, timedelta

from interpayer.simulation import codes
from interpayer.simulation.chart import Chart
from interpayer.simulation.codes import HL7, PAS_TEMP_CODES, PDEX, PDEX_SHAPE
from interpayer.simulation.elements import Resource, amount_of, concept, meta, money, period, reference

_X12_DENIED = "197"  # claim adjustment reason: no authorization


@dataclass(frozen=True, slots=True)
class Course:
    """How an authorization went: X12 306 action, whether for a drug, and how long before the end of coverage."""

    name: str
    action: str
    days_ago: tuple[int, int]
    is_drug: bool = False
    says_decision_beside_amount: bool = False


COURSES = (
    Course("approved", "A1", (5, 150)),
    Course("denied", "A3", (5, 300)),
    Course("pended", "A4", (1, 12)),
    Course("drug", "A1", (5, 300), is_drug=True),
    Course("closed", "A1", (500, 1200)),
    # PDex's own example hangs the decision on an amount: who drops the amount must not lose the decision
    Course("approved_beside_amount", "A1", (5, 150), says_decision_beside_amount=True),
)


def course_for(chart: Chart, turn: int) -> Course:
    """The course whose turn it is, or the plainest one if the member has not been covered for long enough."""
    course = COURSES[turn % len(COURSES)]
    covered_days = (chart.last_day - chart.view.windows[0].starts_on).days
    return course if course.days_ago[1] < covered_days else COURSES[0]


def authorization(chart: Chart, course: Course, document_id: str | None) -> Resource:
    """A request for authorization and the plan's decision, with the document the provider sent, if there is one."""
    # counted back from the end of coverage, but never before its start
    start = chart.view.windows[0].starts_on
    decided_on = max(chart.last_day - timedelta(days=chart.rolls.randrange(*course.days_ago)), start)
    asked_on = max(decided_on - timedelta(days=chart.rolls.randrange(1, 14)), start)
    found: Resource = {
        "resourceType": "ExplanationOfBenefit",
        "id": chart.next_id("pa"),
        "meta": meta(decided_on, f"{PDEX_SHAPE}pdex-priorauthorization"),
        "identifier": [{"system": chart.plan.claim_system, "value": f"PA-{chart.view.member_id}-{chart.serial}"}],
        "status": "active",
        "type": concept(HL7 + "claim-type", "pharmacy" if course.is_drug else "professional"),
        "use": "preauthorization",
        "patient": chart.patient,
        "created": asked_on.isoformat(),
        "insurer": chart.insurer,
        "provider": chart.organization(),
        "priority": concept(HL7 + "processpriority", "normal"),
        "outcome": "queued" if course.action == "A4" else "complete",
        "diagnosis": [
            {"sequence": 1, "diagnosisCodeableConcept": concept(codes.ICD10CM, chart.rolls.choice(codes.DIAGNOSES))}
        ],
        "insurance": [{"focal": True, "coverage": chart.coverage}],
        "item": [_item(chart, course, decided_on)],
        "total": [amount_of(PDEX + "PriorAuthorizationValueCodes", "eligible", money(chart.rolls, 100, 4000))],
    }
    if course.action == "A1":
        found["preAuthRef"] = [f"AUTH-{chart.view.member_id}-{chart.serial}"]
        found["preAuthRefPeriod"] = [period(decided_on, decided_on + timedelta(days=90))]
    if document_id:
        found["supportingInfo"] = [
            {
                "sequence": 1,
                "category": concept(PAS_TEMP_CODES, "additionalInformation"),
                "valueReference": reference("DocumentReference", document_id),
            }
        ]
    return found


def _item(chart: Chart, course: Course, decided_on: date) -> Resource:
    product = (
        concept(codes.NDC, chart.rolls.choice(codes.SPECIALTY_DRUGS))
        if course.is_drug
        else concept(codes.HCPCS, chart.rolls.choice(codes.EQUIPMENT))
    )
    return {
        "sequence": 1,
        "category": concept(codes.SERVICE_TYPE, "88" if course.is_drug else "12"),
        "productOrService": product,
        "adjudication": _adjudication(chart, course, decided_on),
    }


def _adjudication(chart: Chart, course: Course, decided_on: date) -> list[Resource]:
    """The decision on an entry without money, unless the course puts it beside the amount; slicing is closed."""
    decision = [
        {
            "url": f"{PDEX_SHAPE}extension-reviewAction",
            "extension": [
                {"url": "number", "valueString": f"AUTH-{chart.view.member_id}-{chart.serial}"},
                {
                    "url": f"{PDEX_SHAPE}extension-reviewActionCode",
                    "valueCodeableConcept": concept(codes.REVIEW_ACTION, course.action),
                },
            ],
        },
        {"url": f"{PDEX_SHAPE}base-ext-when-adjudicated", "valueDateTime": decided_on.isoformat()},
    ]
    amount = amount_of(HL7 + "adjudication", "submitted", money(chart.rolls, 100, 4000))
    if course.says_decision_beside_amount:
        return [{"extension": decision, **amount}]
    if course.action == "A3":
        denial = concept(codes.CLAIM_ADJUSTMENT_REASON, _X12_DENIED)
        kept: Resource = {"category": concept(PDEX + "PDexAdjudicationDiscriminator", "denialreason"), "reason": denial}
    else:
        units = 0 if course.action == "A4" else chart.rolls.randrange(1, 12)
        kept = {"category": concept(PDEX + "PDexAdjudicationDiscriminator", "allowedunits"), "value": units}
    return [{"extension": decision, **kept}, amount]
