"""What the plan holds about membership: the enrollment feed's rows, Patient and Coverage."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import zip_longest

from interpayer.simulation.chart import Chart, coverage_id
from interpayer.simulation.codes import C4BB_SHAPE, HL7, US_CORE_SHAPE
from interpayer.simulation.elements import Resource, concept, meta, period, reference
from interpayer.simulation.views import MemberView, Prior

COLUMNS = (
    "member_id", "subscriber_id", "relationship", "family", "given", "middle", "suffix", "previous_family",
    "birth_date", "sex", "ssn_last4", "phone", "email", "address_line", "address_city", "address_state",
    "address_postal_code", "plan", "group", "line_of_business", "coverage_start", "coverage_end", "status",
    "opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof", "prior_payer", "prior_member_id",
    "prior_subscriber_id", "prior_relation", "as_of",
)  # fmt: skip
_NO_PRIOR = Prior(payer="", relation="")


def rows(view: MemberView, as_of: date) -> Iterator[tuple[str, ...]]:
    """The member's rows in the order of COLUMNS: one for each coverage, more if more earlier payers were told."""
    known, opt_in = view.demographics, view.opt_in
    for window, prior in zip_longest(view.windows, view.priors):
        window = window or view.windows[0]
        prior = prior or _NO_PRIOR
        yield (
            view.member_id, view.subscriber_id, view.relationship, known.family, known.given, known.middle,
            known.suffix, known.previous_family, known.birth_date.isoformat(), known.sex, known.ssn_last4,
            known.phone, known.email, known.address_line, known.address_city, known.address_state,
            known.address_postal_code, view.plan.id, window.group, window.line_of_business,
            window.starts_on.isoformat(), _day(window.ends_on), window.status,
            opt_in.answer, _day(opt_in.on), _day(opt_in.until), opt_in.scope, opt_in.proof,
            prior.payer, prior.member_id, prior.subscriber_id, prior.relation, as_of.isoformat(),
        )  # fmt: skip


def patient(chart: Chart) -> Resource:
    """The member as the plan's Patient (US Core 6.1 and C4BB 2.2)."""
    view, known = chart.view, chart.view.demographics
    name: Resource = {"use": "official", "family": known.family, "given": [known.given]}
    if known.middle:
        name["given"].append(known.middle)
    if known.suffix:
        name["suffix"] = [known.suffix]
    names = [name]
    if known.previous_family:
        names.append({"use": "old", "family": known.previous_family, "given": [known.given]})
    found: Resource = {
        "resourceType": "Patient",
        "id": view.patient_id,
        "meta": meta(
            view.windows[0].starts_on,
            f"{US_CORE_SHAPE}us-core-patient|6.1.0",
            f"{C4BB_SHAPE}C4BB-Patient|2.2.0",
        ),
        "identifier": [member_identifier(view)],
        "active": True,
        "name": names,
        "gender": known.sex,
        "birthDate": known.birth_date.isoformat(),
        "address": [_home(view)],
    }
    telecom = [
        {"system": system, "value": value}
        for system, value in (("phone", known.phone), ("email", known.email))
        if value
    ]
    if telecom:
        found["telecom"] = telecom
    return found


def coverages(chart: Chart) -> Iterator[Resource]:
    """The member's coverages (C4BB 2.2); overlapping ones end on another day than the enrollment feed says."""
    view = chart.view
    is_doubtful = sum(window.status != "void" for window in view.windows) > 1
    for order, window in enumerate(view.windows):
        ends_on = window.ends_on
        if is_doubtful and order == 0 and ends_on:
            ends_on += timedelta(days=31)
        yield {
            "resourceType": "Coverage",
            "id": coverage_id(view, order),
            "meta": meta(window.starts_on, f"{C4BB_SHAPE}C4BB-Coverage|2.2.0"),
            "identifier": [member_identifier(view)],
            "status": {"active": "active", "terminated": "cancelled", "void": "entered-in-error"}[window.status],
            "type": concept(HL7 + "v3-ActCode", "HIP"),
            "subscriberId": view.subscriber_id,
            "beneficiary": chart.patient,
            "dependent": f"{_place(view)}",
            "relationship": concept(HL7 + "subscriber-relationship", view.relationship),
            "period": period(window.starts_on, ends_on),
            "payor": [reference("Organization", view.plan.id)],
            "class": [
                {"type": concept(HL7 + "coverage-class", "group"), "value": window.group},
                {
                    "type": concept(HL7 + "coverage-class", "plan"),
                    "value": view.plan.id,
                    "name": f"{view.plan.name} {window.line_of_business}",
                },
            ],
        }


def member_identifier(view: MemberView) -> Resource:
    """The member id as an Identifier of type MB in the plan's namespace."""
    return {"type": concept(HL7 + "v2-0203", "MB"), "system": view.plan.member_system, "value": view.member_id}


def _home(view: MemberView) -> Resource:
    known = view.demographics
    home: Resource = {"use": "home", "state": known.address_state, "postalCode": known.address_postal_code}
    if known.address_line:
        home["line"] = [known.address_line]
    if known.address_city:
        home["city"] = known.address_city
    return home


def _place(view: MemberView) -> str:
    return view.member_id[-2:] if view.plan.has_dependent_suffix else "01"


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
