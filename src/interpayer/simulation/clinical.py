"""Clinical records of US Core 6.1 that stand beside the claims."""

from datetime import date

from interpayer.simulation import codes
from interpayer.simulation.chart import Chart
from interpayer.simulation.codes import HL7, LOINC, SNOMED, US_CORE_SHAPE
from interpayer.simulation.elements import Resource, concept, meta, period, quantity, reference, text_attachment

_OBSERVATION_CATEGORY = HL7 + "observation-category"
_BODY = ("85354-9", (("8480-6", 105, 165), ("8462-4", 60, 98)))


def encounter(chart: Chart, day: date, *, ended_on: date, kind: str) -> Resource:
    """A visit (`AMB`), an emergency (`EMER`) or a stay (`IMP`)."""
    found = _record(chart, "Encounter", "enc", "us-core-encounter", day)
    return found | {
        "status": "finished",
        "class": {"system": HL7 + "v3-ActCode", "code": kind},
        "type": [concept(SNOMED, "32485007" if kind == "IMP" else "185349003")],
        "subject": chart.patient,
        "participant": [{"individual": chart.practitioner()}],
        "period": period(day, ended_on),
        "serviceProvider": chart.organization(),
    }


def visit_diagnosis(chart: Chart, visit: Resource, code: str) -> Resource:
    """What the visit found."""
    day = date.fromisoformat(visit["period"]["start"])
    found = _record(chart, "Condition", "cond", "us-core-condition-encounter-diagnosis", day)
    return found | _condition(chart, day, code, "encounter-diagnosis") | {"encounter": _to(visit)}


def problem(chart: Chart, day: date, code: str) -> Resource:
    """An entry of the problem list."""
    found = _record(chart, "Condition", "cond", "us-core-condition-problems-health-concerns", day)
    return found | _condition(chart, day, code, "problem-list-item")


def laboratory(chart: Chart, day: date) -> Resource:
    """One laboratory value."""
    code, least, most, decimals, unit = chart.rolls.choice(codes.LABS)
    value = round(least + (most - least) * chart.rolls.random(), decimals)
    found = _record(chart, "Observation", "obs", "us-core-observation-lab", day)
    return found | {
        "status": "final",
        "category": [concept(_OBSERVATION_CATEGORY, "laboratory")],
        "code": concept(LOINC, code),
        "subject": chart.patient,
        "effectiveDateTime": day.isoformat(),
        "valueQuantity": quantity(value if decimals else int(value), unit),
    }


def blood_pressure(chart: Chart, day: date) -> Resource:
    """One measurement of both pressures."""
    code, parts = _BODY
    found = _record(chart, "Observation", "obs", "us-core-blood-pressure", day)
    return found | {
        "status": "final",
        "category": [concept(_OBSERVATION_CATEGORY, "vital-signs")],
        "code": concept(LOINC, code),
        "subject": chart.patient,
        "effectiveDateTime": day.isoformat(),
        "component": [
            {"code": concept(LOINC, part), "valueQuantity": quantity(chart.rolls.randrange(least, most), "mm[Hg]")}
            for part, least, most in parts
        ],
    }


def prescription(chart: Chart, day: date, ingredient: str) -> Resource:
    """An order for a drug."""
    found = _record(chart, "MedicationRequest", "rx", "us-core-medicationrequest", day)
    return found | {
        "status": chart.rolls.choice(("active", "completed", "stopped")),
        "intent": "order",
        "medicationCodeableConcept": concept(codes.RXNORM, ingredient),
        "subject": chart.patient,
        "authoredOn": day.isoformat(),
        "requester": chart.practitioner(),
        "dosageInstruction": [{"text": "Take as directed"}],
    }


def allergy(chart: Chart, day: date) -> Resource:
    """An allergy to a drug."""
    found = _record(chart, "AllergyIntolerance", "alg", "us-core-allergyintolerance", day)
    return found | {
        "clinicalStatus": concept(HL7 + "allergyintolerance-clinical", "active"),
        "verificationStatus": concept(HL7 + "allergyintolerance-verification", "confirmed"),
        "code": concept(codes.RXNORM, chart.rolls.choice(codes.ALLERGENS)),
        "patient": chart.patient,
        "recordedDate": day.isoformat(),
    }


def immunization(chart: Chart, day: date) -> Resource:
    """A vaccine given."""
    vaccines = codes.VACCINES if chart.age >= 12 else codes.CHILD_VACCINES
    found = _record(chart, "Immunization", "imm", "us-core-immunization", day)
    return found | {
        "status": "completed",
        "vaccineCode": concept(codes.CVX, chart.rolls.choice(vaccines)),
        "patient": chart.patient,
        "occurrenceDateTime": day.isoformat(),
        "primarySource": False,
    }


def procedure(chart: Chart, visit: Resource) -> Resource:
    """What was done during a stay or an outpatient day."""
    day = visit["period"]["start"]
    found = _record(chart, "Procedure", "proc", "us-core-procedure", date.fromisoformat(day))
    return found | {
        "status": "completed",
        "code": concept(codes.ICD10PCS, chart.rolls.choice(codes.INPATIENT_PROCEDURES)),
        "subject": chart.patient,
        "encounter": _to(visit),
        "performedDateTime": day,
    }


def document(chart: Chart, day: date, visit: Resource | None = None) -> Resource:
    """A short text a provider sent, as unstructured as such texts are."""
    found = _record(chart, "DocumentReference", "doc", "us-core-documentreference", day)
    text = (
        f"Note of {day.isoformat()}. Made up for tests: no person, no finding, number {chart.rolls.randrange(10**6)}."
    )
    found |= {
        "status": "current",
        "type": concept(LOINC, chart.rolls.choice(("11506-3", "34117-2", "57133-1"))),
        "category": [
            concept("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note")
        ],
        "subject": chart.patient,
        "date": f"{day.isoformat()}T12:00:00Z",
        "author": [chart.practitioner()],
        "content": [{"attachment": text_attachment(text)}],
    }
    if visit:
        found["context"] = {"encounter": [_to(visit)]}
    return found


def _record(chart: Chart, kind: str, prefix: str, profile: str, day: date) -> Resource:
    return {
        "resourceType": kind,
        "id": chart.next_id(prefix),
        "meta": meta(chart.soon(day, 3), f"{US_CORE_SHAPE}{profile}|6.1.0"),
    }


def _condition(chart: Chart, day: date, code: str, category: str) -> Resource:
    return {
        "clinicalStatus": concept(HL7 + "condition-clinical", "active"),
        "verificationStatus": concept(HL7 + "condition-ver-status", "confirmed"),
        "category": [concept(HL7 + "condition-category", category)],
        "code": concept(codes.ICD10CM, code),
        "subject": chart.patient,
        "onsetDateTime": day.isoformat(),
        "recordedDate": day.isoformat(),
    }


def _to(visit: Resource) -> Resource:
    return reference("Encounter", visit["id"])
