"""The plan's directory: itself, the organizations and the practitioners that its claims name."""

from collections.abc import Iterator
from datetime import timedelta

from interpayer.simulation.codes import C4BB_SHAPE, NPI, US_CORE_SHAPE
from interpayer.simulation.elements import Resource, meta
from interpayer.simulation.ids import npi
from interpayer.simulation.names import address, dice, family_name, given_name, phone
from interpayer.simulation.payers import Plan, World

ORGANIZATIONS = 24
PRACTITIONERS = 60
_KINDS = ("General Hospital", "Clinic", "Pharmacy", "Dental Practice", "Laboratory", "Medical Group")


def organizations(world: World, plan: Plan) -> Iterator[Resource]:
    """The plan's own Organization first, then the providers'; plans share the providers and their NPIs."""
    at = world.as_of - timedelta(days=3000)
    profiles = (f"{C4BB_SHAPE}C4BB-Organization|2.2.0", f"{US_CORE_SHAPE}us-core-organization|6.1.0")
    yield {
        "resourceType": "Organization",
        "id": plan.id,
        "meta": meta(at, *profiles),
        "identifier": [
            {"system": NPI, "value": plan.npi},
            {"system": "urn:oid:2.16.840.1.113883.6.300", "value": plan.naic},
        ],
        "active": True,
        "name": plan.name,
    }
    for number in range(ORGANIZATIONS):
        rolls = dice(world.seed, "organization", number)
        home = address(rolls)
        yield {
            "resourceType": "Organization",
            "id": f"org-{number}",
            "meta": meta(at, *profiles),
            "identifier": [{"system": NPI, "value": npi(150_000_000 + number)}],
            "active": True,
            "name": f"{family_name(rolls)} {_KINDS[number % len(_KINDS)]}",
            "telecom": [{"system": "phone", "value": phone(rolls)}],
            "address": [
                {"line": [home.long_line], "city": home.city, "state": home.state, "postalCode": home.postal_code}
            ],
        }


def practitioners(world: World) -> Iterator[Resource]:
    """The practitioners of the claims and visits."""
    at = world.as_of - timedelta(days=3000)
    for number in range(PRACTITIONERS):
        rolls = dice(world.seed, "practitioner", number)
        given, _ = given_name(rolls, rolls.choice(("female", "male")))
        yield {
            "resourceType": "Practitioner",
            "id": f"prac-{number}",
            "meta": meta(at, f"{C4BB_SHAPE}C4BB-Practitioner|2.2.0", f"{US_CORE_SHAPE}us-core-practitioner|6.1.0"),
            "identifier": [{"system": NPI, "value": npi(160_000_000 + number)}],
            "name": [{"family": family_name(rolls), "given": [given]}],
        }
