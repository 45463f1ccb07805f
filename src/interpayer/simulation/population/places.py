"""Where people live: few cities with many people, shared houses, post boxes, and the ways of writing an address."""

from dataclasses import dataclass
from random import Random

from interpayer.simulation.population.words import words

# city, state, the first three digits of its postal codes, its area codes
_CITIES = (
    ("Columbus", "OH", "432", "614"), ("Cleveland", "OH", "441", "216"), ("Dayton", "OH", "454", "937"),
    ("Pittsburgh", "PA", "152", "412"), ("Erie", "PA", "165", "814"), ("Reading", "PA", "196", "610"),
    ("Indianapolis", "IN", "462", "317"), ("Fort Wayne", "IN", "468", "260"), ("Milwaukee", "WI", "532", "414"),
    ("Madison", "WI", "537", "608"), ("Saint Paul", "MN", "551", "651"), ("Duluth", "MN", "558", "218"),
    ("San Antonio", "TX", "782", "210"), ("El Paso", "TX", "799", "915"), ("Tucson", "AZ", "857", "520"),
    ("Fresno", "CA", "937", "559"), ("San Bernardino", "CA", "924", "909"), ("Spokane", "WA", "992", "509"),
    ("Tampa", "FL", "336", "813"), ("Mount Pleasant", "SC", "294", "843"), ("Winston-Salem", "NC", "271", "336"),
    ("Knoxville", "TN", "379", "865"), ("Baton Rouge", "LA", "708", "225"), ("Las Cruces", "NM", "880", "575"),
)  # fmt: skip
_STREETS = words("streets")
KINDS = {
    "Street": "ST", "Avenue": "AVE", "Road": "RD", "Drive": "DR", "Lane": "LN", "Court": "CT", "Boulevard": "BLVD",
    "Place": "PL", "Circle": "CIR", "Terrace": "TER", "Parkway": "PKWY", "Trail": "TRL", "Way": "WAY",
}  # fmt: skip
POINTS = {"North": "N", "South": "S", "East": "E", "West": "W"}
UNITS = {"Apartment": "APT", "Unit": "UNIT", "Suite": "STE"}


@dataclass(frozen=True, slots=True)
class Home:
    """One address in full words; `box` instead of a street when mail goes to a post box."""

    number: int
    point: str
    street: str
    kind: str
    unit_kind: str
    unit: str
    box: int
    city: str
    state: str
    postal_code: str
    area: str


def home(rolls: Random, near: Home | None = None) -> Home:
    """An address anywhere, or in the city of another one; one in six is a large house with many doors."""
    at = int(len(_CITIES) * rolls.random() ** 1.5)
    city, state, prefix, area = _CITIES[at]
    if near is not None:
        city, state, prefix, area = near.city, near.state, near.postal_code[:3], near.area
    postal_code = f"{prefix}{int(60 * rolls.random() ** 1.3):02d}"
    if rolls.random() < 0.03:
        return Home(0, "", "", "", "", "", rolls.randrange(1, 9000), city, state, postal_code, area)
    if rolls.random() < 0.17:  # a large house: its number and street follow from the postal code
        street, door = _STREETS[int(postal_code) % len(_STREETS)], f"{rolls.randrange(1, 30)}{rolls.choice('ABCDEF')}"
        at_number = 100 * (int(postal_code) % 37 + 1)
        return Home(at_number, "", street, "Place", "Apartment", door, 0, city, state, postal_code, area)
    has_unit = rolls.random() < 0.2
    return Home(
        number=rolls.randrange(1, 9900),
        point=rolls.choice(list(POINTS)) if rolls.random() < 0.3 else "",
        street=rolls.choice(_STREETS) if rolls.random() < 0.85 else f"{rolls.randrange(2, 140)}th",
        kind=rolls.choice(list(KINDS)),
        unit_kind=rolls.choice(list(UNITS)) if has_unit else "",
        unit=str(rolls.randrange(1, 400)) if has_unit else "",
        box=0,
        city=city,
        state=state,
        postal_code=postal_code,
        area=area,
    )


def short_line(at: Home) -> str:
    """The street line as the post office abbreviates it."""
    if at.box:
        return f"PO BOX {at.box}"
    words = [str(at.number), POINTS.get(at.point, ""), at.street.upper(), KINDS[at.kind]]
    return " ".join(word for word in [*words, UNITS.get(at.unit_kind, ""), at.unit] if word)


def phone(rolls: Random, area: str) -> str:
    """Ten digits, mostly of the area; so many that sharing one means something."""
    return f"{area if rolls.random() < 0.85 else rolls.randrange(201, 990)}{rolls.randrange(2000000, 9999999)}"
